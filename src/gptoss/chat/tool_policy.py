"""How far a turn's tools may go: caps, and what a call needs before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gptoss.arguments import require_type
from gptoss.errors import RequestError
from gptoss.tools import Approval, Approver, Decision, Tool


class Cap(StrEnum):
    """Why the tools of a turn were taken away, so that it answers."""

    ROUNDS = "rounds"
    WALL_TIME = "wall_time"
    TOOL_TIME = "tool_time"
    RESULTS = "results"
    CONTEXT = "context"
    REPETITION = "repetition"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """Where tools are taken away, and the turn answers with what it has. Tokens are `TurnLimits.max_tokens`.

    rounds          generations that may call tools
    calls           calls that are run at most; None: as many as the other limits let
    wall_s          seconds of the whole turn, after which no tool is called any more
    tool_s          seconds that its calls may take together
    result_tokens   of one result: a longer one is cut in the middle
    results_tokens  of all results
    repeated        so many times the same call with the same result, one after the other, and the result is replaced
                    by a line that says so
    repeated_most   and so many times, and the tools are taken away

    Raises RequestError for a value below 1.
    """

    rounds: int = 64
    wall_s: float = 1800.0
    tool_s: float = 600.0
    result_tokens: int = 8192
    results_tokens: int = 65536
    repeated: int = 3
    repeated_most: int = 5
    calls: int | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is None and name == "calls":
                continue
            require_type(name, value, int, float, error=RequestError)
            if not value >= 1:
                raise RequestError(f"got {name} {value}, wanted 1 or more")


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """What a turn's tools may do.

    limits     see `LoopLimits`
    floor      what calls of a recipient need at least, beside what their tool says
    approve    asks a person; None: nobody listens, and what needs approval is denied
    approve_s  seconds that a person has, on an event loop; then the call is denied
    pauses     whether a turn ends, rather than deny, where approval is needed and nobody listens: it goes on when it
               is asked for again with decisions
    decisions  taken before, by the digest of their call, each for one call: of the same call several times, in their
               order
    """

    limits: LoopLimits = field(default_factory=LoopLimits)
    floor: Mapping[str, Approval] = field(default_factory=dict)
    approve: Approver | None = None
    approve_s: float = 300.0
    pauses: bool = False
    decisions: Mapping[str, Sequence[Decision]] = field(default_factory=dict)

    def needed(self, tool: Tool, *, has_read_foreign: bool) -> tuple[Approval, str]:
        """What a call of the tool needs, and why.

        Behind text that strangers may have written, whatever is not read-only is asked for: orders in it are not the
        user's.
        """
        needed = tool.approval.or_stricter(self.floor.get(tool.recipient, Approval.ALLOW))
        if needed is not Approval.ALLOW:
            return needed, f"calls of {tool.recipient.removeprefix('functions.')} need approval"
        if has_read_foreign and not tool.is_read_only:
            return Approval.ASK, "the conversation holds text that strangers may have written"
        return Approval.ALLOW, ""
