"""`code_interpreter` of the Responses API: Python that the server runs, as items and events of openai's types."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from starlette.testclient import TestClient

from gptoss.engine import EVERYBODY
from gptoss.runtime import LoadedModel
from gptoss.server.containers import containers
from gptoss.tools.chosen import ChosenTools
from gptoss.tools.sandbox import choose_rung
from tests.conftest import Script
from tests.server.conftest import KEY, MakeClient, MakeServer, keys_of
from tests.server.responses_shapes import Json, create, events_of, refused

OTHER_KEY = "another-key-of-some-length"
PYTHON = {"type": "code_interpreter", "container": {"type": "auto"}}
OUTPUTS = ["code_interpreter_call.outputs"]
ANSWER = "<|channel|>final<|message|>It is 42.<|return|>"
THINK = "<|channel|>analysis<|message|>I compute it.<|end|><|start|>assistant"


def cell(code: str) -> str:
    return f"<|channel|>analysis to=python code<|message|>{code}<|call|>"


def runs_python(make_client: MakeClient, model: LoadedModel, **settings: Any) -> TestClient:
    return make_client(model, tools=ChosenTools(has_python=True), **settings)


def asked(given: object = "What is 6 times 7?", **more: Any) -> Json:
    return {"input": given, "temperature": 0, "tools": [PYTHON], **more}


def calls(response: Json) -> list[Json]:
    return [item for item in response["output"] if item["type"] == "code_interpreter_call"]


def logs(response: Json) -> list[str]:
    return [call["outputs"][0]["logs"] for call in calls(response)]


def test_a_response_has_the_call_and_what_came_of_it(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    client = runs_python(make_client, scripted_nano(THINK + cell("6 * 7") + ANSWER))
    made = client.post("/v1/responses", json=asked()).json()
    assert [item["type"] for item in made["output"]] == [
        *("reasoning", "code_interpreter_call", "message")
    ]
    (call,) = calls(made)
    assert (call["code"], call["status"]) == ("6 * 7", "completed")
    assert call["outputs"] == [{"type": "logs", "logs": "42"}]
    assert call["container_id"].startswith("cntr_")
    assert made["tools"] == [PYTHON]
    assert made["usage"]["input_tokens"] > 2 * 50
    assert openai.types.responses.Response.model_validate(made).output_text == "It is 42."


def test_a_stream_has_the_events_of_openais_types(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    client = runs_python(make_client, scripted_nano(cell("6 * 7") + cell("1 / 0") + ANSWER))
    reply = client.post("/v1/responses", json=asked(stream=True))
    events = events_of(reply.text)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"].removeprefix("response.") for event in events]
    once = [
        "output_item.added",
        "code_interpreter_call.in_progress",
        "code_interpreter_call_code.delta",
        "code_interpreter_call_code.done",
        "code_interpreter_call.interpreting",
        "code_interpreter_call.completed",
        "output_item.done",
    ]
    found = [kind for at, kind in enumerate(kinds) if kind != kinds[at - 1]]
    assert found[2 : 2 + 2 * len(once)] == 2 * once
    last = events[-1]["response"]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert last["output"] == done
    code = [event for event in events if event["type"].endswith("code.delta")]
    assert "".join(e["delta"] for e in code if e["item_id"] == done[0]["id"]) == "6 * 7"
    assert "ZeroDivisionError" in logs(last)[1]
    assert {event["output_index"] for event in events if "item_id" in event} == {0, 1, 2}


def test_a_file_whose_name_is_no_text(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs_python(
        make_client, scripted_nano(cell("open(b'/mnt/data/\\xff', 'w').close()") + ANSWER)
    )
    made = client.post("/v1/responses", json=asked())
    assert logs(made.json()) == [
        "(the code ran to its end and printed nothing, and changed \\udcff)"
    ]
    assert client.get(f"/v1/responses/{made.json()['id']}").json() == made.json()


def test_names_stay_in_the_container_of_the_conversation(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    model = scripted_nano(cell("x = 6") + ANSWER + cell("x * 7") + ANSWER + cell("x") + ANSWER)
    client = runs_python(make_client, model)
    first = client.post("/v1/responses", json=asked()).json()
    second = client.post(
        "/v1/responses", json=asked("Go on.", previous_response_id=first["id"])
    ).json()
    assert logs(second) == ["42"]
    assert calls(first)[0]["container_id"] == calls(second)[0]["container_id"]
    # Another conversation has a container of its own.
    third = client.post("/v1/responses", json=asked()).json()
    assert "NameError" in logs(third)[0]


def test_items_are_taken_back_as_input(make_client: MakeClient, scripted_nano: Script) -> None:
    """By clients that keep the conversation themselves: the model reads the same as from the store."""
    model = scripted_nano(cell("6 * 7") + ANSWER)
    client = runs_python(make_client, model)
    first = client.post("/v1/responses", json=asked()).json()
    more = {"role": "user", "content": "Go on."}
    kept = asked([more], previous_response_id=first["id"])
    sent = asked([{"role": "user", "content": "What is 6 times 7?"}, *first["output"], more])
    prompts = [client.post("/v1/responses/render", json=body).json() for body in (kept, sent)]
    assert prompts[0]["prompt"] == prompts[1]["prompt"]
    assert "analysis<|message|>42<|end|>" in prompts[0]["prompt"]
    half = [{**item, "outputs": None} for item in first["output"][:1]]
    told = client.post("/v1/responses/render", json=asked([*sent["input"][:1], *half, more]))
    assert "(the output of this call was not sent back)" in told.json()["prompt"]


def test_pictures_are_told_where_they_are_asked_for(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    pytest.importorskip("matplotlib")
    plot = cell("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])")
    client = runs_python(make_client, scripted_nano(plot + ANSWER + plot + ANSWER))
    plain = client.post("/v1/responses", json=asked()).json()
    assert [each["type"] for each in calls(plain)[0]["outputs"]] == ["logs"]
    told = client.post("/v1/responses", json=asked(include=OUTPUTS)).json()
    (picture,) = calls(told)[0]["outputs"][1:]
    assert picture["url"].startswith("data:image/png;base64,iVBORw0KGgo")


def test_calls_are_counted(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs_python(make_client, scripted_nano(cell("1") + cell("2") + ANSWER))
    made = client.post("/v1/responses", json=asked(max_tool_calls=2)).json()
    assert (len(calls(made)), made["max_tool_calls"]) == (2, 2)
    assert made["output"][-1]["type"] == "message"


def test_calls_beyond_their_number_are_not_run(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    """Also where they are written together, before the limit is reached."""
    both = cell("x = 1").replace("<|call|>", "<|end|><|start|>assistant") + cell("x = 2")
    client = runs_python(make_client, scripted_nano(both + ANSWER + cell("x") + ANSWER))
    made = client.post("/v1/responses", json=asked(max_tool_calls=1)).json()
    assert [call["status"] for call in calls(made)] == ["completed", "incomplete"]
    assert "no more calls may be made in this turn" in logs(made)[1]
    assert made["output"][-1]["type"] == "message"
    later = client.post("/v1/responses", json=asked("x?", previous_response_id=made["id"])).json()
    assert logs(later) == ["1"]


@pytest.mark.parametrize("outputs", [[], [{"type": "image", "url": "data:image/png;base64,iVBO"}]])
def test_a_call_that_gave_no_text_says_so(
    make_client: MakeClient, scripted_nano: Script, outputs: list[Json]
) -> None:
    client = runs_python(make_client, scripted_nano(ANSWER))
    call = {"type": "code_interpreter_call", "code": "plot()", "outputs": outputs}
    told = client.post("/v1/responses/render", json=asked([call, {"role": "user", "content": "?"}]))
    assert "analysis<|message|>(the call gave no text)<|end|>" in told.json()["prompt"]


def test_a_choice_of_it_is_met(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs_python(make_client, scripted_nano(cell("6 * 7") + ANSWER))
    choice = {"type": "code_interpreter"}
    made = client.post("/v1/responses", json=asked(tool_choice=choice)).json()
    assert (logs(made), made["tool_choice"]) == (["42"], choice)


def test_a_call_in_the_background(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs_python(make_client, scripted_nano(cell("6 * 7") + ANSWER))
    made = client.post("/v1/responses", json=asked(background=True)).json()
    while made["status"] in ("queued", "in_progress"):
        made = client.get(f"/v1/responses/{made['id']}").json()
    assert (made["status"], logs(made)) == ("completed", ["42"])


def test_tokens_that_end_inside_the_code(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs_python(make_client, scripted_nano(cell("print(1, 2, 3, 4, 5, 6)") + ANSWER))
    made = client.post("/v1/responses", json=asked(max_output_tokens=12)).json()
    (call,) = calls(made)
    assert (made["status"], call["status"], call["outputs"]) == ("incomplete", "incomplete", None)
    require = openai.types.responses.Response.model_validate(made)
    assert require.status == "incomplete"


def test_containers_are_their_owners(make_client: MakeClient, scripted_nano: Script) -> None:
    model = scripted_nano(cell("x = 1") + ANSWER)
    client = runs_python(make_client, model, keys=keys_of(KEY, OTHER_KEY))
    mine, others = ({"authorization": f"Bearer {key}"} for key in (KEY, OTHER_KEY))
    made = client.post("/v1/responses", json=asked(), headers=mine).json()
    named = {"type": "code_interpreter", "container": calls(made)[0]["container_id"]}
    reply = client.post("/v1/responses", json=asked(tools=[named]), headers=others)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (404, "container_not_found")


def test_files_are_put_into_its_container(make_server: MakeServer, scripted_nano: Script) -> None:
    """Once: what the code makes of them stays, and is fetched from there."""
    read = "print(open('/mnt/data/a.txt').read())"
    write = "open('/mnt/data/a.txt', 'w').write('changed')"
    script = cell(read) + cell(write) + ANSWER + cell(read) + ANSWER
    server = make_server(scripted_nano(script), tools=ChosenTools(has_python=True))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk:
        sent = sdk.files.create(file=("a.txt", b"as it was sent"), purpose="user_data")
        python: Any = {"type": "code_interpreter", "container": {"type": "auto"}}
        python["container"]["file_ids"] = [sent.id]
        first = sdk.responses.create(model="", input="?", tools=[python])
        second = sdk.responses.create(
            model="", input="?", tools=[python], previous_response_id=first.id
        )
        made = calls(first.to_dict())[0]["container_id"]
        (file,) = sdk.containers.files.list(made)
        content = sdk.containers.files.content.retrieve(file.id, container_id=made).content
        missing: Any = {**python, "container": {"type": "auto", "file_ids": ["file-0"]}}
        with pytest.raises(openai.NotFoundError):
            sdk.responses.create(model="", input="?", tools=[missing])
    assert (logs(first.to_dict())[0], logs(second.to_dict())) == ("as it was sent", ["changed"])
    assert content == b"changed"


def test_containers_that_nobody_named_make_room(
    make_client: MakeClient, scripted_nano: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thirty-third request was refused, and so were all behind it, for twenty minutes."""
    monkeypatch.setattr(containers, "_MOST_OF_AN_OWNER", 2)
    client = runs_python(make_client, scripted_nano((cell("x = 1") + ANSWER) * 4 + ANSWER))
    made = [client.post("/v1/responses", json=asked()).json() for _ in range(4)]
    assert len({calls(each)[0]["container_id"] for each in made}) == 4
    # The first one's is gone: the conversation goes on in another.
    again = client.post("/v1/responses", json=asked("?", previous_response_id=made[0]["id"]))
    assert again.status_code == 200
    assert len(client.app.state.service.containers.of(EVERYBODY)) == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"tools": [PYTHON, PYTHON]}, "tools.1: got code_interpreter a second time"),
        ({"max_tool_calls": 0}, "max_tool_calls: got 0, wanted at least 1"),
        (
            {"tools": [{"type": "code_interpreter", "container": "cntr_0"}]},
            "got the container 'cntr_0', which is not there any more",
        ),
    ],
)
def test_what_is_wrong_is_told(
    make_client: MakeClient, scripted_nano: Script, body: Json, told: str
) -> None:
    client = runs_python(make_client, scripted_nano(ANSWER))
    reply = client.post("/v1/responses", json=asked(**body))
    assert reply.status_code in (400, 404)
    assert told in reply.json()["error"]["message"]


def test_a_server_that_runs_nothing_leaves_it_out(client: TestClient) -> None:
    made = create(client, **asked("12 + 34"))
    assert made["gptoss"]["ignored"] == ["tools.0 (code_interpreter)"]
    assert made["tools"] == []
    assert refused(client, 400, **asked(tool_choice={"type": "code_interpreter"}))
    assert refused(client, 400, **asked(max_tool_calls=3))["code"] == "unsupported_parameter"


def test_openais_client(make_server: MakeServer, scripted_nano: Script) -> None:
    server = make_server(scripted_nano(cell("6 * 7") + ANSWER), tools=ChosenTools(has_python=True))
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk,
        sdk.responses.stream(
            model="", input="What is 6 times 7?", tools=[{**PYTHON}], include=OUTPUTS
        ) as stream,
    ):
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert "response.code_interpreter_call.interpreting" in kinds
    assert final.output_text == "It is 42."


def test_health_says_which_sandbox_it_is(
    make_client: MakeClient, client: TestClient, scripted_nano: Script
) -> None:
    told = runs_python(make_client, scripted_nano(ANSWER)).get("/health").json()
    assert told == {"status": "ok", "sandbox": str(choose_rung().name)}
    assert client.get("/health").json() == {"status": "ok"}
