"""A vocabulary as the tokenizer.json that other programs read, for models whose files have none."""

from __future__ import annotations

import json

from gptoss.tokenizer.merges import merges_of
from gptoss.tokenizer.vocabulary import Vocabulary, byte_of_character

_BYTE_LEVEL = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": False,
}


def tokenizer_json(vocabulary: Vocabulary) -> bytes:
    """The file's bytes, in the published form; `Vocabulary.from_file` makes the same vocabulary of them."""
    character_of = {byte: character for character, byte in byte_of_character().items()}

    def spelled(token: bytes) -> str:
        return "".join(map(character_of.__getitem__, token))

    split = {
        "type": "Split",
        "pattern": {"Regex": vocabulary.pattern},
        "behavior": "Removed",
        "invert": True,
    }
    data = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _added(name, token_id)
            for name, token_id in sorted(vocabulary.specials.items(), key=lambda item: item[1])
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, _BYTE_LEVEL]},
        "post_processor": None,
        "decoder": _BYTE_LEVEL | {"add_prefix_space": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            # A piece that is a token is that token, whether merges lead to it or not.
            "ignore_merges": True,
            "vocab": {
                spelled(token): rank
                for token, rank in sorted(vocabulary.ranks.items(), key=lambda item: item[1])
            },
            "merges": [
                [spelled(left), spelled(right)] for left, right in merges_of(vocabulary.ranks)
            ],
        },
    }
    return json.dumps(data, ensure_ascii=False, indent=2).encode("utf-8") + b"\n"


def _added(name: str, token_id: int) -> dict[str, object]:
    return {
        "id": token_id,
        "content": name,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
