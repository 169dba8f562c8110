"""A turn as any caller asks for it: the one description that all of them make."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gptoss.chat.opening import opened
from gptoss.chat.prompt import prompt_of
from gptoss.chat.response_format import answer_of
from gptoss.chat.tool_choice import tool_choice_of
from gptoss.chat.tool_policy import ToolPolicy
from gptoss.engine import SamplingParams
from gptoss.errors import ContinuationError
from gptoss.harmony import Channel, Effort, Message, SystemContent
from gptoss.structured import Answer, ToolRule, TurnRules, declared_tools
from gptoss.tokenizer import Tokenizer
from gptoss.tools import ToolSet

if TYPE_CHECKING:
    from gptoss.chat.types.formats import AnswerFormat


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Where a turn ends.

    max_tokens        new tokens at most, reasoning included; None: what the context holds
    reasoning_tokens  tokens of the chain of thought at most, after which the answer begins; None: no limit
    stop              strings that end the answer, and are no part of it
    """

    max_tokens: int | None = None
    reasoning_tokens: int | None = None
    stop: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, max_tokens: int | None, reasoning_tokens: int | None, stop: str | Sequence[str]
    ) -> TurnLimits:
        """Limits as a caller says them: one stop string or several."""
        strings = (stop,) if isinstance(stop, str) else tuple(stop)
        return cls(max_tokens, reasoning_tokens, strings)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """The assistant's next turn, as a caller wants it.

    messages         all that was said, oldest first. Where a system's message comes first, they bring their own
                     opening: effort, instructions, tools and format are not told again. Its tools may be called; a
                     format that it tells of is held to if `response_format` says it as well
    effort           how much the model reasons: `low`, `medium` or `high`
    reasons          whether it reasons at all
    instructions     what an application tells the model; None: the developer's message that `messages` begin with
    tools            what the model is told that it may call
    tool_choice      as chat APIs have it, see `tool_choice_of`; None: as the model likes
    parallel_calls   whether the turn may make several calls
    response_format  the shape of the answer as chat APIs have it, see `answer_of`; None: text
    sampling         how tokens are chosen
    limits           where the turn ends
    num              in how many ways it is written
    continues        whether the last message is the turn's own beginning, which is gone on with: what stands there is
                     neither told nor counted again
    current_date     `YYYY-MM-DD` for the system message; None: today
    grammar          whether the turn is held to all of that, and to the chat format; False is for experiments
    policy           how far tools may go whose calls are run here

    Made from these:

    conversation     the messages behind their opening, without a beginning that is gone on with
    continuation     that beginning
    rules            what the turn is held to; nothing without `grammar`

    Raises SchemaError for a format or a choice that is none, MessageError for an effort or a name that is none,
    ContinuationError for a last message that is no beginning.
    """

    messages: Sequence[Message]
    effort: str = Effort.MEDIUM
    reasons: bool = True
    instructions: str | None = None
    tools: ToolSet = field(default_factory=ToolSet)
    tool_choice: object = None
    parallel_calls: bool = False
    response_format: Mapping[str, object] | AnswerFormat | None = None
    sampling: SamplingParams = field(default_factory=SamplingParams)
    limits: TurnLimits = field(default_factory=TurnLimits)
    num: int = 1
    continues: bool = False
    current_date: str | None = None
    grammar: bool = True
    policy: ToolPolicy = field(default_factory=ToolPolicy)
    conversation: tuple[Message, ...] = field(init=False, repr=False)
    continuation: Message | None = field(init=False, repr=False)
    rules: TurnRules = field(init=False, repr=False)

    def __post_init__(self) -> None:
        answer, told = answer_of(self.response_format)
        said, continuation = self.messages, None
        if self.continues:
            continuation, said = _require_continuable(said), said[:-1]
        date = self.current_date or datetime.date.today().isoformat()
        system = SystemContent(
            current_date=date, effort=Effort.parse(self.effort), tools=self.tools.system
        )
        conversation = opened(
            said, system, instructions=self.instructions, tools=self.tools.developer, told=told
        )
        object.__setattr__(self, "conversation", tuple(conversation))
        object.__setattr__(self, "continuation", continuation)
        rules = self._rules(answer) if self.grammar else TurnRules()
        object.__setattr__(self, "rules", rules)

    def prompt(self, tokenizer: Tokenizer) -> list[int]:
        """The tokens that the model reads."""
        return prompt_of(self.conversation, tokenizer, self.continuation)

    def _rules(self, answer: Answer) -> TurnRules:
        tools = declared_tools(self.conversation, self.tools.strict, self.tools.texts)
        # Those of an opening that the messages bring are among them.
        kinds = {**{each.recipient: _kind_of(each) for each in tools}, **self.tools.kinds}
        choice, allowed = tool_choice_of(self.tool_choice, kinds)
        return TurnRules(
            tools=tools,
            choice=choice,
            allowed=allowed,
            is_parallel=self.parallel_calls,
            answer=answer,
            reasons=self.reasons,
        )


def _kind_of(tool: ToolRule) -> str:
    """A function, or, without a namespace, a kind of its own."""
    return "function" if "." in tool.recipient else tool.recipient


def _require_continuable(said: Sequence[Message]) -> Message:
    last = said[-1] if said else None
    is_said = last is not None and last.role == "assistant" and not last.is_tool_call
    if last is not None and is_said and last.channel in (Channel.ANALYSIS, Channel.FINAL):
        return last
    raise ContinuationError(
        "got a last message that cannot be gone on with, wanted the assistant's answer or chain of thought"
    )
