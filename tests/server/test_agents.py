"""Agents of others, to the end of their work, with a model that writes a given script."""

from __future__ import annotations

import asyncio
import json

import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI

from tests.conftest import Script
from tests.server.conftest import MakeServer

# What agents and chains open, they leave to the interpreter to close.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
THINK = "<|channel|>analysis<|message|>I should look.<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>It is 7 degrees, take a coat.<|return|>"


def call(name: str, **arguments: object) -> str:
    """Markup of a call, after some thought."""
    header = f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>"
    return f"{THINK}{header}{json.dumps(arguments)}<|call|>"


@pytest.mark.parametrize("kind", [OpenAIChatCompletionsModel, OpenAIResponsesModel])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_agent_with_three_tools(
    kind: type[OpenAIChatCompletionsModel] | type[OpenAIResponsesModel],
    is_streamed: bool,
    scripted_nano: Script,
    make_server: MakeServer,
) -> None:
    set_tracing_disabled(True)
    called: list[str] = []

    @function_tool
    def locate(person: str) -> str:
        """Where somebody is."""
        called.append(f"locate {person}")
        return "Oslo"

    @function_tool
    def weather(city: str, days: int) -> str:
        """The weather."""
        called.append(f"weather {city} {days}")
        return "7 degrees"

    @function_tool
    def clothes(degrees: int) -> list[str]:
        """What to wear."""
        called.append(f"clothes {degrees}")
        return ["coat"]

    steps = [
        call("locate", person="Ada"),
        call("weather", city="Oslo", days=1),
        call("clothes", degrees=7),
    ]
    server = make_server(model=scripted_nano("".join(steps) + THINK + FINAL))

    async def run() -> str:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            return await work(client)

    async def work(client: AsyncOpenAI) -> str:
        agent = Agent(
            name="guide",
            instructions="Help.",
            tools=[locate, weather, clothes],
            model=kind(model="scripted", openai_client=client),
            model_settings=ModelSettings(temperature=0),
        )
        if is_streamed:
            result = Runner.run_streamed(agent, "What should Ada wear?")
            async for _ in result.stream_events():
                pass
            return str(result.final_output)
        return str((await Runner.run(agent, "What should Ada wear?")).final_output)

    assert asyncio.run(run()) == "It is 7 degrees, take a coat."
    assert called == ["locate Ada", "weather Oslo 1", "clothes 7"]


def test_langchain_calls_a_tool(scripted_nano: Script, make_server: MakeServer) -> None:
    @tool
    def weather(city: str) -> str:
        """The weather."""
        return f"7 degrees in {city}"

    server = make_server(model=scripted_nano(call("weather", city="Oslo") + THINK + FINAL))
    model = ChatOpenAI(
        model="scripted", base_url=f"{server.url}/v1", api_key="none", temperature=0
    ).bind_tools([weather])
    question = HumanMessage("Weather in Oslo?")
    first = model.invoke([question])
    (made,) = first.tool_calls
    assert (made["name"], made["args"]) == ("weather", {"city": "Oslo"})
    result = ToolMessage(weather.invoke(made["args"]), tool_call_id=made["id"])
    assert model.invoke([question, first, result]).content == "It is 7 degrees, take a coat."
