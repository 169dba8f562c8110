"""A conversation with a loaded model."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gptoss import harmony
from gptoss.arguments import require_type
from gptoss.chat.blocks import result_of
from gptoss.chat.events import TurnEvent, TurnFinished
from gptoss.chat.reply import Reply
from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.response_format import answer_of
from gptoss.chat.tool_policy import LoopLimits, ToolPolicy
from gptoss.chat.tools import ToolForm, tool_set
from gptoss.chat.turn import Turn, begin_turns
from gptoss.engine import FinishReason, SamplingParams
from gptoss.errors import MessageError, RequestError
from gptoss.harmony import Effort, Message, Role
from gptoss.runtime.loaded_model import LoadedModel
from gptoss.structured import CompiledTurn
from gptoss.tools import Approver


class Chat:
    """Remembers what was said. One turn at a time: each thread that talks by itself needs a Chat of its own.

    reasoning         `low`, `medium` or `high`; may be changed between turns
    system            what an application tells the model; harmony has it in the developer message
    sampling          how tokens are chosen; `temperature`, `top_p` and `seed` may be given by themselves
    current_date      `YYYY-MM-DD` for the system message; None: today
    max_tokens        new tokens of a turn at most, reasoning included; None: what the context holds
    reasoning_tokens  tokens of the chain of thought at most, after which the answer begins; None: no limit
    stop              a string, or some, that end the answer and are no part of it
    tools             what the model may call, see `tool_set`. Typed Python functions, sync or async, and tools of
                      `gptoss.tools` are run here, as often as it takes; calls of others are the reply's `tool_calls`
    approve           asked before a call that needs approval, with an `ApprovalRequest`: True, False, or a `Decision`;
                      None: what needs approval is denied
    tool_limits       where the tools of a turn are taken away, so that it answers
    tool_choice       None: as it likes; `none`, `required`, or an object as chat APIs have them
    parallel_calls    whether a turn may make several calls
    response_format   the shape of the answer, see `gptoss.chat.answer_of`; None: text
    grammar           whether turns are held to all of that, and to the chat format; False is for experiments

    Raises MessageError for an unknown reasoning level, a tool or a name that is none, SchemaError for a format that is
    none, RequestError for a value of another type or out of range.
    """

    def __init__(
        self,
        model: LoadedModel,
        reasoning: str = "medium",
        *,
        system: str | None = None,
        sampling: SamplingParams | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        max_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        stop: str | Sequence[str] = (),
        current_date: str | None = None,
        tools: Iterable[ToolForm] | None = None,
        approve: Approver | None = None,
        tool_limits: LoopLimits | None = None,
        tool_choice: object = None,
        parallel_calls: bool = False,
        response_format: Mapping[str, object] | None = None,
        grammar: bool = True,
    ) -> None:
        require_type("the model", model, LoadedModel, wanted="what gptoss.load() returns")
        require_type("sampling", sampling, SamplingParams, type(None))
        require_type("stop", stop, str, Sequence, wanted="a string or some")
        require_type("tools", tools, Iterable, type(None), wanted="a list of tools")
        require_type("tool_limits", tool_limits, LoopLimits, type(None))
        given = {"temperature": temperature, "top_p": top_p, "seed": seed}
        alone: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self.model = model
        self.reasoning = reasoning
        self.system = system
        self.sampling: SamplingParams = replace(sampling or SamplingParams(), **alone)
        self.max_tokens = max_tokens
        self.reasoning_tokens = reasoning_tokens
        self.stop_strings = stop
        self.current_date = current_date
        self.tools = tool_set(tools or ())
        self.policy = ToolPolicy(limits=tool_limits or LoopLimits(), approve=approve)
        self.tool_choice = tool_choice
        self.parallel_calls = parallel_calls
        self.response_format = response_format
        self.grammar = grammar
        answer_of(response_format)
        self.history: list[Message] = []
        self._turn: Turn | None = None
        self._is_stopping = False
        self._talking = threading.Lock()

    def __repr__(self) -> str:
        said = f"{len(self.history)} messages"
        return f"<Chat with {self.model.name}: {said}, reasoning {self.reasoning}>"

    @property
    def reasoning(self) -> str:
        """The level of the next turn. Setting raises MessageError for an unknown one."""
        return self._effort

    @reasoning.setter
    def reasoning(self, level: str) -> None:
        self._effort = Effort.parse(level)

    @property
    def context(self) -> int:
        """Tokens that the conversation may have, answers included."""
        return self.model.context

    def send(self, said: str | Sequence[str]) -> Reply:
        """Say something, or give the results of the last reply's tool calls in their order; wait for the whole reply.

        Raises MessageError for nothing said and while another turn runs, RequestError if it does not fit into the
        context, SchemaError for schemas and a tool choice that cannot be met.
        """
        for event in self.stream(said):
            last = event
        assert isinstance(last, TurnFinished)
        return last.reply

    async def send_async(self, said: str | Sequence[str]) -> Reply:
        """As `send`, for an event loop."""
        async with contextlib.aclosing(self.stream_async(said)) as events:
            async for event in events:
                last = event
        assert isinstance(last, TurnFinished)
        return last.reply

    def stream(self, said: str | Sequence[str]) -> Iterator[TurnEvent]:
        """As `send`; the events of the reply as they come, last a TurnFinished.

        The history grows when the turn has finished. One that fails, is left early, or is stopped before its answer
        began was never said.
        """
        with self._alone():
            history = self._with(said)
            self._is_stopping = False
            turn = self._begin(self._asked(history))
            for event in turn.events():
                if isinstance(event, TurnFinished):
                    self._remember(history, event.reply)
                yield event

    async def stream_async(self, said: str | Sequence[str]) -> AsyncGenerator[TurnEvent, None]:
        """As `stream`, for an event loop."""
        with self._alone():
            history = self._with(said)
            self._is_stopping = False
            # Large schemas take their time, and others' events must not wait for it.
            request = self._asked(history)
            compile_rules = partial(self.model.turns.compile, request.rules)
            compiled = await asyncio.to_thread(compile_rules) if request.grammar else None
            turn = self._begin(request, compiled)
            async with contextlib.aclosing(turn.events_async()) as events:
                async for event in events:
                    if isinstance(event, TurnFinished):
                        self._remember(history, event.reply)
                    yield event

    def answer_now(self) -> None:
        """End the chain of thought of the running turn and begin its answer; from any thread, or a signal handler."""
        if self._turn is not None:
            self._turn.answer_now()

    def stop_tool(self) -> bool:
        """End the tool that runs, and let the turn go on without its result; False where none runs. As `stop`."""
        return self._turn is not None and self._turn.stop_tool()

    def stop(self) -> None:
        """End the running turn, from a signal handler or another thread; its stream closes with what there is."""
        self._is_stopping = True
        if self._turn is not None:
            self._turn.cancel()

    def reset(self) -> None:
        """Forget what was said."""
        self.history.clear()

    def to_json(self) -> str:
        """Return what was said as one line of JSON, in openai-harmony's form; `restore` takes it."""
        return harmony.to_json(self.history)

    def restore(self, text: str) -> None:
        """Go on from what `to_json` gave, in place of what was said here. Raises MessageError for what is none."""
        self.history = harmony.from_json(text)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Raises MessageError while another turn runs: both would answer, and one of them be forgotten."""
        if not self._talking.acquire(blocking=False):
            raise MessageError(
                "got a message while this chat is answering another: wait until that turn has ended, or make a Chat "
                "for each thread; they share the model"
            )
        try:
            yield
        finally:
            self._talking.release()

    def _with(self, said: str | Sequence[str]) -> list[Message]:
        """The history, and what is said now."""
        wanted = "a text, or a list of the results of tool calls"
        require_type("what is said", said, str, list, tuple, wanted=wanted, error=MessageError)
        if isinstance(said, str):
            if not said.strip():
                raise MessageError("got an empty message, wanted a question")
            return [*self.history, Message(Role.USER, said)]
        start = len(self.history)
        while start and self.history[start - 1].role in (Role.ASSISTANT, Role.TOOL):
            start -= 1
        last = self.history[start:]
        followed = [*last[1:], None] if last else []
        calls = [
            message.is_tool_call and (after is None or after.role is not Role.TOOL)
            for message, after in zip(last, followed, strict=True)
        ]
        if len(said) != sum(calls) or not any(calls):
            raise MessageError(
                f"got {len(said)} results, wanted one for each of the {sum(calls)} tool calls of the last reply"
            )
        for index, result in enumerate(said):
            require_type(f"result {index}", result, str, error=MessageError)
        results, found = iter(said), self.history[:start]
        for message, is_open in zip(last, calls, strict=True):
            found.append(message)
            if is_open:
                found.append(result_of(message.recipient, next(results)))
        return found

    def _asked(self, history: Sequence[Message]) -> TurnRequest:
        # The engine takes 0 for a prompt that is read alone, which is no turn of a conversation.
        if self.max_tokens == 0:
            raise RequestError("got max_tokens 0, wanted 1 or more")
        return TurnRequest(
            messages=history,
            effort=self._effort,
            instructions=self.system,
            tools=self.tools,
            tool_choice=self.tool_choice,
            parallel_calls=self.parallel_calls,
            response_format=self.response_format,
            sampling=self.sampling,
            limits=TurnLimits.of(self.max_tokens, self.reasoning_tokens, self.stop_strings),
            current_date=self.current_date,
            grammar=self.grammar,
            policy=self.policy,
        )

    def _begin(self, request: TurnRequest, compiled: CompiledTurn | None = None) -> Turn:
        (turn,) = begin_turns(self.model, request, compiled)
        self._turn = turn
        if self._is_stopping:
            turn.cancel()
        return turn

    def _remember(self, history: list[Message], reply: Reply) -> None:
        self._turn = None
        if reply.finish_reason is not FinishReason.CANCELLED or reply.content:
            self.history = [*history, *reply.messages]
