"""Whether a call may run: the operator's floor, the person's decision, and what that is bound to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gptoss.harmony.frozen_json import thaw

if TYPE_CHECKING:
    from gptoss.tools.tool import Tool


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

    recipient  of the tool, such as `functions.send_mail`
    arguments  word for word as the model wrote them
    digest     see `digest_of`; a decision is for this alone
    reason     why it is asked
    """

    recipient: str
    arguments: str
    digest: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's answer; `reason` is told to the model where the call is denied."""

    is_approved: bool
    reason: str | None = None


# What asks a person: on a terminal, in a window, in a test.
Approver = Callable[[ApprovalRequest], "bool | Decision | Awaitable[bool | Decision]"]


def digest_of(tool: Tool, arguments: str) -> str:
    """SHA-256, in hexadecimal, of a tool's definition and a call's arguments: a change of either is another call."""
    about = tool.description
    told = [tool.recipient, tool.kind, about.description, thaw(about.parameters), arguments]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
