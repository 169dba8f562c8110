"""LangChain's models of both vendors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import cases
from cases import KEY, MODEL, URL, run
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

OPENAI: dict[str, Any] = {
    "model": MODEL,
    "base_url": f"{URL}/v1",
    "api_key": KEY,
    "max_retries": 0,
}
MODELS: dict[str, BaseChatModel] = {
    "chat": ChatOpenAI(**OPENAI),
    "responses": ChatOpenAI(**OPENAI, reasoning={"summary": "auto"}),
    "messages": ChatAnthropic(
        model=MODEL, base_url=URL, api_key=KEY, max_retries=0, thinking={"type": "adaptive"}
    ),
}


class Place(BaseModel):
    """A place and its weather."""

    city: str
    degrees: int


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return cases.weather(city)


def text(model: BaseChatModel, question: str) -> Any:
    return model.invoke(question).text


def stream(model: BaseChatModel, question: str) -> Any:
    return "".join(chunk.text for chunk in model.stream(question))


def thought(model: BaseChatModel, question: str) -> Any:
    message = model.invoke(question)
    blocks = [each for each in message.content_blocks if each["type"] == "reasoning"]
    return [*(each["reasoning"] for each in blocks), message.text]


def calls(model: BaseChatModel, question: str) -> Any:
    """A round trip."""
    with_tools = model.bind_tools([weather])
    messages: list[Any] = [HumanMessage(question)]
    messages.append(with_tools.invoke(messages))
    messages += [weather.invoke(call) for call in messages[-1].tool_calls]
    return [messages[-1].content, with_tools.invoke(messages).text]


def streamed_calls(model: BaseChatModel, question: str) -> Any:
    with_tools = model.bind_tools([weather])
    chunks = with_tools.stream(question)
    whole = next(chunks)
    for chunk in chunks:
        whole += chunk
    (call,) = whole.tool_calls
    return [weather.invoke(call["args"]), call["name"]]


def shape(model: BaseChatModel, question: str) -> Any:
    return model.with_structured_output(Place, method="json_schema").invoke(question).model_dump()


def called_shape(model: BaseChatModel, question: str) -> Any:
    method = "function_calling"
    return model.with_structured_output(Place, method=method).invoke(question).model_dump()


def functions() -> Iterator[tuple[str, Any]]:
    """Each of these with each model."""
    for name, model in MODELS.items():
        for each in (text, stream, thought, calls, streamed_calls, shape, called_shape):
            yield f"{name}_{each.__name__}", partial(each, model)


if __name__ == "__main__":
    run(dict(functions()))
