"""Begins the generations of a turn: the first in all its ways, later ones behind the results of its calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from gptoss import harmony
from gptoss.chat.prompt import continuation_ids, num_shared
from gptoss.chat.reasoning_budget import ReasoningBudget
from gptoss.chat.reply import Usage
from gptoss.chat.request import TurnRequest
from gptoss.chat.round import Round
from gptoss.chat.tool_choice import restricts
from gptoss.engine import Owner, Request, SamplingParams
from gptoss.errors import QueueFullError, RequestError, SchemaError
from gptoss.runtime.loaded_model import LoadedModel
from gptoss.structured import (
    MAX_COMPILE_S,
    CompiledTurn,
    Constraint,
    ToolChoice,
    ToolRule,
    TurnRules,
)
from gptoss.structured.rules import MAX_TOOLS
from gptoss.tokenizer.limited import LimitedTokenizer
from gptoss.tools import Tool

# A turn that has begun waits for a place as long as this, rather than be lost.
_WAIT_S = 60.0
_PAUSE_S = 0.1
_Found = TypeVar("_Found")


class RoundMaker:
    """Makes the rounds of one request.

    compiled  its rules, compiled; None: they are compiled here
    owner     whose it is: see `gptoss.engine.Owner`
    is_gone   asked while a long conversation is read: whether nobody waits for the turn any more
    """

    def __init__(
        self,
        model: LoadedModel,
        request: TurnRequest,
        compiled: CompiledTurn | None,
        owner: str,
        is_gone: Callable[[], bool],
    ) -> None:
        self._model = model
        self._request = request
        self._compiled = compiled
        self._owner = owner
        self._is_gone = is_gone
        self._declared = harmony.declared_recipients(request.conversation)

    @cached_property
    def num_said(self) -> int:
        """Tokens of the conversation that the turn begins with. Raises ContextLengthError for more than the context."""
        model = self._model
        return len(self._request.prompt(LimitedTokenizer(model.tokenizer, model.context)))

    def first(
        self,
        behind: Sequence[harmony.Message] = (),
        is_over: Callable[[], bool] | None = None,
        *,
        has_tools: bool = True,
        reader: Tool | None = None,
    ) -> list[Round]:
        """The rounds that the turn begins with, in all its ways.

        behind   results of calls that the conversation ends with: the rules are those of a round behind results then
        is_over  asked meanwhile: whether nobody waits for it any more; None: `is_gone` is
        has_tools, reader  as of `following`

        Raises RequestError, before anything is generated and before more than that is read, for a conversation that
        does not fit, and SchemaError for rules that cannot be kept or a beginning that breaks them.
        """
        compiled, request = self._compiled, self._request
        is_gone = is_over or self._is_gone
        rules = self._later_rules(has_tools=has_tools, reader=reader) if behind else request.rules
        if request.grammar and (compiled is None or rules != request.rules):
            compiled = self._model.turns.compile(rules, is_gone)
        tokenizer = LimitedTokenizer(self._model.tokenizer, self._model.context, is_gone)
        # It counts all that it encodes: each text once.
        asked = replace(request, messages=[*request.messages, *behind]) if behind else request
        prompt = asked.prompt(tokenizer)
        start = len(prompt) - len(continuation_ids(request.continuation, tokenizer))
        held = self._constraints(compiled, prompt, start, is_gone)
        limits = request.limits
        budgets = [self._budget(start, limits.reasoning_tokens, each) for each in held]
        requests = [
            self._asked(
                prompt, request.sampling, limits.max_tokens, budget, constraints
            ).for_answer(index)
            for index, (budget, constraints) in enumerate(zip(budgets, held, strict=True))
        ]
        not_enforced = compiled.not_enforced if compiled is not None else ()
        further = () if reader is None else (reader.recipient,)
        return [
            Round(
                generation,
                self._parser(prompt[start:], further),
                budget,
                limits.stop,
                not_enforced,
                request.continuation,
            )
            for generation, budget in zip(self._model.submit_all(requests), budgets, strict=True)
        ]

    def following(
        self,
        prompt: Sequence[int],
        results: Sequence[harmony.Message],
        used: Usage,
        num_calls: int,
        *,
        seed: int | None,
        has_tools: bool,
        reader: Tool | None,
        is_over: Callable[[], bool],
    ) -> Round:
        """The round behind the results of calls; `prompt` and all that is in it stays as it is, so that it is cached.

        used       by the rounds before, which count towards the limits
        num_calls  of the rounds before
        seed       of the first round, by which the whole turn can be had again
        has_tools  whether tools may still be called
        reader     a tool that may be called beside those that are declared: results have told of it
        is_over    asked meanwhile: whether nobody waits for it any more

        Raises RequestError for a conversation that does not fit any more, SchemaError as `first`, QueueFullError where
        there is no place for long.
        """
        request, limits = self._request, self._request.limits
        model = self._model
        ids = [*prompt, *harmony.render(list(results), model.tokenizer)]
        held: tuple[Constraint, ...] = ()
        latest = time.monotonic() + _WAIT_S
        if request.grammar:
            rules = self._later_rules(has_tools=has_tools, reader=reader)
            compiled = _patiently(lambda: model.turns.compile(rules, is_over), latest, is_over)
            held = (model.turns.constraint(compiled, len(ids)),)
        budget = self._budget(len(ids), _rest(limits.reasoning_tokens, used.reasoning_tokens), held)
        sampling = request.sampling if seed is None else replace(request.sampling, seed=seed)
        rest = _rest(limits.max_tokens, used.completion_tokens)
        asked = self._asked(ids, sampling, rest, budget, held)
        (generation,) = _patiently(lambda: model.submit_all([asked]), latest, is_over)
        further = () if reader is None else (reader.recipient,)
        parser = self._parser((), further)
        return Round(generation, parser, budget, limits.stop, num_calls=num_calls)

    def _later_rules(self, *, has_tools: bool, reader: Tool | None) -> TurnRules:
        """The rules of a round that is not the first: what had to be called has been."""
        rules = self._request.rules
        if not has_tools:
            return replace(rules, choice=ToolChoice.NONE, allowed=None)
        if rules.choice is ToolChoice.REQUIRED:
            allowed = rules.allowed if restricts(self._request.tool_choice) else None
            rules = replace(rules, choice=ToolChoice.AUTO, allowed=allowed)
        if reader is None or len(rules.tools) >= MAX_TOOLS:
            return rules
        added = ToolRule(reader.recipient, reader.description.parameters)
        allowed = None if rules.allowed is None else (*rules.allowed, reader.recipient)
        return replace(rules, tools=(*rules.tools, added), allowed=allowed)

    def _asked(
        self,
        prompt: Sequence[int],
        sampling: SamplingParams,
        max_tokens: int | None,
        budget: ReasoningBudget,
        held: tuple[Constraint, ...],
    ) -> Request:
        request = self._request
        return self._model.request(
            prompt,
            sampling,
            max_tokens=max_tokens,
            processors=held,
            guides=(budget, *held),
            owner=Owner(self._owner, num_shared(request.conversation, prompt, self._model)),
        )

    def _budget(
        self, start: int, max_tokens: int | None, held: tuple[Constraint, ...]
    ) -> ReasoningBudget:
        return ReasoningBudget(self._model.tokenizer, start, max_tokens, *held)

    def _parser(self, begun: Sequence[int], further: Sequence[str] = ()) -> harmony.Parser:
        known = self._declared.union(further)
        made = harmony.Parser(self._model.tokenizer, recipients=known)
        for token_id in begun:
            made.feed(token_id)
        return made

    def _constraints(
        self,
        compiled: CompiledTurn | None,
        prompt: Sequence[int],
        start: int,
        is_gone: Callable[[], bool],
    ) -> list[tuple[Constraint, ...]]:
        """For each way the one constraint that it is held to, or none; `start`: where the turn begins in the prompt."""
        request = self._request
        if compiled is None:
            return [()] * request.num
        began = time.thread_time()
        found: list[tuple[Constraint, ...]] = []
        for index in range(request.num):
            if is_gone():
                raise RequestError("the caller has gone")
            constraint = self._model.turns.constraint(compiled, start)
            if time.thread_time() - began > MAX_COMPILE_S:
                raise SchemaError(
                    f"the schemas take more than {MAX_COMPILE_S:.0f} s to compile for {index + 1} of "
                    f"{request.num} answers; ask for fewer, or with smaller schemas"
                )
            if request.continuation is not None:
                _check_beginning(constraint, prompt)
            found.append((constraint,))
        return found


def _patiently(get: Callable[[], _Found], latest: float, is_over: Callable[[], bool]) -> _Found:
    """Get it, as soon as there is a place for it. Raises QueueFullError where there is none in time."""
    while True:
        try:
            return get()
        except QueueFullError:
            if is_over() or time.monotonic() > latest:
                raise
            time.sleep(_PAUSE_S)


def _rest(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(limit - used, 0)


def _check_beginning(constraint: Constraint, prompt: Sequence[int]) -> None:
    try:
        constraint.forced(prompt)
    except SchemaError:
        raise SchemaError(
            "got a beginning of the turn that its response format, tools or tool choice do not allow; "
            "leave it out, or ask for what it began"
        ) from None
