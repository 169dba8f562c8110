"""Chat Completions: requests, replies, routes."""
