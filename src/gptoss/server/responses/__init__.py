"""The Responses API: items, runs, store."""
