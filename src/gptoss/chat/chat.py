"""A conversation with a loaded model."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import AsyncGenerator, Iterator, Sequence

from gptoss.chat.events import TurnEvent, TurnFinished
from gptoss.chat.loaded_model import LoadedModel
from gptoss.chat.reply import Reply
from gptoss.chat.turn import Turn, limits_of
from gptoss.engine import FinishReason, SamplingParams
from gptoss.errors import MessageError
from gptoss.harmony import DeveloperContent, Effort, Message, Role, SystemContent


class Chat:
    """Remembers what was said. One turn at a time.

    reasoning         `low`, `medium` or `high`; may be changed between turns
    system            what an application tells the model; harmony has it in the developer message
    current_date      `YYYY-MM-DD` for the system message; None: today
    max_tokens        new tokens of a turn at most, reasoning included; None: what the context holds
    reasoning_tokens  tokens of the chain of thought at most, after which the answer begins; None: no limit
    stop              a string, or some, that end the answer and are no part of it

    Raises MessageError for an unknown reasoning level.
    """

    def __init__(
        self,
        model: LoadedModel,
        reasoning: str = "medium",
        *,
        system: str | None = None,
        sampling: SamplingParams | None = None,
        max_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        stop: str | Sequence[str] = (),
        current_date: str | None = None,
    ) -> None:
        self.model = model
        self.reasoning = reasoning
        self.system = system
        self.sampling = sampling or SamplingParams()
        self.max_tokens = max_tokens
        self.reasoning_tokens = reasoning_tokens
        self.stop_strings = stop
        self.current_date = current_date
        self.history: list[Message] = []
        self._turn: Turn | None = None
        self._is_stopping = False

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

    def send(self, text: str) -> Reply:
        """Say something and wait for the whole reply.

        Raises MessageError for nothing said, RequestError if it does not fit into the context.
        """
        for event in self.stream(text):
            if isinstance(event, TurnFinished):
                return event.reply
        raise AssertionError("a turn ends with TurnFinished")

    def stream(self, text: str) -> Iterator[TurnEvent]:
        """Say something; the events of the reply as they come, last a TurnFinished. Raises as `send` does.

        The history grows when the turn has finished. One that fails, is left early, or is stopped before its answer
        began was never said.
        """
        turn, question = self._begin(text)
        for event in turn.events():
            if isinstance(event, TurnFinished):
                self._turn = None
                self._remember(question, event.reply)
            yield event

    async def stream_async(self, text: str) -> AsyncGenerator[TurnEvent, None]:
        """As `stream`, for an event loop."""
        turn, question = self._begin(text)
        async with contextlib.aclosing(turn.events_async()) as events:
            async for event in events:
                if isinstance(event, TurnFinished):
                    self._turn = None
                    self._remember(question, event.reply)
                yield event

    def answer_now(self) -> None:
        """End the chain of thought of the running turn and begin its answer; from any thread, or a signal handler."""
        if self._turn is not None:
            self._turn.answer_now()

    def stop(self) -> None:
        """End the running turn, from a signal handler or another thread; its stream closes with what there is."""
        self._is_stopping = True
        if self._turn is not None:
            self._turn.cancel()

    def reset(self) -> None:
        """Forget what was said."""
        self.history.clear()

    def _begin(self, text: str) -> tuple[Turn, Message]:
        question = Message(Role.USER, text)
        if not text.strip():
            raise MessageError("got an empty message, wanted a question")
        self._is_stopping = False
        turn = self._turn = Turn(
            self.model,
            [*self._opening(), *self.history, question],
            self.sampling,
            limits_of(self.max_tokens, self.reasoning_tokens, self.stop_strings),
        )
        if self._is_stopping:
            turn.cancel()
        return turn, question

    def _remember(self, question: Message, reply: Reply) -> None:
        if reply.finish_reason is not FinishReason.CANCELLED or reply.content:
            self.history += [question, *reply.messages]

    def _opening(self) -> list[Message]:
        date = self.current_date or datetime.date.today().isoformat()
        opening = [Message(Role.SYSTEM, SystemContent(current_date=date, effort=self._effort))]
        if self.system is not None:
            opening.append(Message(Role.DEVELOPER, DeveloperContent(self.system)))
        return opening
