"""An MCP server with one tool, on standard input and output."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("words")


@server.tool()
def look_up(word: str) -> str:
    """What a word means."""
    return f"{word}: seven degrees"


if __name__ == "__main__":
    server.run()
