"""Answers questions with a model in this process, on the engine's own batches."""

from __future__ import annotations

import time
from collections.abc import Mapping

import gptoss
from gptoss.batch.turns import finished_turn, places
from gptoss.chat.conversation import conversation
from gptoss.chat.reply import Reply
from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.tools import tool_set
from gptoss.chat.types.messages import ChatMessage
from gptoss.engine import SamplingParams
from gptoss.errors import ContextLengthError, MessageError
from gptoss.evals.question import Answer, Call, Question
from gptoss.forms import checked
from gptoss.model.packed_file import fingerprint
from gptoss.runtime.loaded_model import LoadedModel

# Of every prompt, so that a run that goes on tomorrow asks what it asked today.
PROMPT_DATE = "2025-08-05"


class ModelAsker:
    """A loaded model, which stays its caller's."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model

    @property
    def identity(self) -> Mapping[str, object]:
        """Name, weights by their fingerprint, and all that may change a token."""
        model = self._model
        return {
            "gptoss": gptoss.__version__,
            "model": model.name,
            "weights": fingerprint(model.checkpoint, with_times=False)[:32],
            "precision": model.precision,
            "dense": model.weights,
            "kv": model.cache_type,
            "context": model.context,
        }

    @property
    def at_once(self) -> int:
        """As many as run at once, and some that wait."""
        return places(self._model)

    async def ask(self, question: Question, seed: int) -> Answer:
        """Answer a settled question. Raises RequestError, MessageError or SchemaError for one that cannot be asked."""
        began = time.perf_counter()
        try:
            reply = await finished_turn(self._model, turn_request(question, seed))
        except ContextLengthError:
            return Answer.too_long()
        return answer_of(reply, time.perf_counter() - began)

    async def close(self) -> None:
        """Nothing is to be done: the model is its caller's."""


def turn_request(question: Question, seed: int) -> TurnRequest:
    """The turn that a settled question asks for. Raises MessageError or SchemaError for one that is none."""
    tools = tool_set(question.tools)
    messages = checked(list[ChatMessage], question.messages, "messages", MessageError)
    return TurnRequest(
        messages=conversation(messages, tools),
        effort=question.effort or "medium",
        tools=tools,
        tool_choice=question.tool_choice,
        parallel_calls=question.parallel_calls,
        response_format=question.response_format,
        sampling=SamplingParams(
            temperature=1.0 if question.temperature is None else question.temperature,
            top_p=1.0 if question.top_p is None else question.top_p,
            seed=seed,
        ),
        limits=TurnLimits(question.max_tokens),
        current_date=PROMPT_DATE,
    )


def answer_of(reply: Reply, seconds: float) -> Answer:
    """A reply as an answer; its calls are numbered, since harmony gives them no ids."""
    calls = tuple(
        Call(each.name, each.arguments, f"call_{index}")
        for index, each in enumerate(reply.tool_calls)
    )
    return Answer(
        content=reply.content,
        reasoning=reply.reasoning,
        calls=calls,
        finish_reason=str(reply.finish_reason),
        usage=reply.usage,
        seconds=round(seconds, 6),
        repairs=len(reply.repairs),
    )
