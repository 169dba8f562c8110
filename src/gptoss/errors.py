"""What a caller can catch; each message says what was got, what was wanted and what to do."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

# Of a whole message: names and schemas in it may be as long as a request.
_MOST_CHARACTERS = 2000
# Of an object or a list that is shown: entries, and levels.
_MOST_ENTRIES, _MOST_LEVELS = 4, 3


def shown(value: object, most: int = 100) -> str:
    """A value as a message shows it: as Python writes it, but never more than its beginning is looked at or written."""
    return shortened(_written(value, most, _MOST_LEVELS), most)


def listed(names: Iterable[str], most: int = 20) -> str:
    """The first of some names, with commas between them; one that would not print as it is, as Python writes it."""
    first = [
        shortened(name, 80) if name.isprintable() else shown(name, 80)
        for name in itertools.islice(names, most + 1)
    ]
    return ", ".join([*first[:most], "..."] if len(first) > most else first)


def shortened(text: str, most: int) -> str:
    """A text without its middle if it is longer than that."""
    if len(text) <= most:
        return text
    head = most * 3 // 4
    return f"{text[:head]}...{text[head + 3 - most :]}"


def _written(value: object, most: int, levels: int) -> str:
    match value:
        case None | bool() | float():
            return repr(value)
        case int():
            # Python refuses to write long ones, and takes quadratic time for those before.
            bits = value.bit_length()
            return repr(int(value)) if bits <= 256 else f"a number of {bits} bits"
        case str() | bytes():
            # Shorter than it may be, so that what stands around it is not cut out of its middle.
            begun = value[: max(1, most - 8)]
            return repr(value) if len(value) <= len(begun) else f"{begun!r}..."
        case Mapping() | list() | tuple() if not levels:
            return "..."
        case Mapping():
            items = (
                f"{_written(key, max(16, most // 4), 0)}: {_written(item, max(16, most // 4), levels - 1)}"
                for key, item in itertools.islice(value.items(), _MOST_ENTRIES)
            )
            return f"{{{', '.join(items)}{', ...' * (len(value) > _MOST_ENTRIES)}}}"
        case list() | tuple():
            begin, end = "[]" if isinstance(value, list) else "()"
            entries = ", ".join(
                _written(each, max(16, most // 4), levels - 1) for each in value[:_MOST_ENTRIES]
            )
            return f"{begin}{entries}{', ...' * (len(value) > _MOST_ENTRIES)}{end}"
    return f"a value of the type {type(value).__name__}"


class GptossError(Exception):
    """Base of every error that this package raises on purpose. Its message is of bounded length."""

    def __init__(self, *args: object) -> None:
        said = (shortened(a, _MOST_CHARACTERS) if isinstance(a, str) else a for a in args)
        super().__init__(*said)


class ConfigError(GptossError):
    """The model's configuration is missing, incomplete or not a gpt-oss one."""


class CheckpointError(GptossError):
    """The files of a checkpoint are missing, damaged, hostile or do not fit the configuration."""


class MissingModelError(CheckpointError):
    """A model of the hub is not on this machine; `gptoss pull` may fetch that repository, at that revision."""

    def __init__(self, message: str, *, repo: str, revision: str | None) -> None:
        super().__init__(message)
        self.repo = repo
        self.revision = revision


class PullError(GptossError):
    """Weights cannot be fetched, or what came is not what was promised."""


class RemovalError(GptossError):
    """A model cannot be removed, or is not ours to remove."""


class UnreachableError(PullError):
    """Nobody answers where weights are to be fetched from, or nobody is to be asked."""


class TokenizerError(GptossError):
    """The tokenizer file is missing, damaged or does not fit the model."""


class MessageError(GptossError):
    """A message or conversation cannot be rendered as harmony."""


class ContinuationError(MessageError):
    """A message cannot be gone on with: it is not the assistant's, or it is a call."""


class RequestError(GptossError):
    """A request asks for something outside its range: token ids, length, sampling values."""


class ContextLengthError(RequestError):
    """A prompt leaves no room for an answer in the model's context.

    In words that clients look for before they shorten a conversation: those of OpenAI's and of Anthropic's APIs.
    """

    def __init__(self, num_tokens: int, context: int, *, is_counted: bool = True) -> None:
        """`is_counted`: whether that is all of them, and not where counting ended."""
        found = f"{num_tokens}" if is_counted else f"more than {num_tokens}"
        super().__init__(
            f"prompt is too long: {found} tokens > {context} maximum; this model's maximum context length is {context} "
            "tokens, of which the answer needs at least one: shorten the conversation"
        )


class SchemaError(RequestError):
    """A schema or grammar is wrong, too large, or asks for what cannot be enforced."""


class QueueFullError(RequestError):
    """So many requests are waiting that no further one is taken; try again later."""


class MemoryBudgetError(RequestError):
    """A model with its context does not fit into the memory that it may take."""


class EngineError(GptossError):
    """A fault of ours ended a request; others go on."""


class KernelError(GptossError):
    """An instruction set or thread count that this machine cannot run."""


class PrefixFileError(GptossError):
    """A file of kept prefixes is damaged, or belongs to another model, version or way to run."""


class OutputError(GptossError):
    """A file or folder cannot be written."""


class ServerError(GptossError):
    """The server cannot start as it was asked to, or cannot do its own part of a request."""


class SandboxError(GptossError):
    """No sandbox can be built on this machine, or a file of one cannot be read or written as asked."""


class DataError(GptossError):
    """A file of rows that a user brings cannot be read."""


class TrainingError(GptossError):
    """Fine-tuning cannot begin, go on or end as asked."""


class EvalError(GptossError):
    """Data of an evaluation cannot be read, or a run cannot be begun, continued or compared as asked."""


class AnswerError(GptossError):
    """A server did not answer a request of ours, or refused it, for reasons that are not the request's content."""
