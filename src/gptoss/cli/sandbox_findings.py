"""What a doctor says of sandboxes: the rung in force, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gptoss.runtime.doctor import Finding

GROUP = "sandbox"


def look_at_sandboxes() -> Iterator[Finding]:
    """A finding for each rung: whether it holds, tried, and whether it is the one that code runs in."""
    from gptoss.cli.sandbox import described
    from gptoss.runtime.doctor import Finding, Level
    from gptoss.tools.sandbox import Limits, RungName, look_at

    looks = [look_at(name) for name in RungName]
    is_in_force = True
    for look in looks:
        if not look.problem:
            said = "the model's code runs in it" if is_in_force else "holds as well"
            said += f": {described(Limits())}" if is_in_force else ""
            is_in_force = False
            yield Finding(GROUP, look.rung.name, Level.OK, said)
        else:
            # No fault of the model's, nor of the machine's: it is one way of several, and not needed to answer.
            yield Finding(GROUP, look.rung.name, Level.NOTE, look.problem, look.remedy)
    if is_in_force:
        said = "there is none: code of the model's is refused, and never run without one"
        yield Finding(GROUP, "rung", Level.NOTE, said, "make one of the above possible")
