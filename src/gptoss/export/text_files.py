"""The text side of a checkpoint: its vocabulary, and the small files that go beside weights.

What the source has is carried as it is; of the rest is written what its vocabulary says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gptoss.errors import CheckpointError
from gptoss.files.gguf import GgufFile
from gptoss.files.json_text import read_object
from gptoss.files.regular import read_file
from gptoss.harmony.names import Marker
from gptoss.hub.released import LICENCES
from gptoss.model.checkpoint import Checkpoint
from gptoss.tokenizer.gguf_vocabulary import read_vocabulary
from gptoss.tokenizer.tokenizer_file import TOKENIZER, tokenizer_file, tokenizer_file_beside
from gptoss.tokenizer.tokenizer_json import tokenizer_json
from gptoss.tokenizer.vocabulary import MAX_FILE_BYTES, Vocabulary

TEMPLATE = "chat_template.jinja"
GGUF_TEMPLATE = "tokenizer.chat_template"
_CONFIG, _SPECIALS = "tokenizer_config.json", "special_tokens_map.json"
# The released template has 17 kB, and the configuration names a thousand reserved tokens.
_MAX_SMALL_BYTES = 4 << 20
# What other programs call these tokens.
_ROLES = {
    "bos_token": "<|startoftext|>",
    "eos_token": Marker.RETURN,
    "pad_token": Marker.END_OF_TEXT,
}


@dataclass(frozen=True)
class TextFiles:
    """The vocabulary, the chat template if there is one, and files by name."""

    vocabulary: Vocabulary
    template: str | None
    files: dict[str, bytes]

    @property
    def roles(self) -> dict[str, int]:
        """The ids of the tokens that begin, end and fill a text, as far as the vocabulary has them."""
        specials = self.vocabulary.specials
        return {role: specials[name] for role, name in _ROLES.items() if name in specials}

    def stop_ids(self, known: Iterable[int]) -> tuple[int, ...]:
        """The tokens that end a turn, in the order in which they were published, then others that are known to."""
        specials = self.vocabulary.specials
        markers = (Marker.RETURN, Marker.END_OF_TEXT, Marker.CALL)
        found = [specials[marker] for marker in markers if marker in specials]
        return tuple(dict.fromkeys([*found, *known]))


def read_text_files(checkpoint: Checkpoint) -> TextFiles:
    """Those of a checkpoint. Raises TokenizerError where it has no tokenizer, CheckpointError for unreadable files."""
    first = checkpoint.files[0]
    if not isinstance(first, GgufFile):
        return _beside(tokenizer_file(checkpoint.path))
    beside = tokenizer_file_beside(first)
    if beside is not None:
        return _beside(beside)
    vocabulary = read_vocabulary(first)
    template = first.metadata.get(GGUF_TEMPLATE)
    text = template if isinstance(template, str) else None
    files = {TOKENIZER: tokenizer_json(vocabulary)}
    if text is not None:
        files[TEMPLATE] = text.encode("utf-8")
    return TextFiles(vocabulary, text, _completed(files, vocabulary))


def _beside(path: Path) -> TextFiles:
    """The files of the folder in which a tokenizer.json lies."""
    vocabulary = Vocabulary.from_file(path)
    limits = {TOKENIZER: MAX_FILE_BYTES}
    files: dict[str, bytes] = {}
    for name in (TOKENIZER, _CONFIG, _SPECIALS, TEMPLATE, *LICENCES):
        try:
            files[name] = read_file(path.with_name(name), limits.get(name, _MAX_SMALL_BYTES))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CheckpointError(
                f"cannot read {path.with_name(name)}: {error.strerror or error}; wanted a file of the checkpoint"
            ) from None
    return TextFiles(vocabulary, _template(path, files), _completed(files, vocabulary))


def _template(path: Path, files: dict[str, bytes]) -> str | None:
    """The chat template: a file of its own, or a text in the tokenizer's configuration."""
    try:
        if TEMPLATE in files:
            return files[TEMPLATE].decode("utf-8")
        if _CONFIG not in files:
            return None
        template = read_object(path.with_name(_CONFIG), most_bytes=_MAX_SMALL_BYTES).get(
            "chat_template"
        )
        if not isinstance(template, str):
            return None
        # JSON says halves of characters too, which no other file does.
        template.encode("utf-8")
        return template
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"the chat template beside {path} cannot be read: {error}; get the file again"
        ) from None


def _completed(files: dict[str, bytes], vocabulary: Vocabulary) -> dict[str, bytes]:
    roles = {role: str(name) for role, name in _ROLES.items() if name in vocabulary.specials}
    config = {
        **roles,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    return {_CONFIG: _json(config), _SPECIALS: _json(roles), **files}


def _json(data: object) -> bytes:
    return json.dumps(data, indent=2).encode("utf-8") + b"\n"
