"""What callers of all kinds write: messages, tools, tool choices, response formats. Each is described here alone."""
