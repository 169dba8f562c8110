"""Tools, schemas and grammars through a chat."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gptoss import harmony
from gptoss.chat import Chat, TurnFinished
from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.turn import begin_turns
from gptoss.engine import EngineOptions, FinishReason, SamplingParams
from gptoss.errors import MessageError, SchemaError
from gptoss.harmony import PYTHON, Role
from gptoss.kernels import Backend
from gptoss.model.checkpoint import open_checkpoint
from gptoss.runtime import LoadedModel
from gptoss.structured import TurnRules
from gptoss.tokenizer import Tokenizer
from tests.conftest import ScriptedModel
from tests.model.random_model import open_transformer
from tests.structured.schemas import CASES
from tests.structured.walks import require_valid

CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": CITY, "strict": True}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY, "strict": True}}
CALL = '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Oslo"}<|call|>'
ANSWER = "<|channel|>final<|message|>Hello.<|return|>"
WILD = SamplingParams(temperature=1.5, seed=1)


def test_a_call_and_its_result(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model(CALL + ANSWER), tools=[WEATHER])
    reply = chat.send("Weather in Oslo?")
    assert reply.finish_reason is FinishReason.TOOL_CALLS
    (call,) = reply.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Oslo"})
    assert chat.send(["7 degrees"]).content == "Hello."
    assert [message.role for message in chat.history] == [
        Role.USER,
        Role.ASSISTANT,
        Role.TOOL,
        Role.ASSISTANT,
    ]
    result = chat.history[2]
    assert (result.name, result.recipient, result.text) == (
        "functions.weather",
        "assistant",
        "7 degrees",
    )


def test_results_follow_their_calls(scripted_model: ScriptedModel) -> None:
    two = CALL.replace("<|call|>", "<|end|><|start|>assistant") + CALL.replace("Oslo", "Rome")
    chat = Chat(scripted_model(two + ANSWER), tools=[WEATHER], parallel_calls=True)
    assert len(chat.send("Weather?").tool_calls) == 2
    with pytest.raises(MessageError, match="got 1 results, wanted one for each of the 2 tool"):
        chat.send(["cold"])
    assert chat.send(["cold", "warm"]).content == "Hello."
    assert [message.text for message in chat.history[1:5]] == [
        '{"city": "Oslo"}',
        "cold",
        '{"city": "Rome"}',
        "warm",
    ]


def test_results_of_no_call(scripted_model: ScriptedModel) -> None:
    with pytest.raises(MessageError, match="got 1 results"):
        Chat(scripted_model("")).send(["cold"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tool_choice": "required"}, "no tool is declared"),
        (
            {"tool_choice": {"type": "function", "function": {"name": "x"}}},
            "got the tool choice 'x'",
        ),
        (
            {
                "tools": [
                    {
                        **WEATHER,
                        "function": {"name": "f", "strict": True, "parameters": {"$ref": "#"}},
                    }
                ]
            },
            "functions.f",
        ),
    ],
)
def test_wishes_that_cannot_be_met(
    options: dict[str, Any], said: str, scripted_model: ScriptedModel
) -> None:
    chat = Chat(scripted_model(""), **options)
    with pytest.raises(SchemaError, match=said):
        chat.send("Hi")
    assert chat.history == []


def test_tools_and_formats_that_are_none(scripted_model: ScriptedModel) -> None:
    with pytest.raises(MessageError, match=r"tools\.0: got 'weather', wanted a Python"):
        Chat(scripted_model(""), tools=["weather"])  # type: ignore[list-item]
    with pytest.raises(MessageError, match="strict: got 'yes', wanted"):
        Chat(scripted_model(""), tools=[{"name": "f", "strict": "yes"}])
    with pytest.raises(SchemaError, match="type: got 'xml', wanted"):
        Chat(scripted_model(""), response_format={"type": "xml"})


def test_the_model_is_told(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model(""), tools=[WEATHER, PYTHON], response_format=FORMAT)
    text = chat.model.tokenizer.decode(
        harmony.render(chat._asked([]).conversation, chat.model.tokenizer)
    )
    assert "namespace functions" in text
    assert "## place" in text
    assert "## python" in text.partition("<|start|>developer")[0]


def test_a_malformed_turn_cannot_be_sampled(scripted_model: ScriptedModel) -> None:
    """Whatever the model likes best, here text without a header."""
    model = scripted_model("Hello there" * 20)
    reply = Chat(model, max_tokens=20).send("Hi")
    assert reply.repairs == ()
    assert [message.channel for message in reply.messages][:1] in (["analysis"], ["final"])


def test_the_grammar_can_be_switched_off(scripted_model: ScriptedModel) -> None:
    reply = Chat(scripted_model("Hello there<|return|>"), grammar=False).send("Hi")
    assert reply.content == "Hello there"
    assert reply.repairs


def test_noise_is_held_to_schemas(random_model: LoadedModel) -> None:
    num_finished = 0
    for index, case in enumerate(CASES[:-1]):
        form = {"type": "json_schema", "json_schema": {"name": "n", "schema": case.schema}}
        chat = Chat(
            random_model,
            sampling=SamplingParams(temperature=1.5, seed=index),
            max_tokens=120,
            reasoning_tokens=5,
            response_format=form,
        )
        reply = chat.send("Hi")
        if reply.finish_reason is FinishReason.STOP:
            num_finished += 1
            assert reply.repairs == ()
            require_valid(reply.content, case.schema)
        else:
            # What there is comes as text.
            assert reply.finish_reason is FinishReason.LENGTH
            assert reply.messages
    assert num_finished > 15


def test_noise_calls_the_tool_that_it_must(random_model: LoadedModel) -> None:
    for seed in range(6):
        chat = Chat(
            random_model,
            sampling=SamplingParams(temperature=1.5, seed=seed),
            max_tokens=300,
            reasoning_tokens=8,
            tools=[WEATHER, {"type": "function", "function": {"name": "stop"}}],
            tool_choice={"type": "function", "function": {"name": "weather"}},
        )
        reply = chat.send("Hi")
        if reply.finish_reason is not FinishReason.LENGTH:
            (call,) = reply.tool_calls
            assert call.name == "weather"
            require_valid(call.arguments, CITY)


def test_a_budget_of_reasoning_leaves_the_choice(random_model: LoadedModel) -> None:
    """What follows the chain of thought is whatever the rules allow, a required call too."""
    chat = Chat(
        random_model,
        sampling=WILD,
        max_tokens=400,
        reasoning_tokens=0,
        tools=[WEATHER],
        tool_choice="required",
    )
    reply = chat.send("Hi")
    assert reply.is_reasoning_cut
    assert reply.reasoning == ""
    assert reply.repairs == ()
    assert not any(message.is_final for message in reply.messages)


def test_what_is_not_enforced_is_said(scripted_model: ScriptedModel) -> None:
    loose = {"name": "f", "parameters": {"type": "object", "uniqueItems": True}}
    reply = Chat(scripted_model(ANSWER), tools=[loose]).send("Hi")
    (said,) = reply.not_enforced
    assert said == (
        "the parameters of functions.f: /uniqueItems is not enforced: got uniqueItems, which cannot be enforced"
    )
    assert said in json.loads(reply.to_json())["not_enforced"]


def test_a_bad_schema_ends_its_own_request_alone(random_model: LoadedModel) -> None:
    async def ask(options: dict[str, Any]) -> str:
        chat = Chat(random_model, sampling=WILD, max_tokens=40, **options)
        try:
            async for event in chat.stream_async("Hi"):
                if isinstance(event, TurnFinished):
                    return str(event.reply.finish_reason)
        except SchemaError as error:
            return str(error)
        return ""

    async def ask_all() -> list[str]:
        bad = {"type": "json_schema", "schema": {"type": "string", "pattern": "(["}}
        return await asyncio.gather(ask({"response_format": bad}), *(ask({}) for _ in range(8)))

    first, *others = asyncio.run(ask_all())
    assert "the schema of the answer" in first
    assert set(others) <= {"stop", "length"}


def test_several_answers_each_have_their_own_state(random_model: LoadedModel) -> None:
    conversation = [harmony.Message(Role.USER, "Hi")]
    rules = TurnRules(answer=harmony_answer())
    compiled = random_model.turns.compile(rules)

    def contents(num: int, seed: int) -> list[str]:
        request = TurnRequest(
            messages=conversation,
            sampling=SamplingParams(temperature=1.5, seed=seed),
            limits=TurnLimits(60, 3),
            num=num,
        )
        turns = begin_turns(random_model, request, compiled)
        found = []
        for turn in turns:
            *_, last = turn.events()
            assert isinstance(last, TurnFinished)
            assert last.reply.repairs == ()
            found.append(last.reply.content)
        return found

    together = contents(5, 7)
    assert len(set(together)) > 1
    for index, content in enumerate(together):
        assert contents(1, 7 + index) == [content]


def harmony_answer() -> Any:
    from gptoss.structured import Answer, AnswerKind

    return Answer(AnswerKind.JSON_SCHEMA, {"type": "array", "items": {"type": "integer"}})


@pytest.mark.parametrize(
    "options", [EngineOptions(speculates=False), EngineOptions(max_chunk=17, keeps_prefixes=False)]
)
def test_the_same_tokens_whatever_the_engine_does(
    options: EngineOptions,
    random_model: LoadedModel,
    tiny_directory: Path,
    nano_tokenizer: Tokenizer,
) -> None:
    def ask(model: LoadedModel, seed: int) -> str:
        chat = Chat(
            model,
            sampling=SamplingParams(temperature=1.2, seed=seed),
            max_tokens=80,
            reasoning_tokens=10,
            tools=[WEATHER],
            response_format=FORMAT,
        )
        reply = chat.send("Hi")
        return repr(reply.messages)

    transformer = open_transformer(tiny_directory, "bf16", Backend(threads=1))
    with LoadedModel(
        "other", open_checkpoint(tiny_directory), nano_tokenizer, transformer, options=options
    ) as other:
        for seed in range(4):
            assert ask(other, seed) == ask(random_model, seed)
