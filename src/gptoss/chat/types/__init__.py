"""Types of messages, tools, tool choices and response formats that callers write, each described once."""
