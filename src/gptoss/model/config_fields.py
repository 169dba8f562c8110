"""Checked access to the fields of a configuration file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gptoss.errors import ConfigError
from gptoss.files.json_text import MAX_SHOWN, shorten

# No count of a model comes near; it keeps a hostile file from asking for lists without end.
MOST = 2**31 - 1

# Beyond these, products of two would not be numbers any more.
LEAST, LARGEST = 1e-30, 1e30

_REQUIRED: Any = object()


class Fields:
    """The keys of one JSON object, each read with its type and range checked.

    `source` names the object in errors. Every method raises ConfigError.
    """

    def __init__(
        self,
        data: dict[str, object],
        source: str,
        *,
        remedy: str = "take the config.json that was published with the weights",
    ) -> None:
        """`remedy` is what errors end with."""
        self._data = data
        self._source = source
        self._remedy = remedy

    def __contains__(self, key: str) -> bool:
        return self._data.get(key) is not None

    def error(self, key: str, wanted: str) -> ConfigError:
        """What to raise when a key's value is not what was wanted."""
        name = key if key.isprintable() and len(key) <= MAX_SHOWN else shorten(key)
        got = f"{name} = {shorten(self._data[key])}" if key in self._data else f"no {key!r}"
        return ConfigError(f"{self._source}: got {got}, wanted {wanted}; {self._remedy}")

    def raw(self, key: str) -> object:
        """The value as it stands; None when absent."""
        return self._data.get(key)

    def count(self, key: str, *aliases: str, at_most: int = MOST) -> int:
        """A whole number from 1, under the first of several spellings that is present."""
        name = next((name for name in (key, *aliases) if name in self), key)
        value = self._data.get(name)
        if type(value) is not int or not 1 <= value <= at_most:
            raise self.error(name, f"a whole number from 1 to {at_most}")
        return value

    def number(self, key: str, *, default: float = _REQUIRED, at_least: float = LEAST) -> float:
        """A number from `at_least` to LARGEST, which is finite in float32 as well."""
        value = self._data.get(key)
        if value is None and default is not _REQUIRED:
            return default
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not at_least <= value <= LARGEST
        ):
            raise self.error(key, f"a number from {at_least:g} to {LARGEST:g}")
        return float(value)

    def section(self, key: str) -> Fields:
        """A JSON object inside this one."""
        value = self._data.get(key)
        if not isinstance(value, dict):
            raise self.error(key, "a JSON object")
        return Fields(value, f"{self._source}: {key}", remedy=self._remedy)

    def token_ids(self, key: str, vocab_size: int) -> tuple[int, ...]:
        """One token id or a list of them; none when absent."""
        value = self._data.get(key)
        if value is None:
            return ()
        ids = value if isinstance(value, list) else [value]
        if any(type(i) is not int or not 0 <= i < vocab_size for i in ids):
            raise self.error(key, f"token ids from 0 to {vocab_size - 1}")
        return tuple(ids)

    def require(self, key: str, wanted: object) -> None:
        """Refuse any value but the one that every gpt-oss model has; absent is right."""
        if key in self and self._data[key] != wanted:
            raise self.error(key, f"{wanted!r}, as every gpt-oss model has")

    def refuse_others(self, known: Sequence[str]) -> None:
        """Refuse keys that would change the result and are not understood."""
        for key in self._data:
            if key not in known and key in self:
                raise self.error(key, f"only {', '.join(known)}")
