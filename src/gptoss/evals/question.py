"""A question of a sample, and the answer to it, as plain values that are the same in process and over a server."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from gptoss.chat.reply import Usage
from gptoss.evals.kept import NUMBER, Kinds, fields_of

_CALL: dict[str, Kinds] = dict.fromkeys(("name", "arguments", "id"), str)
_USAGE: dict[str, Kinds] = dict.fromkeys(
    ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens"), int
)
_ANSWER: dict[str, Kinds] = {
    "content": str,
    "reasoning": str,
    "calls": list,
    "finish_reason": str,
    "usage": dict,
    "seconds": NUMBER,
    "repairs": (int, type(None)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One turn that a suite asks for.

    messages         the conversation as the Chat Completions API has it
    tools            as that API has them; calls are never run, but graded
    tool_choice      as that API has it; None: as the model likes
    parallel_calls   whether the turn may make several calls
    response_format  as that API has it; None: text
    effort, temperature, top_p, max_tokens
                     of this question alone; None: those of the run
    """

    messages: Sequence[Mapping[str, object]]
    tools: Sequence[Mapping[str, object]] = ()
    tool_choice: object = None
    parallel_calls: bool = False
    response_format: Mapping[str, object] | None = None
    effort: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None

    @classmethod
    def of(cls, text: str, *, system: str | None = None) -> Question:
        """A text that the user says, perhaps behind instructions."""
        said = [{"role": "user", "content": text}]
        first = [] if system is None else [{"role": "system", "content": system}]
        return cls(messages=(*first, *said))

    def to_dict(self) -> dict[str, object]:
        """The question for JSON, without what it does not say."""
        said: dict[str, object] = {
            "messages": list(self.messages),
            "tools": list(self.tools),
            "tool_choice": self.tool_choice,
            "parallel_calls": self.parallel_calls,
            "response_format": self.response_format,
            "effort": self.effort,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
        }
        return {name: value for name, value in said.items() if value or isinstance(value, float)}

    def digest(self) -> str:
        """A hash of all that it says: an answer is to this question and to no other."""
        text = json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the model made; `arguments` as it wrote them."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    content        the final answer alone, never the chain of thought
    finish_reason  `stop`, `length`, `tool_calls`, `context` where the question itself did not fit, or whatever else a
                   server says
    seconds        from the question to the end of the answer, waiting included
    repairs        places where the model left the chat format; None: nobody counted, as over a server
    """

    content: str
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    finish_reason: str = "stop"
    usage: Usage = field(default_factory=lambda: Usage(0, 0, 0))
    seconds: float = 0.0
    repairs: int | None = None

    @classmethod
    def too_long(cls) -> Answer:
        """To a question that the context has no room for."""
        return cls(content="", finish_reason="context")

    @property
    def is_cut_off(self) -> bool:
        """Whether the limit of tokens, or the context, ended it."""
        return self.finish_reason in ("length", "context")

    def message(self) -> dict[str, object]:
        """The answer as a message of the conversation that goes on, with its chain of thought if it made calls."""
        said: dict[str, object] = {"role": "assistant", "content": self.content}
        if self.calls:
            said["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in self.calls
            ]
            if self.reasoning:
                said["reasoning"] = self.reasoning
        return said

    def to_dict(self) -> dict[str, object]:
        """The answer for JSON; `from_dict` reads it."""
        return {
            "content": self.content,
            "reasoning": self.reasoning,
            "calls": [asdict(call) for call in self.calls],
            "finish_reason": self.finish_reason,
            "usage": asdict(self.usage),
            "seconds": self.seconds,
            "repairs": self.repairs,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Answer:
        """An answer that was kept. Raises ValueError for what is none."""
        given = fields_of(data, _ANSWER)
        given["calls"] = tuple(Call(**fields_of(each, _CALL)) for each in given["calls"])
        given["usage"] = Usage(**fields_of(given["usage"], _USAGE))
        return cls(**given)
