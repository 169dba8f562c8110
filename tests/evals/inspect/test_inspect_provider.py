"""Our engine as a provider of inspect-ai: what is asked of it, and what it gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("inspect_ai", reason="inspect-ai is not installed: make test-slow does that")

from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentImage,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    Model,
    ModelOutput,
    ResponseSchema,
    get_model,
)
from inspect_ai.tool import ToolFunction, ToolInfo, ToolParams
from inspect_ai.util import JSONSchema

from gptoss.batch.turns import places
from gptoss.errors import EngineError, MessageError, QueueFullError, RequestError, SchemaError
from gptoss.evals.inspect.asked import turn_request
from gptoss.model.batch import Batch
from gptoss.runtime import LoadedModel
from gptoss.structured.rules import AnswerKind, ToolChoice
from tests.conftest import ScriptedModel
from tests.evals.inspect.conftest import Provide

pytestmark = [
    pytest.mark.slow,
    # Of tenacity, by which inspect-ai asks again.
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated"),
]

FINAL = "<|channel|>final<|message|>"
CALL = (
    '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{{"city":"{}"}}<|call|>'
)
WEATHER = ToolInfo(
    name="weather",
    description="The weather in a city.",
    parameters=ToolParams(properties={"city": JSONSchema(type="string")}, required=["city"]),
)
PLACE = JSONSchema(
    type="object",
    properties={
        "city": JSONSchema(type="string", enum=["Oslo", "Bergen"]),
        "degrees": JSONSchema(type="integer", minimum=-9, maximum=9),
    },
    required=["city", "degrees"],
    additionalProperties=False,
)


def ask(model: Model, text: str = "Is it cold?", **more: Any) -> ModelOutput:
    return asyncio.run(model.generate([ChatMessageUser(content=text)], **more))


def test_reasoning_is_content_of_its_own(scripted_model: ScriptedModel, provide: Provide) -> None:
    with scripted_model(
        f"<|channel|>analysis<|message|>Hm, Oslo.<|end|><|start|>assistant{FINAL}7 degrees.<|return|>"
    ) as loaded:
        output = ask(provide(loaded))
    assert output.message.content == [
        ContentReasoning(reasoning="Hm, Oslo."),
        ContentText(text="7 degrees."),
    ]
    assert output.completion == "7 degrees."
    assert output.stop_reason == "stop"
    usage = output.usage
    assert usage is not None
    assert usage.reasoning_tokens
    assert usage.output_tokens > usage.reasoning_tokens
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert (output.metadata or {})["repairs"] == 0


def test_calls_come_back_and_are_read_again_as_they_were_written(
    scripted_model: ScriptedModel, provide: Provide
) -> None:
    thought = "<|channel|>analysis<|message|>I look.<|end|><|start|>assistant"
    with scripted_model(thought + CALL.format("Oslo") + f"{FINAL}Cold.<|return|>") as loaded:
        model = provide(loaded)
        first = ask(model, tools=[WEATHER])
        (call,) = first.message.tool_calls or ()
        assert (call.function, call.arguments, call.parse_error) == (
            "weather",
            {"city": "Oslo"},
            None,
        )
        assert first.stop_reason == "tool_calls"
        result = ChatMessageTool(content="7 degrees", tool_call_id=call.id, function="weather")
        said = [ChatMessageUser(content="Is it cold?"), first.message, result]
        second = asyncio.run(model.generate(said, tools=[WEATHER]))
        request = turn_request(said, [WEATHER], "auto", GenerateConfig(), "2025-08-05")
        prompt = loaded.tokenizer.decode(request.prompt(loaded.tokenizer))
    assert second.completion == "Cold."
    assert "<|channel|>analysis<|message|>I look.<|end|>" in prompt
    # Without the space that others would write.
    assert '<|message|>{"city":"Oslo"}<|call|>' in prompt
    assert (
        "functions.weather to=assistant<|channel|>commentary<|message|>7 degrees<|end|>" in prompt
    )


def test_several_calls_of_one_turn(scripted_model: ScriptedModel, provide: Provide) -> None:
    first = CALL.format("Oslo").replace("<|call|>", "<|end|><|start|>assistant")
    calls = first + CALL.format("Bergen")
    with scripted_model(f"{calls}{FINAL}Both.<|return|>") as loaded:
        output = ask(provide(loaded), tools=[WEATHER])
    made = output.message.tool_calls or []
    assert [call.arguments["city"] for call in made] == ["Oslo", "Bergen"]
    assert len({call.id for call in made}) == 2


@pytest.mark.parametrize(
    ("choice", "mode"),
    [
        ("auto", ToolChoice.AUTO),
        ("any", ToolChoice.REQUIRED),
        ("none", ToolChoice.NONE),
        (ToolFunction(name="weather"), ToolChoice.REQUIRED),
    ],
)
@pytest.mark.parametrize("parallel", [None, False, True])
def test_tool_choice_and_parallel_calls(choice: Any, mode: ToolChoice, parallel: Any) -> None:
    config = GenerateConfig(parallel_tool_calls=parallel)
    rules = turn_request(
        [ChatMessageUser(content="?")], [WEATHER], choice, config, "2025-08-05"
    ).rules
    assert rules.choice is mode
    assert rules.is_parallel is (parallel is not False)
    assert rules.allowed == (
        ("functions.weather",) if choice not in ("auto", "any", "none") else None
    )


def test_a_response_schema_is_enforced(nano_model: LoadedModel, provide: Provide) -> None:
    schema = ResponseSchema(name="place", json_schema=PLACE, strict=True)
    config = GenerateConfig(response_schema=schema, temperature=1, seed=3, max_tokens=400)
    output = ask(provide(nano_model), config=config)
    found = json.loads(output.completion)
    assert found.keys() == {"city", "degrees"}
    assert found["city"] in ("Oslo", "Bergen")
    assert -9 <= found["degrees"] <= 9


def test_whole_schemas_go_by_the_extra_body() -> None:
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "prefixItems": [{"const": 1}]}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    tool = {"type": "function", "function": {"name": "f", "description": "F.", "parameters": {
        "type": "object", "properties": {"x": {"oneOf": [{"type": "string"}]}}}}}  # fmt: skip
    config = GenerateConfig(extra_body={"response_format": form, "tools": [tool]})
    request = turn_request([ChatMessageUser(content="?")], [WEATHER], "auto", config, "2025-08-05")
    assert request.rules.answer.kind is AnswerKind.JSON_SCHEMA
    assert request.rules.answer.value == schema
    assert [each.recipient for each in request.rules.tools] == ["functions.f"]


def test_limits_and_their_names(nano_model: LoadedModel, provide: Provide) -> None:
    model = provide(nano_model)
    cut = ask(model, "48213 + 9077", config=GenerateConfig(max_tokens=3, reasoning_effort="high"))
    assert cut.stop_reason == "max_tokens"
    assert cut.usage is not None
    assert cut.usage.output_tokens == 3
    long = ask(model, "word " * nano_model.context)
    assert (long.stop_reason, long.usage) == ("model_length", None)
    assert "maximum context length is" in (long.error or "")
    whole = ask(model, "48213 + 9077", config=GenerateConfig(temperature=0)).completion
    stopped = ask(
        model, "48213 + 9077", config=GenerateConfig(temperature=0, stop_seqs=[whole[2:4]])
    )
    assert stopped.completion == whole[:2]
    assert stopped.stop_reason == "stop"


@pytest.mark.parametrize(
    ("name", "effort", "reasons"),
    [
        (None, "medium", True),
        ("none", "low", False),
        ("minimal", "low", True),
        ("high", "high", True),
        ("max", "high", True),
    ],
)
def test_effort(name: Any, effort: str, reasons: bool) -> None:
    config = GenerateConfig(reasoning_effort=name, reasoning_tokens=5)
    request = turn_request([ChatMessageUser(content="?")], [], "none", config, "2025-08-05")
    assert (request.effort, request.reasons) == (effort, reasons)
    assert request.limits.reasoning_tokens == 5


def test_a_seed_gives_the_same_and_choices_are_several(
    nano_model: LoadedModel, provide: Provide
) -> None:
    model = provide(nano_model)
    config = GenerateConfig(temperature=2, seed=5, num_choices=3, max_tokens=40)
    first, again = (ask(model, "Tell me.", config=config) for _ in range(2))
    texts = [[str(choice.message.content) for choice in made.choices] for made in (first, again)]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) == 3
    assert first.usage is not None
    assert first.usage.output_tokens > 40


def test_logprobs_are_the_models_own(nano_model: LoadedModel, provide: Provide) -> None:
    config = GenerateConfig(temperature=0, logprobs=True, top_logprobs=3, reasoning_effort="low")
    output = ask(provide(nano_model), "3 + 4", config=config)
    logprobs = output.choices[0].logprobs
    assert logprobs is not None
    assert "".join(each.token for each in logprobs.content) == output.completion
    for each in logprobs.content:
        assert bytes(each.bytes or []).decode() == each.token
        assert each.top_logprobs is not None
        assert len(each.top_logprobs) == 3
        # What a grammar left no choice for may be anything.
        assert each.logprob <= each.top_logprobs[0].logprob <= 0
    assert ask(provide(nano_model), "3 + 4").choices[0].logprobs is None


def test_roles_and_parts_are_read(nano_model: LoadedModel) -> None:
    said: list[ChatMessage] = [
        ChatMessageSystem(content="Be short."),
        ChatMessageUser(content=[ContentText(text="One."), ContentText(text="Two.")]),
        ChatMessageAssistant(content=[ContentReasoning(reasoning="old"), ContentText(text="Yes.")]),
        ChatMessageUser(content="Three."),
    ]
    request = turn_request(said, [], "none", GenerateConfig(), "2025-08-05")
    prompt = nano_model.tokenizer.decode(request.prompt(nano_model.tokenizer))
    for text in ("Be short.", "One.\nTwo.", "Yes.", "Three.", "2025-08-05"):
        assert text in prompt
    assert "old" not in prompt


@pytest.mark.parametrize(
    ("config", "kind", "said"),
    [
        ({"best_of": 2}, RequestError, "got best_of, which this model does not have"),
        ({"prompt_logprobs": 1}, RequestError, "got prompt_logprobs"),
        (
            {"extra_body": {"top_a": 1}},
            RequestError,
            "got top_a in extra_body, wanted one of tools",
        ),
        ({"temperature": -1.0}, RequestError, "got temperature -1.0, wanted 0 to 100"),
        ({"extra_body": {"response_format": {"type": "xml"}}}, SchemaError, "response_format"),
    ],
)
def test_what_cannot_be_met_is_said(
    config: dict[str, Any],
    kind: type[Exception],
    said: str,
    nano_model: LoadedModel,
    provide: Provide,
) -> None:
    with pytest.raises(kind, match=said.split(",")[0]) as raised:
        ask(provide(nano_model), config=GenerateConfig(**config))
    assert said in str(raised.value)


def test_pictures_are_refused(nano_model: LoadedModel, provide: Provide) -> None:
    picture = ContentImage(image="data:image/png;base64,iVBORw0KGgo=")
    said = [ChatMessageUser(content=[ContentText(text="What is it?"), picture])]
    with pytest.raises(
        MessageError, match=r"messages\.0: got content of the type 'image', wanted text"
    ):
        asyncio.run(provide(nano_model).generate(said))


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("gptoss/nowhere", {}, "nowhere"),
        ("gptoss/nano", {"layers": 2}, "got layers, wanted one of precision, threads"),
        ("gptoss/nano", {"base_url": "http://127.0.0.1:8000"}, "for a server ask openai-api"),
    ],
)
def test_a_users_mistake_is_a_line(name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(PrerequisiteError) as raised:
        get_model(name, memoize=False, **given)
    assert said in str(raised.value)


def test_options_are_those_of_load() -> None:
    model: Any = get_model("gptoss/nano", memoize=False, precision="int3")
    with pytest.raises(PrerequisiteError, match="int3"):
        assert model.api.loaded
    model = get_model("gptoss/nano", memoize=False, precision="float32", threads=1, max_batch=3)
    assert model.config.max_connections == 4
    assert ask(model, "3 + 4", config=GenerateConfig(temperature=0)).completion == "7"
    assert (model.api.loaded.precision, model.api.loaded.options.max_running) == ("float32", 3)
    model.api.close()


def test_only_a_full_queue_is_worth_waiting_for(nano_model: LoadedModel, provide: Provide) -> None:
    api = provide(nano_model).api
    assert api.should_retry(QueueFullError("full"))
    assert not api.should_retry(EngineError("a fault"))


def test_questions_share_the_engines_steps(
    nano_model: LoadedModel, provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one after the other, and as many as the engine has places."""
    sizes: list[int] = []
    forward: Callable[[Batch], Any] = nano_model.transformer.forward

    def counted(batch: Batch) -> Any:
        sizes.append(nano_model.load_now.running)
        return forward(batch)

    monkeypatch.setattr(nano_model.transformer, "forward", counted)
    model = provide(nano_model)
    assert model.api.max_connections() == model.config.max_connections == places(nano_model)

    async def all_of_them() -> list[ModelOutput]:
        asked = (
            model.generate(f"{number} + 9077", config=GenerateConfig(reasoning_effort="high"))
            for number in range(40)
        )
        return list(await asyncio.gather(*asked))

    outputs = asyncio.run(all_of_them())
    assert len(outputs) == 40
    assert max(sizes) == nano_model.options.max_running


def test_own_models_are_closed_and_others_are_not(
    nano_model: LoadedModel, provide: Provide
) -> None:
    provide(nano_model).api.close()
    assert nano_model.is_running
    model: Any = get_model("gptoss/nano", memoize=False, threads=1)
    assert not model.api.is_open
    assert model.api.loaded.is_running
    model.api.close()
    assert not model.api.loaded.is_running


def test_tokens_are_the_models(nano_model: LoadedModel, provide: Provide) -> None:
    api = provide(nano_model).api
    ids = asyncio.run(api.tokenize("12 + 34"))
    assert ids == nano_model.tokenizer.encode("12 + 34")
    assert asyncio.run(api.count_text_tokens("12 + 34")) == len(ids)
