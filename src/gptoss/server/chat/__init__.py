"""Chat Completions: requests, turns, replies."""
