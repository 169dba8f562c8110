"""Where a turn ends: budgets, stop strings, loops; and what it need not compute again."""

from __future__ import annotations

import asyncio

import pytest

import gptoss
from gptoss.chat import Chat, Reply, TurnFinished
from gptoss.engine import FinishReason, SamplingParams
from gptoss.errors import RequestError
from gptoss.harmony import ContentDelta, Parser, ReasoningDelta
from gptoss.runtime import LoadedModel
from tests.conftest import ScriptedModel

THOUGHT = "First this and then that and so on and on without an end"
GREEDY = SamplingParams(temperature=0)


def test_a_spent_budget_closes_the_analysis_into_the_answer(scripted_model: ScriptedModel) -> None:
    tokenizer = scripted_model("").tokenizer
    # The first of the six is the marker that opens the message.
    thought = tokenizer.decode(tokenizer.encode(THOUGHT)[:5])
    model = scripted_model(f"<|channel|>analysis<|message|>{thought}<|end|>")
    model.transformer.script[-1:] = tokenizer.encode("Hello.")  # type: ignore[attr-defined]
    model.transformer.script.append(tokenizer.special_id("<|return|>"))  # type: ignore[attr-defined]
    reply = Chat(model, reasoning_tokens=6).send("Hi")
    assert reply.content == "Hello."
    assert reply.reasoning == thought
    assert reply.is_reasoning_cut
    assert reply.usage.reasoning_tokens == 6
    assert reply.repairs == ()
    assert reply.finish_reason is FinishReason.STOP


def test_near_its_end_a_budget_waits_for_the_end_of_a_sentence(
    scripted_model: ScriptedModel,
) -> None:
    text = "One two three. Four"
    tokenizer = scripted_model("").tokenizer
    num = len(tokenizer.encode("One two three."))
    model = scripted_model("<|channel|>analysis<|message|>One two three.Yes.<|return|>")
    reply = Chat(model, reasoning_tokens=num + 1).send("Hi")
    assert text.startswith(reply.reasoning)
    assert (reply.reasoning, reply.content) == ("One two three.", "Yes.")


def test_no_reasoning_at_all(scripted_model: ScriptedModel) -> None:
    reply = Chat(scripted_model("Hello.<|return|>"), reasoning_tokens=0).send("Hi")
    assert (reply.content, reply.reasoning, reply.repairs) == ("Hello.", "", ())
    assert reply.usage.reasoning_tokens == 0


def test_a_budget_that_is_not_spent_changes_nothing(scripted_model: ScriptedModel) -> None:
    markup = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>A.<|return|>"
    reply = Chat(scripted_model(markup), reasoning_tokens=100).send("Hi")
    assert (reply.content, reply.reasoning, reply.is_reasoning_cut) == ("A.", "Hm.", False)


@pytest.mark.parametrize(("budget", "times"), [(None, 1), (100, 2)])
def test_without_a_budget_each_token_is_read_once(
    scripted_model: ScriptedModel,
    monkeypatch: pytest.MonkeyPatch,
    budget: int | None,
    times: int,
) -> None:
    read: list[int] = []
    feed = Parser.feed
    monkeypatch.setattr(
        Parser, "feed", lambda self, token: (read.append(token), feed(self, token))[1]
    )
    markup = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>A.<|return|>"
    reply = Chat(scripted_model(markup), reasoning_tokens=budget).send("Hi")
    # The last one ends the turn, so nobody asks how to go on after it.
    assert len(read) == times * reply.usage.completion_tokens - (times - 1)


def test_a_negative_budget_is_refused(scripted_model: ScriptedModel) -> None:
    with pytest.raises(RequestError, match="got -1 tokens of reasoning"):
        Chat(scripted_model(""), reasoning_tokens=-1).send("Hi")


def test_answer_now(scripted_model: ScriptedModel) -> None:
    """Whenever it is asked for, what follows is the answer."""
    chat = Chat(scripted_model("<|channel|>analysis<|message|>" + "and on " * 200, pause_s=0.001))
    kinds = []
    for event in chat.stream("Hi"):
        kinds.append(type(event))
        if kinds.count(ReasoningDelta) == 3:
            chat.answer_now()
        if isinstance(event, ContentDelta) and kinds.count(ContentDelta) == 3:
            chat.stop()
        if isinstance(event, TurnFinished):
            assert event.reply.is_reasoning_cut
            assert event.reply.content
            assert event.reply.repairs == ()
    chat.answer_now()


@pytest.mark.parametrize("stop", ["you", ["xyz", "o, y"], [", you."]])
def test_stop_strings_end_the_answer(scripted_model: ScriptedModel, stop: str | list[str]) -> None:
    markup = (
        "<|channel|>analysis<|message|>Hello, you.<|end|><|start|>assistant"
        "<|channel|>final<|message|>Hello, you. And more.<|return|>"
    )
    chat = Chat(scripted_model(markup), stop=stop)
    deltas = []
    reply: Reply | None = None
    for event in chat.stream("Hi"):
        if isinstance(event, ContentDelta):
            deltas.append(event.text)
        if isinstance(event, TurnFinished):
            reply = event.reply
    assert reply is not None
    wanted = {"you": "Hello, ", "o, y": "Hell", ", you.": "Hello"}
    first = stop if isinstance(stop, str) else stop[-1]
    assert reply.content == "".join(deltas) == wanted[first]
    assert reply.finish_reason is FinishReason.STOP
    # Only the answer is looked at.
    assert reply.reasoning == "Hello, you."


def test_text_held_back_for_a_stop_string_is_not_lost(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model("<|channel|>final<|message|>Hello, you.<|return|>"), stop="you..")
    assert chat.send("Hi").content == "Hello, you."


def test_a_loop_is_reported(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model("<|channel|>analysis<|message|>" + "yes no " * 150), max_tokens=300)
    loop = chat.send("Hi").loop
    assert loop is not None
    assert loop.period <= 14


def test_events_for_an_event_loop(scripted_model: ScriptedModel) -> None:
    async def ask(chat: Chat) -> list[object]:
        return [event async for event in chat.stream_async("Hi")]

    markup = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>A b c.<|return|>"
    with_loop = asyncio.run(ask(Chat(scripted_model(markup))))
    without = list(Chat(scripted_model(markup)).stream("Hi"))
    assert with_loop[:-1] == without[:-1]
    last = with_loop[-1]
    assert isinstance(last, TurnFinished)
    assert last.reply.content == "A b c."


@pytest.fixture(scope="module")
def nano() -> LoadedModel:
    return gptoss.load("nano", threads=1)


def test_ten_turns_come_from_the_cache(nano: LoadedModel) -> None:
    """Of the prompts of turns two to ten, although the chain of thought of each is dropped."""
    system = "You answer questions about numbers. " * 12
    chat = Chat(nano, system=system, sampling=GREEDY, current_date="2026-01-02", max_tokens=60)
    replies = [chat.send(f"What is {n} + {n + 1}?") for n in range(3, 13)]
    cached = sum(reply.usage.cached_tokens for reply in replies[1:])
    prompted = sum(reply.usage.prompt_tokens for reply in replies[1:])
    assert cached >= 0.9 * prompted
    cold = gptoss.load("nano", threads=1)
    again = Chat(cold, system=system, sampling=GREEDY, current_date="2026-01-02", max_tokens=60)
    again.history = chat.history[: -len(replies[-1].messages) - 1]
    assert again.send("What is 12 + 13?").content == replies[-1].content


def test_conversations_share_what_they_have_in_common(nano: LoadedModel) -> None:
    system = "Common to both of these conversations, word for word. " * 8
    one, two = (Chat(nano, system=system, sampling=GREEDY, max_tokens=20) for _ in range(2))
    one.send("What is 3 + 4?")
    usage = two.send("Sort these: 5, 2, 9").usage
    assert usage.cached_tokens > 0.8 * usage.prompt_tokens


def test_answers_to_one_prompt(nano: LoadedModel) -> None:
    prompt = nano.tokenizer.encode("One two three four five six seven eight nine ten")
    answers = nano.submit_many(prompt, SamplingParams(temperature=4, seed=5), 4, max_tokens=10)
    tokens = [list(answer) for answer in answers]
    assert len({tuple(each) for each in tokens}) > 1
    assert [answer.seed for answer in answers] == [5, 6, 7, 8]
    alone = nano.submit(prompt, SamplingParams(temperature=4, seed=7), max_tokens=10)
    assert list(alone) == tokens[2]
    cached = [answer.timings.cached_tokens for answer in answers[1:]]
    assert cached == [len(prompt) - 1] * 3
