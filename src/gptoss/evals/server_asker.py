"""Answers questions with a server of an OpenAI-compatible API, over Chat Completions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from gptoss.batch.servers import RefusedError, Servers
from gptoss.chat.reply import Usage
from gptoss.errors import AnswerError, shown
from gptoss.evals.question import Answer, Call, Question

_TOO_LONG = "context_length_exceeded"
# Endings by which a server says that it failed, beside whatever it had of the answer.
_FAILED = frozenset({"abort", "aborted", "cancelled", "error"})
# No answer has more; beyond, sums of them would not be exact.
_MOST_TOKENS = 1 << 40


class ServerAsker:
    """A server, or several that have the same model."""

    def __init__(
        self,
        servers: Servers,
        model: str,
        *,
        at_once: int = 16,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """`extra`: further fields of every body, for what a server calls by names of its own."""
        self._servers = servers
        self._model = model
        self._extra = dict(extra or {})
        self._at_once = at_once

    @property
    def identity(self) -> Mapping[str, object]:
        """The model as the server calls it, and fields of our own in every body; its address may change."""
        return {"server_model": self._model, **({"extra": self._extra} if self._extra else {})}

    @property
    def at_once(self) -> int:
        """As its caller said."""
        return self._at_once

    async def ask(self, question: Question, seed: int) -> Answer:
        """Answer a settled question. Raises AnswerError, RefusedError among them."""
        began = time.perf_counter()
        try:
            body = {**body_of(question, self._model, seed), **self._extra}
            reply = await self._servers.post("/chat/completions", body)
        except RefusedError as refused:
            if refused.code != _TOO_LONG:
                raise
            return Answer.too_long()
        return answer_of(reply, time.perf_counter() - began)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._servers.close()


async def served_model(servers: Servers) -> str:
    """Return the first model that a server has. Raises AnswerError for one that has none."""
    found = (await servers.get("/models")).get("data")
    first = found[0] if isinstance(found, list) and found else None
    name = first.get("id") if isinstance(first, dict) else None
    if not isinstance(name, str):
        raise AnswerError("the server names no model; name it: --server-model NAME")
    return name


def body_of(question: Question, model: str, seed: int) -> dict[str, object]:
    """Return the body that asks a settled question, without fields that it leaves open.

    `max_tokens` by its older name, which every server reads.
    """
    said: dict[str, object | None] = {
        "model": model,
        "messages": list(question.messages),
        "reasoning_effort": question.effort,
        "temperature": question.temperature,
        "top_p": question.top_p,
        "max_tokens": question.max_tokens,
        "seed": seed,
        "response_format": question.response_format,
        "tool_choice": question.tool_choice,
    }
    if question.tools:
        said["tools"] = list(question.tools)
        said["parallel_tool_calls"] = question.parallel_calls
    return {name: value for name, value in said.items() if value is not None}


def answer_of(reply: Mapping[str, Any], seconds: float) -> Answer:
    """Read a reply of Chat Completions. Raises AnswerError for what is none, or says that the server failed."""
    try:
        choice = reply["choices"][0]
        message = choice["message"]
        calls = tuple(map(_call, message.get("tool_calls") or ()))
        reasoning = message.get("reasoning") or message.get("reasoning_content") or ""
        content = message.get("content") or ""
        ending = choice.get("finish_reason") or "stop"
        if not all(isinstance(each, str) for each in (content, reasoning, ending)):
            raise TypeError("content")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise AnswerError(
            f"the server answers {shown(reply)}, wanted a reply of Chat Completions"
        ) from None
    if ending in _FAILED:
        raise AnswerError(
            f"the server ended its answer by {shown(ending)}; see what it says, and go on later"
        )
    return Answer(
        content=content,
        reasoning=reasoning,
        calls=calls,
        finish_reason=ending,
        usage=_usage(reply.get("usage")),
        seconds=round(seconds, 6),
    )


def _call(given: Mapping[str, Any]) -> Call:
    """Read a call of a reply. Raises KeyError or TypeError for what is none."""
    name, arguments = given["function"]["name"], given["function"]["arguments"]
    if not isinstance(name, str) or not isinstance(arguments, str):
        raise TypeError("function")
    return Call(name, arguments, str(given.get("id") or ""))


def _usage(given: object) -> Usage:
    """Return the tokens that a server counted; 0 for what it did not say, and parts of no more than the whole."""
    usage = given if isinstance(given, dict) else {}
    read, written = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    return Usage(
        read,
        written,
        min(written, _count(usage.get("completion_tokens_details"), "reasoning_tokens")),
        min(read, _count(usage.get("prompt_tokens_details"), "cached_tokens")),
    )


def _count(given: object, name: str) -> int:
    value = given.get(name) if isinstance(given, dict) else None
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else 0
