"""What a caller can catch; each message says what was got, what was wanted and what to do."""

from __future__ import annotations


class GptossError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(GptossError):
    """The model's configuration is missing, incomplete or not a gpt-oss one."""


class CheckpointError(GptossError):
    """The files of a checkpoint are missing, damaged, hostile or do not fit the configuration."""


class TokenizerError(GptossError):
    """The tokenizer file is missing, damaged or does not fit the model."""


class MessageError(GptossError):
    """A message or conversation cannot be rendered as harmony."""


class RequestError(GptossError):
    """A request asks for something outside its range: token ids, length, sampling values."""


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
