"""A tokenizer.json of bytes alone: the smallest that works."""

from __future__ import annotations

from typing import Any

import pytest

from gptoss.tokenizer.vocabulary import PATTERNS, byte_of_character


@pytest.fixture
def byte_level() -> dict[str, Any]:
    """256 bytes, one merge and two special tokens, as the tokenizers library would write them."""
    vocab = byte_of_character()
    vocab["ab"] = 256
    return {
        "added_tokens": [
            {"id": 257, "content": "<|start|>", "special": True},
            {"id": 258, "content": "<|end|>", "special": True},
        ],
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": PATTERNS[1]}, "behavior": "Isolated"},
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        },
        "model": {"type": "BPE", "vocab": vocab, "merges": [["a", "b"]]},
    }
