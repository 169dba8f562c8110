"""What became of a cell: what it printed, made and was refused, and the text of it that a model reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gptoss.tools.sandbox.rung import RungName

# As the system says it, and Python's errors with it.
_DENIED = "Operation not permitted"


class Reason(StrEnum):
    """Why a cell ended."""

    FINISHED = "finished"
    ERROR = "error"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"
    MEMORY = "memory"
    OUTPUT = "output"
    DISK = "disk"
    THREADS = "threads"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Stream:
    """What a cell wrote to one stream: its beginning, its end, and how many bytes between them were left out."""

    head: str = ""
    tail: str = ""
    num_left_out: int = 0

    def __str__(self) -> str:
        if not self.num_left_out:
            return self.head + self.tail
        return f"{_ended(self.head)}{_left_out(self.num_left_out, 'bytes')}\n{self.tail}"


@dataclass(frozen=True, slots=True)
class Output:
    """What one cell gave. Nothing in it is to be believed: all of it may be the code's own words.

    value          the last expression's, as Python writes it; empty where there is none
    images         PNG files, in order
    files          names beneath `/mnt/data` that are new, changed or gone, as they can be written out
    refused        what the code asked for that there is not, as far as Python tells
    is_state_lost  whether the process ended, and with it all variables
    """

    reason: Reason
    rung: RungName
    stdout: Stream = field(default_factory=Stream)
    stderr: Stream = field(default_factory=Stream)
    value: str = ""
    images: tuple[bytes, ...] = ()
    files: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    duration_s: float = 0.0
    is_state_lost: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the code ran to its end."""
        return self.reason is Reason.FINISHED

    def text(self, most_characters: int | None = None) -> str:
        """All of it as the model reads it: what was printed, the last value, errors, and how it ended.

        Of what is longer than `most_characters`, the middle becomes a line that says how much there was.
        """
        parts = [str(self.stdout), self.value, str(self.stderr)]
        shown = "".join(_ended(part) for part in parts if part)
        if most_characters is not None and len(shown) > most_characters:
            shown = _without_middle(shown, most_characters)
        lines = [*self.notes, *self._hints()]
        if not shown and not lines:
            files = f", and changed {', '.join(self.files)}" if self.files else ""
            lines = [
                f"(the code ran to its end and printed nothing{files})"
                if not self.images
                else f"(the code ran to its end and drew {_counted(len(self.images), 'picture')})"
            ]
        return (shown + "".join(f"{line}\n" for line in lines)).removesuffix("\n")

    def _hints(self) -> list[str]:
        """What would keep a model from trying the same again.

        Nothing where the code has failed for another reason: libraries try what there is not, and do without.
        """
        if self.is_good or _DENIED not in str(self.stderr):
            return []
        kinds = {each.partition(":")[0] for each in self.refused}
        hints = []
        if any("pip" in each.split() for each in self.refused):
            hints.append("(pip cannot work here: there is no network and no other process)")
        elif "process" in kinds:
            hints.append("(no other process can be started here)")
        if "network" in kinds:
            hints.append("(there is no network here)")
        return hints


def printable(text: str) -> str:
    """Text that can be written out, whatever was in it: names of files need not be UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def _without_middle(text: str, most: int) -> str:
    """Beginning and end, three quarters of the room for the beginning."""
    head, tail = most * 3 // 4, most - most * 3 // 4
    left = len(text) - head - tail
    return f"{_ended(text[:head])}{_left_out(left, 'characters')}\n{text[len(text) - tail :]}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _left_out(count: int, unit: str) -> str:
    return f"[... {count:,} {unit} are left out here ...]"


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
