"""Requests that come, go, are cancelled and lose their pages, in any order: tokens and pages stay right."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gptoss.engine import EngineOptions, FinishReason, Owner, Request, SamplingParams
from gptoss.engine.drafts import MAX_DRAFT
from gptoss.engine.sequence import Sequence
from gptoss.model.config import LayerType
from tests.engine.paged_model import (
    FollowThrees,
    Shift,
    alone,
    assert_all_free,
    assert_sound,
    new_ids,
    paged_engine,
    run_to_end,
)
from tests.levels import examples

CONTEXT = 256
GREEDY = SamplingParams(temperature=0)
# With logprobs, what is forced is computed token by token.
TOLD = SamplingParams(temperature=0, logprobs=1)
BEGINNINGS = [np.random.default_rng(seed).integers(0, 60, 200).tolist() for seed in range(3)]
# Parts from the first within its fourth page.
BEGINNINGS.append([*BEGINNINGS[0][:100], *BEGINNINGS[1][100:]])

IDS = st.integers(0, 63)
KINDS = st.sampled_from(list(LayerType))
OWNERS = st.sampled_from([Owner(), Owner("a"), Owner("b"), Owner("a", 70), Owner("b", 70)])


@dataclass
class Followed:
    """A sequence, what it should become, and what steps gave out of it."""

    sequence: Sequence
    wanted: list[int]
    given: list[int] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)


class SchedulerMachine(RuleBasedStateMachine):
    """One engine over pages that are too few."""

    @initialize(
        window=st.sampled_from([1, 8, 33, 40, 100]),
        max_running=st.integers(1, 5),
        max_chunk=st.integers(17, 64),
        extra_tokens=st.integers(0, 160),
        spare_tokens=st.integers(0, 256),
        max_step_s=st.sampled_from([1e-9, 1.0]),
        keeps_prefixes=st.sampled_from([True, True, True, False]),
        is_careless=st.booleans(),
    )
    def open(
        self,
        window: int,
        max_running: int,
        max_chunk: int,
        extra_tokens: int,
        spare_tokens: int,
        max_step_s: float,
        keeps_prefixes: bool,
        is_careless: bool,
    ) -> None:
        options = EngineOptions(
            context=CONTEXT,
            cache_tokens=CONTEXT + extra_tokens,
            spare_tokens=spare_tokens,
            max_running=max_running,
            max_chunk=max_chunk,
            max_step_s=max_step_s,
            keeps_prefixes=keeps_prefixes,
        )
        self.engine, self.model = paged_engine(options, window=window, context=2 * CONTEXT)
        self.draft_length = 0
        self.engine._drafts.choose = lambda *_: self.draft_length  # type: ignore[method-assign]
        if is_careless:
            self.engine._scheduler._num_available = lambda: 10**6  # type: ignore[method-assign]
        self.followed: list[Followed] = []

    @rule(
        beginning=st.sampled_from(BEGINNINGS),
        length=st.integers(0, 200),
        tail=st.lists(IDS, min_size=1, max_size=4),
        max_tokens=st.one_of(st.none(), st.integers(1, 90)),
        stop_ids=st.sampled_from([frozenset(), frozenset(), frozenset({3}), frozenset({61})]),
        is_guided=st.booleans(),
        sampling=st.sampled_from([GREEDY, GREEDY, TOLD]),
        copies=st.sampled_from([1, 1, 2, 3]),
        shift=st.integers(0, 2),
        owner=OWNERS,
    )
    def add(
        self,
        beginning: list[int],
        length: int,
        tail: list[int],
        max_tokens: int | None,
        stop_ids: frozenset[int],
        is_guided: bool,
        sampling: SamplingParams,
        copies: int,
        shift: int,
        owner: Owner,
    ) -> None:
        request = Request(
            [*beginning[:length], *tail],
            sampling,
            max_tokens=max_tokens,
            stop_ids=stop_ids,
            scores_prompt=sampling is TOLD and not shift,
            guides=(FollowThrees(),) if is_guided else (),
            processors=(Shift(shift),),
            owner=owner,
        )
        self.submit(request, copies)

    def submit(self, request: Request, copies: int) -> None:
        wanted = alone(request, CONTEXT)
        self.followed += [Followed(self.engine.add(request), wanted) for _ in range(copies)]

    @precondition(lambda self: self.followed)
    @rule(data=st.data(), max_tokens=st.integers(1, 90), shift=st.integers(0, 2), owner=OWNERS)
    def ask_again(self, data: st.DataObject, max_tokens: int, shift: int, owner: Owner) -> None:
        """For an answer that differs from its first or second token on."""
        before = data.draw(st.sampled_from(self.followed)).sequence
        prompt = before.token_ids[: before.num_prompt]
        made = Request(
            prompt, GREEDY, max_tokens=max_tokens, processors=(Shift(shift),), owner=owner
        )
        self.submit(made, 1)

    @precondition(lambda self: self.followed)
    @rule(
        data=st.data(),
        length=st.integers(1, 200),
        tail=st.lists(IDS, min_size=1, max_size=3),
        owner=OWNERS,
    )
    def go_on_from_an_answer(
        self, data: st.DataObject, length: int, tail: list[int], owner: Owner
    ) -> None:
        """As a conversation does, from its end or from inside."""
        before = data.draw(st.sampled_from(self.followed)).sequence.token_ids[:200]
        prompt = [*before[: max(length, len(before) - length)], *tail]
        self.submit(Request(prompt, GREEDY, max_tokens=40, owner=owner), 1)

    @rule(count=st.integers(1, 12))
    def step(self, count: int) -> None:
        followed_by_id = {id(one.sequence): one for one in self.followed}
        for _ in range(count):
            for output in self.engine.step():
                followed = followed_by_id[id(output.sequence)]
                followed.given += [token.id for token in output.tokens]
                if output.error is not None:
                    self.check_error(followed, output.error)

    def check_error(self, followed: Followed, error: Exception) -> None:
        """Only that sequence may end so which was made to, and what the model finds wrong is a bug."""
        if not isinstance(error.__cause__, ZeroDivisionError):
            raise AssertionError from error
        assert self.model.fails(followed.sequence)
        followed.errors.append(error)

    @rule(length=st.integers(0, MAX_DRAFT))
    def guess(self, length: int) -> None:
        self.draft_length = length

    @precondition(lambda self: self.followed)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.engine.cancel(data.draw(st.sampled_from(self.followed)).sequence)

    @rule(kind=KINDS, num_pages=st.integers(1, 30))
    def evict(self, kind: LayerType, num_pages: int) -> None:
        pool = self.engine.cache.pool(kind)
        evictable, free = self.engine.prefixes.num_evictable(kind), pool.num_free
        freed = self.engine.prefixes.evict(kind, num_pages)
        assert freed == min(num_pages, evictable) == pool.num_free - free

    @rule()
    def clear(self) -> None:
        self.engine.prefixes.clear()

    @rule()
    def reset(self) -> None:
        self.engine.reset()

    @precondition(lambda self: self.engine.num_running)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        """A step in which the forward pass of one sequence fails ends that one and no other."""
        victim = data.draw(st.sampled_from(self.engine._scheduler.running))
        self.model.fails = lambda owner: owner is victim
        self.step(1)
        self.model.fails = lambda _: False

    @invariant()
    def pages_are_held_by_those_that_have_them(self) -> None:
        assert_sound(self.engine, [one.sequence for one in self.followed])

    @invariant()
    def tokens_are_those_of_each_alone(self) -> None:
        for one in self.followed:
            new = new_ids(one.sequence)
            assert new == one.wanted[: len(new)]
            begun = [token.id for token in one.sequence.begun]
            assert [*one.given, *begun] == new
            assert len(one.errors) <= 1
            reason = one.sequence.finish_reason
            assert (new == one.wanted) == (reason in (FinishReason.STOP, FinishReason.LENGTH))

    def teardown(self) -> None:
        if not hasattr(self, "engine"):
            return
        sequences = [one.sequence for one in self.followed]
        run_to_end(self.engine, sequences, max_steps=100 + 400 * len(sequences))
        assert_sound(self.engine, sequences)
        for one in self.followed:
            if one.sequence.finish_reason is not FinishReason.CANCELLED:
                assert new_ids(one.sequence) == one.wanted
        assert_all_free(self.engine)


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(
    max_examples=examples(100), stateful_step_count=40, suppress_health_check=list(HealthCheck)
)
