"""OpenAI's own client against a real server."""

from __future__ import annotations

import asyncio
from typing import Literal

import openai
import pytest
from pydantic import BaseModel

from tests.conftest import ScriptedModel
from tests.server.conftest import LiveServer, MakeServer, wait_until
from tests.server.responses_shapes import CALL, SAY, THINK, TOOL


class Sum(BaseModel):
    """What nano is held to say."""

    sum: Literal[46]


def client_of(server: LiveServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def test_create_retrieve_delete(live_server: LiveServer) -> None:
    with client_of(live_server) as client:
        made = client.responses.create(model="nano", input="12 + 34", temperature=0)
        assert made.output_text == "46"
        assert made.status == "completed"
        assert made.usage is not None
        assert made.usage.output_tokens_details.reasoning_tokens > 0
        assert client.responses.retrieve(made.id) == made
        items = client.responses.input_items.list(made.id, order="asc", limit=5)
        (item,) = list(items)
        assert item.type == "message"
        client.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(made.id)


def test_pages(live_server: LiveServer) -> None:
    with client_of(live_server) as client:
        given = [{"role": "user", "content": str(number)} for number in range(5)]
        made = client.responses.create(model="nano", input=given, max_output_tokens=1)
        assert len(list(client.responses.input_items.list(made.id, limit=2))) == 5


def test_stream(live_server: LiveServer) -> None:
    with client_of(live_server) as client:
        text = ""
        with client.responses.stream(model="nano", input="12 + 34", temperature=0) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    text += event.delta
                    assert event.snapshot == text
            final = stream.get_final_response()
        assert text == final.output_text == "46"
        events = list(client.responses.create(model="nano", input="1 + 1", stream=True))
        assert events[-1].type == "response.completed"


def test_parse(live_server: LiveServer) -> None:
    with client_of(live_server) as client:
        made = client.responses.parse(
            model="nano", input="12 + 34", text_format=Sum, reasoning={"effort": "none"}
        )
        assert made.output_parsed == Sum(sum=46)


def test_a_tool_in_a_loop(make_server: MakeServer, scripted_model: ScriptedModel) -> None:
    answer = "<|channel|>final<|message|>A cat.<|return|>"
    server = make_server(scripted_model(THINK + SAY + CALL + answer))
    with client_of(server) as client:
        given: list[object] = [{"role": "user", "content": "Where?"}]
        include = ["reasoning.encrypted_content"]
        with client.responses.stream(
            model="scripted", input=given, tools=[TOOL], store=False, include=include
        ) as stream:
            for event in stream:
                if event.type == "response.function_call_arguments.done":
                    assert event.arguments == '{"q":"cat"}'
            first = stream.get_final_response()
        thought, said, call = first.output
        assert thought.type == "reasoning"
        assert thought.encrypted_content
        assert (said.type, said.phase) == ("message", "commentary")
        assert call.type == "function_call"
        given += first.output
        given.append({"type": "function_call_output", "call_id": call.call_id, "output": "mat"})
        second = client.responses.create(
            model="scripted", input=given, tools=[TOOL], store=False, include=include
        )
        assert second.output_text == "A cat."


def test_background(make_server: MakeServer, scripted_model: ScriptedModel) -> None:
    server = make_server(scripted_model("<|channel|>final<|message|>" + "word " * 400, 0.01))
    with client_of(server) as client:
        made = client.responses.create(model="scripted", input="Go on.", background=True)
        assert made.status == "queued"
        wait_until(lambda: client.responses.retrieve(made.id).output_text != "")
        with client.responses.stream(response_id=made.id, starting_after=2) as stream:
            for event in stream:
                assert event.sequence_number > 2
                break
        cancelled = client.responses.cancel(made.id)
        assert cancelled.status == "cancelled"
        kinds = [e.type for e in client.responses.retrieve(made.id, stream=True)]
        assert kinds[0] == "response.created"


def test_errors(live_server: LiveServer) -> None:
    with client_of(live_server) as client:
        with pytest.raises(openai.NotFoundError) as missing:
            client.responses.create(model="nano", input="1", previous_response_id="resp_no")
        assert missing.value.code == "previous_response_not_found"
        with pytest.raises(openai.BadRequestError) as wrong:
            client.responses.create(
                model="nano", input="1", tool_choice={"type": "web_search_preview"}
            )
        assert wrong.value.param == "tool_choice.type"


def test_many_at_once(live_server: LiveServer) -> None:
    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{live_server.url}/v1", api_key="none") as client:
            create = client.responses.create
            asked = [create(model="nano", input=f"{n} + {n}", temperature=0) for n in range(12)]
            return [made.output_text for made in await asyncio.gather(*asked)]

    assert asyncio.run(run()) == [str(2 * n) for n in range(12)]
