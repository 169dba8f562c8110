"""The files of a container, as they are known from outside: ids for what is in its folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from gptoss.server.shared.ids import new_id

FOLDER = "/mnt/data/"
Source = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class ContainerFile:
    """A file of a container.

    name    its path beneath `/mnt/data`
    source  who put it there: whoever asked, or the model's code
    """

    name: str
    num_bytes: int
    source: Source
    id: str = field(default_factory=lambda: new_id("cfile_"))
    created: float = field(default_factory=time.time)


def seen(known: Mapping[str, ContainerFile], sizes: Mapping[str, int]) -> dict[str, ContainerFile]:
    """The files that are there, by their names: those that are known keep their ids, the others are the code's."""
    return {
        name: replace(known[name], num_bytes=size)
        if name in known
        else ContainerFile(name, size, "assistant")
        for name, size in sizes.items()
    }
