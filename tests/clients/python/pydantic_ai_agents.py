"""Agents of pydantic-ai."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from cases import KEY, MODEL, URL, run, weather
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ThinkingPart, ToolOutput
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider


class Place(BaseModel):
    city: str
    degrees: int


OPENAI = OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY)
MODELS: dict[str, Model] = {
    "chat": OpenAIChatModel(MODEL, provider=OPENAI),
    "responses": OpenAIResponsesModel(MODEL, provider=OPENAI),
    "messages": AnthropicModel(MODEL, provider=AnthropicProvider(base_url=URL, api_key=KEY)),
}
# A summary is what it shows of the responses' reasoning.
THINKING: Any = {"thinking": "medium", "openai_reasoning_summary": "auto"}


async def text(model: Model, question: str) -> Any:
    return (await Agent(model).run(question)).output


async def stream(model: Model, question: str) -> Any:
    async with Agent(model).run_stream(question) as made:
        return "".join([piece async for piece in made.stream_text(delta=True)])


async def thought(model: Model, question: str) -> Any:
    made = await Agent(model, model_settings=THINKING).run(question)
    parts = made.all_messages()[-1].parts
    return [*(part.content for part in parts if isinstance(part, ThinkingPart)), made.output]


async def calls(model: Model, question: str) -> Any:
    results: list[str] = []

    def told(city: str) -> str:
        """The weather in a city."""
        results.append(weather(city))
        return results[-1]

    agent = Agent(model)
    agent.tool_plain(name="weather")(told)
    made = await agent.run(question)
    return [*results, made.output]


async def shape(model: Model, question: str) -> Any:
    agent = Agent(model, output_type=NativeOutput(Place))
    return (await agent.run(question)).output.model_dump()


async def called_shape(model: Model, question: str) -> Any:
    agent = Agent(model, output_type=ToolOutput(Place, name="Place"))
    return (await agent.run(question)).output.model_dump()


def functions() -> Iterator[tuple[str, Any]]:
    """Each of these with each model."""
    for name, model in MODELS.items():
        for each in (text, stream, thought, calls, shape, called_shape):
            yield f"{name}_{each.__name__}", partial(each, model)


if __name__ == "__main__":
    run(dict(functions()))
