"""OpenAI's Agents SDK."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from agents import (
    Agent,
    CodeInterpreterTool,
    Model,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from cases import KEY, MODEL, URL, run, weather
from openai import AsyncOpenAI
from openai.types.responses import (
    ResponseCodeInterpreterToolCall,
    ResponseOutputItemDoneEvent,
    ResponseTextDeltaEvent,
)
from pydantic import BaseModel

set_tracing_disabled(True)


class Place(BaseModel):
    city: str
    degrees: int


client = AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
MODELS: dict[str, Model] = {
    "chat": OpenAIChatCompletionsModel(model=MODEL, openai_client=client),
    "responses": OpenAIResponsesModel(model=MODEL, openai_client=client),
}


async def text(model: Model, question: str) -> Any:
    return (await Runner.run(Agent(name="guide", model=model), question)).final_output


async def stream(model: Model, question: str) -> Any:
    made = Runner.run_streamed(Agent(name="guide", model=model), question)
    pieces = []
    async for event in made.stream_events():
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
            pieces.append(event.data.delta)
    return "".join(pieces)


async def calls(model: Model, question: str) -> Any:
    results: list[str] = []

    @function_tool(name_override="weather")
    def told(city: str) -> str:
        """The weather in a city."""
        results.append(weather(city))
        return results[-1]

    agent = Agent(name="guide", model=model, tools=[told])
    made = await Runner.run(agent, question)
    return [*results, made.final_output]


async def shape(model: Model, question: str) -> Any:
    agent = Agent(name="guide", model=model, output_type=Place)
    return (await Runner.run(agent, question)).final_output.model_dump()


PYTHON: Any = {"type": "code_interpreter", "container": {"type": "auto"}}


def coder(model: Model) -> Agent[Any]:
    """One whose Python the server runs."""
    if isinstance(model, OpenAIResponsesModel):
        settings = ModelSettings(response_include=["code_interpreter_call.outputs"])
        tools = [CodeInterpreterTool(tool_config=PYTHON)]
        return Agent(name="coder", model=model, tools=[*tools], model_settings=settings)
    # The SDK has no such tool in that API.
    settings = ModelSettings(extra_body={"tools": [PYTHON]})
    return Agent(name="coder", model=model, model_settings=settings)


def told(call: ResponseCodeInterpreterToolCall) -> list[Any]:
    """The code, and what came of it."""
    logs = [each.logs for each in call.outputs or () if each.type == "logs"]
    return [call.code, *logs]


async def code(model: Model, question: str) -> Any:
    made = await Runner.run(coder(model), question)
    raw = [getattr(item, "raw_item", None) for item in made.new_items]
    found = [told(each) for each in raw if isinstance(each, ResponseCodeInterpreterToolCall)]
    return [*found[0], made.final_output] if found else made.final_output


async def streamed_code(model: Model, question: str) -> Any:
    made = Runner.run_streamed(coder(model), question)
    found: list[Any] = []
    async for event in made.stream_events():
        if event.type != "raw_response_event":
            continue
        done = event.data
        if isinstance(done, ResponseOutputItemDoneEvent) and isinstance(
            done.item, ResponseCodeInterpreterToolCall
        ):
            found += told(done.item)
    if isinstance(model, OpenAIResponsesModel):
        return [*found, made.final_output]
    return made.final_output


def functions() -> Iterator[tuple[str, Any]]:
    """Each of these with each model."""
    for name, model in MODELS.items():
        for each in (text, stream, calls, shape, code, streamed_code):
            yield f"{name}_{each.__name__}", partial(each, model)


if __name__ == "__main__":
    run(dict(functions()))
