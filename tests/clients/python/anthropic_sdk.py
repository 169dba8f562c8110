"""Anthropic's own client."""

from __future__ import annotations

from typing import Any

from anthropic import Anthropic, beta_tool
from cases import KEY, MODEL, URL, run, weather
from pydantic import BaseModel

client = Anthropic(base_url=URL, api_key=KEY, max_retries=0)


class Place(BaseModel):
    city: str
    degrees: int


def ask(question: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}]
    return {"model": MODEL, "max_tokens": 1000, "messages": messages}


def text(question: str) -> Any:
    return client.messages.create(**ask(question)).content[0].text


def stream(question: str) -> Any:
    with client.messages.stream(**ask(question)) as stream:
        return "".join(stream.text_stream)


def thought(question: str) -> Any:
    thinking = {"type": "adaptive"}
    thought, message = client.messages.create(**ask(question), thinking=thinking).content
    return [thought.thinking, message.text]


def shape(question: str) -> Any:
    return client.messages.parse(**ask(question), output_format=Place).parsed_output.model_dump()


def _runner(question: str, **more: Any) -> list[Any]:
    results: list[str] = []

    @beta_tool(name="weather")
    def tool(city: str) -> str:
        """The weather."""
        results.append(weather(city))
        return results[-1]

    last = client.beta.messages.tool_runner(**ask(question), tools=[tool], **more).until_done()
    return [*results, last.content[-1].text]


def tool(question: str) -> Any:
    return _runner(question)


def streamed_tool(question: str) -> Any:
    return _runner(question, stream=True)


if __name__ == "__main__":
    run(globals())
