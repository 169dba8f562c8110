"""OpenAI's own client."""

from __future__ import annotations

import json
from typing import Any

from cases import KEY, MODEL, URL, WEATHER, run, weather
from openai import OpenAI
from pydantic import BaseModel

client = OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
FUNCTION: dict[str, Any] = {"name": "weather", "description": "The weather.", "parameters": WEATHER}


class Place(BaseModel):
    city: str
    degrees: int


def ask(question: str) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": question}]}


def chat_text(question: str) -> Any:
    return client.chat.completions.create(**ask(question)).choices[0].message.content


def chat_stream(question: str) -> Any:
    with client.chat.completions.stream(**ask(question)) as stream:
        return "".join(event.delta for event in stream if event.type == "content.delta")


def chat_thought(question: str) -> Any:
    message = client.chat.completions.create(**ask(question)).choices[0].message
    return [message.reasoning, message.content]


def chat_shape(question: str) -> Any:
    made = client.chat.completions.parse(**ask(question), response_format=Place)
    return made.choices[0].message.parsed.model_dump()


def chat_tool(question: str) -> Any:
    asked = ask(question)
    tools: Any = [{"type": "function", "function": FUNCTION}]
    message = client.chat.completions.create(**asked, tools=tools).choices[0].message
    (call,) = message.tool_calls
    result = weather(**json.loads(call.function.arguments))
    asked["messages"] += [message, {"role": "tool", "tool_call_id": call.id, "content": result}]
    made = client.chat.completions.create(**asked, tools=tools)
    return [result, made.choices[0].message.content]


def chat_streamed_tool(question: str) -> Any:
    """Put together by the client."""
    tools: Any = [{"type": "function", "function": FUNCTION}]
    with client.chat.completions.stream(**ask(question), tools=tools) as stream:
        stream.until_done()
        (call,) = stream.get_final_completion().choices[0].message.tool_calls
    return [weather(**json.loads(call.function.arguments)), call.function.name]


def responses_text(question: str) -> Any:
    return client.responses.create(model=MODEL, input=question).output_text


def responses_stream(question: str) -> Any:
    with client.responses.stream(model=MODEL, input=question) as stream:
        return "".join(
            event.delta for event in stream if event.type == "response.output_text.delta"
        )


def responses_thought(question: str) -> Any:
    thought, message = client.responses.create(model=MODEL, input=question).output
    return [thought.content[0].text, message.content[0].text]


def responses_shape(question: str) -> Any:
    made = client.responses.parse(model=MODEL, input=question, text_format=Place)
    return made.output_parsed.model_dump()


def responses_tool(question: str) -> Any:
    items: list[Any] = [{"role": "user", "content": question}]
    tools: Any = [{"type": "function", **FUNCTION}]
    made = client.responses.create(model=MODEL, input=items, tools=tools, store=False)
    items += made.output
    call = made.output[-1]
    result = weather(**json.loads(call.arguments))
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
    made = client.responses.create(model=MODEL, input=items, tools=tools, store=False)
    return [result, made.output_text]


def responses_kept_tool(question: str) -> Any:
    """The same with what the server has kept."""
    tools: Any = [{"type": "function", **FUNCTION}]
    made = client.responses.create(model=MODEL, input=question, tools=tools)
    call = made.output[-1]
    result = weather(**json.loads(call.arguments))
    item = {"type": "function_call_output", "call_id": call.call_id, "output": result}
    made = client.responses.create(
        model=MODEL, input=[item], tools=tools, previous_response_id=made.id
    )
    return [result, made.output_text]


if __name__ == "__main__":
    run(globals())
