"""Values of another type at the public surface, and a Chat that several threads talk to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gptoss
from gptoss import Chat, SamplingParams
from gptoss.chat import TurnFinished
from gptoss.engine import EngineOptions
from gptoss.errors import GptossError, MessageError, RequestError
from gptoss.runtime import LoadedModel, ModelOptions

Act = Callable[[LoadedModel], object]

MISTAKES: dict[str, tuple[Act, str]] = {
    "load's context": (lambda _: gptoss.load("nano", context="4k"), "context, wanted a whole"),  # type: ignore[arg-type]
    "a context that is true": (lambda _: ModelOptions(context=True), "True as context"),
    "half a token of context": (lambda _: ModelOptions(context=4.5), "4.5 as context"),  # type: ignore[arg-type]
    "a precision in bits": (lambda _: ModelOptions(precision=8), "8 as precision, wanted text"),  # type: ignore[arg-type]
    "threads": (lambda _: ModelOptions(threads="2"), "'2' as threads, wanted a whole number"),  # type: ignore[arg-type]
    "memory": (lambda _: ModelOptions(memory=1.5e9), "wanted a number of bytes, or a size"),  # type: ignore[arg-type]
    "a model's number": (lambda _: ModelOptions(5), "5 as model, wanted a path or a name"),  # type: ignore[arg-type]
    "a cache's number": (lambda _: ModelOptions(weights_cache=8), "weights_cache, wanted a f"),  # type: ignore[arg-type]
    "options in a dict": (lambda _: ModelOptions(engine={}), "as options, wanted EngineOptions"),  # type: ignore[arg-type]
    "a lock": (lambda _: ModelOptions(lock="no"), "'no' as lock, wanted True or False"),  # type: ignore[arg-type]
    "the engine's number": (lambda _: EngineOptions(max_running="2"), "'2' as max_running"),  # type: ignore[arg-type]
    "a temperature in words": (lambda _: SamplingParams(temperature="x"), "wanted a number"),  # type: ignore[arg-type]
    "no temperature": (lambda _: SamplingParams(temperature=None), "None as temperature"),  # type: ignore[arg-type]
    "a temperature that is true": (lambda _: SamplingParams(temperature=True), "True as temp"),
    "a list of top_p": (lambda _: SamplingParams(top_p=[1]), "[1] as top_p, wanted a number"),  # type: ignore[arg-type]
    "a list of biases": (lambda _: SamplingParams(logit_bias=[1]), "wanted biases by token"),  # type: ignore[arg-type]
    "nothing said": (lambda model: Chat(model).send(None), "None as what is said, wanted a t"),  # type: ignore[arg-type]
    "a message of an API": (lambda model: Chat(model).send({}), "{} as what is said"),  # type: ignore[arg-type]
    "bytes": (lambda model: Chat(model).send(b"hi"), "b'hi' as what is said"),  # type: ignore[arg-type]
    "a number to encode": (lambda model: model.tokenizer.encode(5), "to be encoded, wanted te"),  # type: ignore[arg-type]
    "an id below 0": (lambda model: model.tokenizer.decode([3, -1]), "got -1 as a token id"),
    "text to decode": (lambda model: model.tokenizer.decode("hi"), "got 'h' as a token id"),  # type: ignore[arg-type]
    "a number to decode": (lambda model: model.tokenizer.decode(5), "wanted token ids, whole"),  # type: ignore[arg-type]
    "half an id": (lambda model: model.tokenizer.decode([1.5]), "got 1.5 as a token id"),  # type: ignore[list-item]
    "logits of text": (lambda model: model.logits("hi"), "'hi' as token ids; wanted one list"),
    "logits of lists": (lambda model: model.logits([[1, 2]]), "wanted one list of them"),
    "logits of uneven lists": (lambda model: model.logits([[1], [1, 2]]), "wanted one list of"),
    "logits of nothing": (lambda model: model.logits([]), "got no token ids"),
    "a model's name for a model": (lambda _: Chat("nano"), "wanted what gptoss.load() returns"),  # type: ignore[arg-type]
    "a stop that is none": (lambda model: Chat(model, stop=5), "5 as stop, wanted a string"),  # type: ignore[arg-type]
    "sampling in a dict": (lambda model: Chat(model, sampling={}), "sampling, wanted Sampl"),  # type: ignore[arg-type]
    "tools that are none": (lambda model: Chat(model, tools=5), "wanted a list of tools"),  # type: ignore[arg-type]
    "a temperature for a chat": (lambda model: Chat(model, temperature="x"), "wanted a number"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_told(nano_model: LoadedModel, what: str) -> None:
    act, told = MISTAKES[what]
    with pytest.raises(GptossError) as caught:
        act(nano_model)
    assert told in str(caught.value)


def test_numbers_of_numpy_are_numbers(nano_model: LoadedModel) -> None:
    params = SamplingParams(temperature=np.float32(0.5), top_p=np.float64(1))  # type: ignore[arg-type]
    assert params.temperature == 0.5
    ids = np.array(nano_model.tokenizer.encode("12 + 34"))
    assert nano_model.tokenizer.decode(ids) == "12 + 34"
    assert ModelOptions(context=np.int64(64)).context == 64  # type: ignore[arg-type]


def test_a_closed_model_gives_no_logits() -> None:
    with gptoss.load("nano") as model:
        assert repr(model).startswith("<LoadedModel nano: int8, weights int8, 4,096 tokens of")
    assert repr(model).endswith(", closed>")
    with pytest.raises(RequestError, match="the model is closed; load it again"):
        model.logits([1])


def test_a_chat_takes_the_sampling_that_people_change(nano_model: LoadedModel) -> None:
    chat = Chat(nano_model, sampling=SamplingParams(top_k=3), temperature=0, seed=7)
    assert chat.sampling == SamplingParams(top_k=3, temperature=0, seed=7)
    assert repr(chat) == "<Chat with nano: 0 messages, reasoning medium>"


def test_what_was_said_is_kept_and_gone_on_with(nano_model: LoadedModel) -> None:
    chat = Chat(nano_model, "low", temperature=0)
    chat.send("What is 12 + 34?")
    other = Chat(nano_model, "low", temperature=0)
    other.restore(chat.to_json())
    assert other.history == chat.history
    assert other.send("And minus 5?").content == chat.send("And minus 5?").content
    assert other.history == chat.history
    with pytest.raises(MessageError, match="not JSON"):
        other.restore("{")


def test_a_chat_answers_in_an_event_loop(nano_model: LoadedModel) -> None:
    chat = Chat(nano_model, "low", temperature=0)
    reply = asyncio.run(chat.send_async("What is 12 + 34?"))
    assert reply.content == Chat(nano_model, "low", temperature=0).send("What is 12 + 34?").content
    assert len(chat.history) >= 2


def test_one_chat_answers_one_thread(nano_model: LoadedModel) -> None:
    """Six at once were all answered, and one of them remembered."""
    chat = Chat(nano_model, "low", temperature=0)
    together, outcomes = threading.Barrier(6), list[Any]()

    def ask(number: int) -> None:
        together.wait()
        try:
            outcomes.append(chat.send(f"What is {number} + 1?"))
        except MessageError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answered = [each for each in outcomes if not isinstance(each, MessageError)]
    said = [each for each in chat.history if each.role == "user"]
    assert len(answered) == len(said) >= 1
    assert all("answering another" in str(each) for each in outcomes if each not in answered)


def test_a_stream_that_is_read_keeps_others_out(nano_model: LoadedModel) -> None:
    chat = Chat(nano_model, "low", temperature=0)
    events = chat.stream("What is 12 + 34?")
    next(events)
    with pytest.raises(MessageError, match="make a Chat for each thread"):
        chat.send("What is 1 + 1?")

    async def ask() -> None:
        async for _ in chat.stream_async("What is 1 + 1?"):
            pass

    with pytest.raises(MessageError, match="answering another"):
        asyncio.run(ask())
    assert isinstance([*events][-1], TurnFinished)
    # One that is left, or fails, lets the next one in.
    next(left := chat.stream("What is 2 + 2?"))
    left.close()  # type: ignore[attr-defined]
    with pytest.raises(MessageError, match="empty message"):
        chat.send(" ")
    assert chat.send("What is 1 + 1?").content
