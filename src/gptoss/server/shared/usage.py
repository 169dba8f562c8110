"""Tokens that are counted apart."""

from __future__ import annotations

from gptoss.server.replies import Count, Reply


class CachedTokens(Reply):
    """Of a prompt."""

    cached_tokens: Count
    """Tokens that were in the prefix cache."""


class ReasoningTokens(Reply):
    """Of an answer."""

    reasoning_tokens: Count
    """Tokens of the chain of thought."""
