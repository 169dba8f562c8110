"""A finished turn."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass

from gptoss.chat.tool_policy import Cap
from gptoss.engine import FinishReason, Loop, Timings
from gptoss.harmony import Message, Repair
from gptoss.tools import ApprovalRequest, ToolResult


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a turn. `reasoning_tokens` are among `completion_tokens`, `cached_tokens` among `prompt_tokens`."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Return the tokens of two generations together."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Usage(*(mine + its for mine, its in pairs))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called; `arguments` is text, JSON if the model kept to it."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call that was run here.

    recipient  of the tool, such as `functions.add`, or `python`
    arguments  word for word as the model wrote them
    result     whole, with the files that it made
    told       of the result, what the model has read
    """

    recipient: str
    arguments: str
    result: ToolResult
    told: str

    def to_dict(self) -> dict[str, object]:
        """The call for JSON, with the names of its files."""
        return {
            "name": self.recipient.removeprefix("functions."),
            "arguments": self.arguments,
            "result": self.told,
            "ending": str(self.result.ending),
            "seconds": round(self.result.seconds, 6),
            "files": [each.name for each in self.result.attachments],
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """What the assistant said in one turn.

    content           the answer; empty when the turn ended before it, see `finish_reason`
    reasoning         the chain of thought, raw: not meant for an application's users
    tool_calls        those that the caller is to run
    messages          the turn as harmony messages
    repairs           where the model left the format, and what was assumed
    is_reasoning_cut  whether the chain of thought was ended by its budget, or by `answer_now`
    loop              the repetition that the turn fell into, if one was noticed
    not_enforced      in words, what of the schemas the answer and its calls were not held to
    tool_runs         calls that were run here, in their order
    capped            why tools were taken away before the answer, if they were
    approvals         calls that wait for a person, where the turn was to pause for them
    """

    content: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: FinishReason
    usage: Usage
    timings: Timings
    messages: tuple[Message, ...] = ()
    repairs: tuple[Repair, ...] = ()
    seed: int | None = None
    is_reasoning_cut: bool = False
    loop: Loop | None = None
    not_enforced: tuple[str, ...] = ()
    tool_runs: tuple[CallRecord, ...] = ()
    capped: Cap | None = None
    approvals: tuple[ApprovalRequest, ...] = ()

    def to_json(self) -> str:
        """One line of JSON, with the names that scripts rely on."""
        data = {
            "content": self.content,
            "reasoning": self.reasoning,
            "tool_calls": [asdict(call) for call in self.tool_calls],
            "finish_reason": str(self.finish_reason),
            "usage": asdict(self.usage),
            "timings": self.timings.to_dict(),
            "seed": self.seed,
            "reasoning_cut": self.is_reasoning_cut,
            "loop": None if self.loop is None else asdict(self.loop),
            "not_enforced": list(self.not_enforced),
        }
        if self.tool_runs:
            data["tool_runs"] = [run.to_dict() for run in self.tool_runs]
            data["capped"] = self.capped
        return json.dumps(data, ensure_ascii=False)
