"""Completions: raw continuation of text or token ids, no chat format."""
