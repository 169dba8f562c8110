"""Whether a call may run: the operator's floor, the person's decision, and what that is bound to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Approval(StrEnum):
    """What a call needs, from the mildest to the strictest."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"

    def or_stricter(self, other: Approval) -> Approval:
        """The stricter of both: a request may tighten what its operator has set, never loosen it."""
        order = list(Approval)
        return max(self, other, key=order.index)


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """A call that waits for a person.

    recipient  of the tool, as in `ToolCallStarted`
    arguments  word for word as the model wrote them
    digest     see `gptoss.tools.digest_of`; a decision is for this alone
    reason     why it is asked
    """

    recipient: str
    arguments: str
    digest: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's answer.

    reason  is told to the model where the call is denied
    claim   asked right before the call is run: whether the answer may still be used for it; None: it may
    """

    is_approved: bool
    reason: str | None = None
    claim: Callable[[], bool] | None = field(default=None, compare=False, repr=False)


# What asks a person: on a terminal, in a window, in a test.
Approver = Callable[[ApprovalRequest], "bool | Decision | Awaitable[bool | Decision]"]
