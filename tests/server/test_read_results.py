"""Reading on in a long result of the operator's function, over HTTP."""

from __future__ import annotations

import pytest

from gptoss.harmony import ToolDescription
from gptoss.tools import Approval, Tool
from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script
from tests.server.conftest import MakeClient
from tests.server.responses_shapes import Json

ANSWER = "<|channel|>final<|message|>It is 5.<|return|>"
CALL = " to=functions.{}<|channel|>commentary <|constrain|>json<|message|>{}<|call|>"


def test_over_http_it_is_a_call_as_others_are(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    script = (
        CALL.format("look", "{}") + CALL.format("read_result", '{"result":1,"start":9}') + ANSWER
    )
    look = Tool(ToolDescription("look"), run=lambda _: "word " * 10_000)
    chosen = ChosenTools(functions=(look,))
    own = {"type": "mcp", "server_label": "gptoss"}
    for path, said in (("/v1/responses", "input"), ("/v1/chat/completions", "messages")):
        client = make_client(scripted_nano(script), tools=chosen, has_chat_tools=True)
        messages = [{"role": "user", "content": "?"}]
        made = client.post(path, json={said: messages, "tools": [own], "temperature": 0}).json()
        if said == "input":
            calls = [item for item in made["output"] if item["type"] == "mcp_call"]
            again = [*messages, *made["output"], *messages]
        else:
            calls = made["choices"][0]["message"]["executed_tools"]
            again = [*messages, made["choices"][0]["message"], *messages]
        assert [each["name"] for each in calls] == ["look", "read_result"]
        assert calls[1]["output"].startswith(" word word")
        assert "characters are left; go on with start" in calls[1]["output"]
        render = "/v1/responses/render" if said == "input" else "/render"
        prompt = client.post(render, json={said: again, "tools": [own]}).json()["prompt"]
        assert "functions.read_result to=assistant" in prompt


LONG = "word " * 10_000
OWN = {"type": "mcp", "server_label": "gptoss"}
ASK: Json = {"tools": [OWN], "temperature": 0}


def chosen(asks: str, *others: Tool) -> ChosenTools:
    look = Tool(ToolDescription("look"), run=lambda _: LONG)
    floor = {f"functions.{asks}": Approval.ASK}
    return ChosenTools(functions=(look, *others), floor=floor)


def yes(made: Json) -> list[Json]:
    requests = [each for each in made["output"] if each["type"] == "mcp_approval_request"]
    return [
        {"type": "mcp_approval_response", "approval_request_id": each["id"], "approve": True}
        for each in requests
    ]


@pytest.mark.parametrize("has_grammar", [True, False])
def test_behind_an_approval_it_is_there(
    make_client: MakeClient, scripted_nano: Script, has_grammar: bool
) -> None:
    """The round behind a decided call may read on in its result."""
    script = CALL.format("look", "{}") + CALL.format("read_result", '{"result":1,"start":9}')
    client = make_client(scripted_nano(script + ANSWER), tools=chosen("look"))
    more = {} if has_grammar else {"grammar": False}
    made = client.post("/v1/responses", json={"input": "?", **ASK, **more}).json()
    body = {"input": yes(made), "previous_response_id": made["id"], **ASK, **more}
    done = client.post("/v1/responses", json=body).json()
    calls = [each for each in done["output"] if each["type"] == "mcp_call"]
    assert [each["name"] for each in calls] == ["look", "read_result"]
    assert calls[1]["output"].startswith(" word word")
    assert done["status"] == "completed"


def test_nobody_is_asked_to_let_it_read_on(make_client: MakeClient, scripted_nano: Script) -> None:
    """Behind a call that waits, a yes to it could not be taken: no request declares it."""
    change = Tool(ToolDescription("change"), run=lambda _: "changed")
    first = CALL.format("change", "{}").removesuffix("<|call|>")
    second = CALL.format("read_result", '{"result":1,"start":9}')
    together = f"{first}<|end|><|start|>assistant{second}"
    script = CALL.format("look", "{}") + together + ANSWER
    client = make_client(scripted_nano(script), tools=chosen("change", change))
    made = client.post("/v1/responses", json={"input": "?", **ASK}).json()
    assert [each["name"] for each in made["output"] if "request" in each["type"]] == ["change"]
    body = {"input": yes(made), "previous_response_id": made["id"], **ASK}
    assert client.post("/v1/responses", json=body).status_code == 200


def test_numbers_go_on_behind_a_pause(make_client: MakeClient, scripted_nano: Script) -> None:
    """Where the conversation has filled half of the context, too."""
    change = Tool(ToolDescription("change"), run=lambda _: LONG)
    calls = [("look", "{}"), ("change", "{}")]
    script = "".join(CALL.format(*each) for each in calls)
    script += CALL.format("read_result", '{"result":2,"start":9}')
    script += CALL.format("read_result", '{"result":1,"start":9}')
    client = make_client(scripted_nano(script + ANSWER), tools=chosen("change", change))
    made = client.post("/v1/responses", json={"input": "?", **ASK}).json()
    body = {"input": yes(made), "previous_response_id": made["id"], **ASK}
    done = client.post("/v1/responses", json=body).json()
    read = [each for each in done["output"] if each.get("name") == "read_result"]
    assert read[0].get("output", "").startswith(" word word"), str(read)
    assert "the result 1, which is of an earlier turn" in str(read[1])
