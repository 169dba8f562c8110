"""Anthropic's Claude Code, which is given a file to mend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.conftest import NODE, NODE_MODULES, PYTHON, SCRIPTS, RunClient
from tests.clients.enclosed import URL
from tests.clients.played_questions import MARK, NAME

pytestmark = pytest.mark.slow
ENVIRONMENT = {
    "ANTHROPIC_BASE_URL": URL,
    "ANTHROPIC_API_KEY": "none",
    "ANTHROPIC_MODEL": NAME,
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
}
IGNORED = {
    "context_management",
    "messages.*.content.*.cache_control",
    "metadata",
    # The line for Anthropic's own servers.
    "system.*",
    "system.*.cache_control",
    "tools.*.defer_loading",
}
COMMAND = [NODE, NODE_MODULES / "@anthropic-ai/claude-code/cli-wrapper.cjs", "-p"]
EDIT = {"old_string": "a - b", "new_string": "a + b"}


def test_an_edit(run_client: RunClient, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    path = work / "sums.py"
    path.write_text("def add(a, b):\n    return a - b\n")
    place = {"file_path": str(path)}
    question = f"""{MARK}think I look first.
tell I look at the file.
call Read {json.dumps(place)}
think The sign is wrong.
call Edit {json.dumps({**place, **EDIT})}
think I may need more tools.
call ToolSearch {json.dumps({"query": "select:WebFetch", "max_results": 1})}
think It is mended.
say `add` adds now."""
    command = [*COMMAND, question, "--permission-mode", "acceptEdits"]
    ran = run_client(command, work, **ENVIRONMENT)
    ran.assert_well()
    assert path.read_text() == "def add(a, b):\n    return a + b\n"
    assert ran.stdout.strip() == "`add` adds now."
    assert [each["asked"] for each in ran.requests] == ["POST /v1/messages"] * 4
    assert ran.ignored == IGNORED


def test_a_session_that_is_shown(run_client: RunClient, tmp_path: Path) -> None:
    """As an interactive one is, with what the model thinks; its tool is that of an MCP server, looked for and found."""
    server = {"command": str(PYTHON), "args": [f"{SCRIPTS}/python/words_server.py"]}
    tool, word = "mcp__words__look_up", {"word": "cold"}
    question = f"""{MARK}think I search.
call ToolSearch {json.dumps({"query": f"select:{tool}", "max_results": 1})}
think I look.
call {tool} {json.dumps(word)}
think Found.
say Seven degrees."""
    shown = ["--output-format", "stream-json", "--verbose", "--include-partial-messages"]
    tools = ["--mcp-config", json.dumps({"mcpServers": {"words": server}}), "--allowedTools", tool]
    ran = run_client([*COMMAND, question, *shown, *tools], tmp_path, **ENVIRONMENT)
    ran.assert_well()
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    blocks = [
        block
        for each in told
        if each["type"] == "assistant"
        for block in each["message"]["content"]
    ]
    assert [block["thinking"] for block in blocks if block["type"] == "thinking"] == [
        "I search.",
        "I look.",
        "Found.",
    ]
    assert [block["input"] for block in blocks if block["type"] == "tool_use"][1:] == [word]
    assert "cold: seven degrees" in ran.stdout
    assert told[-1]["result"] == "Seven degrees."
    assert len(ran.requests) == 3
