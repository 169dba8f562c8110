"""Chat completions with tools that the server runs, the extension: off, asked for, streamed, and sent back."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from starlette.testclient import TestClient

from gptoss.runtime import LoadedModel
from gptoss.tools import Approval, function_tool
from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script
from tests.server.conftest import KEY, MakeClient, MakeServer, keys_of

Json = dict[str, Any]
CHAT, RENDER = "/v1/chat/completions", "/render"
PYTHON: Json = {"type": "code_interpreter", "container": {"type": "auto"}}
OWN: Json = {"type": "mcp", "server_label": "gptoss"}
LOOK: Json = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
ANSWER = "<|channel|>final<|message|>It is 42.<|return|>"
CALL_LOOK = " to=functions.look<|channel|>commentary <|constrain|>json<|message|>{}<|call|>"
ADDED = '{"a":40,"b":2}'
OTHER_KEY = "another-key-of-some-length"


def think(text: str) -> str:
    return f"<|channel|>analysis<|message|>{text}<|end|><|start|>assistant"


def say(text: str) -> str:
    return f"<|channel|>commentary<|message|>{text}<|end|><|start|>assistant"


def cell(code: str) -> str:
    return f"<|channel|>analysis to=python code<|message|>{code}<|call|>"


def call(name: str, arguments: str) -> str:
    return (
        f" to=functions.{name}<|channel|>commentary <|constrain|>json<|message|>{arguments}<|call|>"
    )


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def fail() -> None:
    """Fails."""
    raise ValueError("no such thing")


def runs(make_client: MakeClient, model: LoadedModel, **settings: Any) -> TestClient:
    tools = ChosenTools(has_python=True, functions=(function_tool(add), function_tool(fail)))
    return make_client(model, tools=tools, has_chat_tools=True, **settings)


def asked(said: object = "What is 6 times 7?", **more: Any) -> Json:
    messages = said if isinstance(said, list) else [{"role": "user", "content": said}]
    return {"messages": messages, "temperature": 0, "tools": [PYTHON, OWN], **more}


def post(client: TestClient, **body: Any) -> Json:
    reply = client.post(CHAT, json=body)
    assert reply.status_code == 200, reply.text
    made: Json = reply.json()
    ChatCompletion.model_validate(made, strict=True)
    return made


def message_of(reply: Json) -> Json:
    made: Json = reply["choices"][0]["message"]
    return made


def streamed(client: TestClient, **body: Any) -> list[Json]:
    told = client.post(CHAT, json={**body, "stream": True}).text
    lines = [line.removeprefix("data: ") for line in told.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    return chunks


FULL = think("I compute it.") + cell("6 * 7") + think("So it is.") + call("add", ADDED)


def test_calls_are_run_and_told_beside_the_answer(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    made = post(runs(make_client, scripted_nano(FULL + ANSWER)), **asked())
    said = message_of(made)
    assert (said["content"], said["reasoning"]) == ("It is 42.", "I compute it.\nSo it is.")
    assert (made["choices"][0]["finish_reason"], "tool_calls" in said) == ("stop", False)
    first, second = said["executed_tools"]
    assert {name: first[name] for name in ("index", "type", "name", "arguments", "output")} == {
        "index": 0,
        "type": "code_interpreter",
        "name": "python",
        "arguments": "6 * 7",
        "output": "42",
    }
    assert (first["status"], first["container_id"][:5]) == ("completed", "cntr_")
    assert {name: second[name] for name in ("index", "type", "name", "arguments", "output")} == {
        "index": 1,
        "type": "mcp",
        "name": "add",
        "arguments": ADDED,
        "output": "42",
    }
    assert (first["reasoning_index"], second["reasoning_index"]) == (13, 23)
    usage = made["usage"]
    # Of all three generations.
    assert usage["prompt_tokens"] > 3 * 50
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_stream_put_together_is_the_whole(make_client: MakeClient, scripted_nano: Script) -> None:
    script = say("I look.") + FULL + call("fail", "{}") + ANSWER
    whole = message_of(post(runs(make_client, scripted_nano(script)), **asked()))
    client = runs(make_client, scripted_nano(script))
    deltas = [
        choice["delta"] for chunk in streamed(client, **asked()) for choice in chunk["choices"]
    ]
    calls: dict[int, Json] = {}
    for each in (call for delta in deltas for call in delta.get("executed_tools", ())):
        known = calls.setdefault(each["index"], {})
        known |= {**each, "arguments": known.get("arguments", "") + each.get("arguments", "")}
    fixed = {"id", "container_id"}
    assert [_without(each, fixed) for each in calls.values()] == [
        _without(each, fixed) for each in whole["executed_tools"]
    ]
    assert "".join(delta.get("content", "") for delta in deltas) == whole["content"]
    assert whole["content"] == "I look.\n\nIt is 42."
    assert calls[2]["status"] == "failed"
    assert calls[2]["output"] == "error: ValueError: no such thing"


def _without(call: Json, names: set[str]) -> Json:
    return {name: value for name, value in call.items() if name not in names}


def test_openais_client_reads_it_all(make_server: MakeServer, scripted_nano: Script) -> None:
    tools = ChosenTools(has_python=True)
    server = make_server(
        scripted_nano(think("Hm.") + cell("6 * 7") + ANSWER + ANSWER),
        tools=tools,
        has_chat_tools=True,
    )
    given: Any = [PYTHON]
    said: Any = [{"role": "user", "content": "What is 6 times 7?"}]
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk:
        with sdk.chat.completions.stream(model="", messages=said, tools=given) as stream:
            for _ in stream:
                pass
            made = stream.get_final_completion()
        message = made.choices[0].message
        assert message.content == "It is 42."
        (run,) = message.executed_tools  # type: ignore[attr-defined]
        assert (run["arguments"], run["output"], run["status"]) == ("6 * 7", "42", "completed")
        # As every client sends it back.
        said += [message, {"role": "user", "content": "Sure?"}]
        again = sdk.chat.completions.create(model="", messages=said, tools=given)
        assert again.choices[0].message.content == "It is 42."


def prompt(client: TestClient, said: list[Json], **more: Any) -> str:
    reply = client.post(RENDER, json=asked(said, **more))
    assert reply.status_code == 200, reply.text
    return str(reply.json()["prompt"])


@pytest.mark.parametrize(
    "first",
    [
        think("I compute it.") + say("I look."),
        say("I look.") + think("I compute it."),
        think("I think.") + say("One.") + think("Once more.") + say("Two.") + think("Now."),
    ],
)
def test_what_is_sent_back_is_read_as_it_was_written(
    make_client: MakeClient, scripted_nano: Script, first: str
) -> None:
    """Also what was thought between the calls, while the turn goes on, and in the order in which it came."""
    before, first = first, first + cell("6 * 7")
    second = think("So it is.") + call("add", ADDED)
    script = first + second + think("Now the client.") + CALL_LOOK
    client = runs(make_client, scripted_nano(script + ANSWER))
    tools = [PYTHON, OWN, LOOK]
    question = {"role": "user", "content": "What is 6 times 7?"}
    made = post(client, **asked([question], tools=tools))
    said = message_of(made)
    assert made["choices"][0]["finish_reason"] == "tool_calls"
    result = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "seen"}
    read = prompt(client, [question, said, result], tools=tools)
    begun = read.index(f"<|start|>assistant{before.partition('<|end|>')[0]}")
    results = {
        "python": "<|start|>python to=assistant<|channel|>analysis<|message|>42<|end|>",
        "add": "<|start|>functions.add to=assistant<|channel|>commentary<|message|>42<|end|>",
    }
    written = (
        f"<|start|>assistant{first}{results['python']}<|start|>assistant{second}{results['add']}"
        f"<|start|>assistant{think('Now the client.')}{CALL_LOOK}"
    )
    assert _spelled(read[begun:]).startswith(_spelled(written))


def test_a_text_before_a_thought_is_told_as_such(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    """In a stream, too; where a thought comes first, both numbers say all."""
    script = say("I look.") + think("I compute it.") + cell("6 * 7") + think("Now.") + say("Once.")
    script += call("add", ADDED) + ANSWER
    made = message_of(post(runs(make_client, scripted_nano(script)), **asked()))
    first, second = made["executed_tools"]
    assert (first["before"], first["reasoning_index"], first["content_index"]) == (
        [0, 7, 13],
        13,
        7,
    )
    assert "before" not in second
    told = [
        each
        for chunk in streamed(runs(make_client, scripted_nano(script)), **asked())
        for choice in chunk["choices"]
        for each in choice["delta"].get("executed_tools", ())
    ]
    assert [each["before"] for each in told if "before" in each] == [[0, 7, 13]]


def _spelled(text: str) -> str:
    """A prompt without what the format leaves open: where a recipient stands, and how a call's type is said."""
    for each in (" code", " <|constrain|>json", " to=python", " to=functions.add"):
        text = text.replace(each, "")
    return text.replace(" to=functions.look", "")


def test_a_conversation_goes_on_in_its_container(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    script = cell("x = 6") + ANSWER + cell("x * 7") + ANSWER + cell("x") + ANSWER
    client = runs(make_client, scripted_nano(script))
    question = {"role": "user", "content": "?"}
    first = message_of(post(client, **asked([question])))
    second = message_of(post(client, **asked([question, first, question])))
    assert second["executed_tools"][0]["output"] == "42"
    third = message_of(post(client, **asked([question])))
    assert "NameError" in third["executed_tools"][0]["output"]


def test_another_keys_container_is_not_gone_on_with(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    model = scripted_nano(cell("x = 6") + ANSWER + cell("x") + ANSWER)
    client = runs(make_client, model, keys=keys_of(KEY, OTHER_KEY))
    mine, others = ({"authorization": f"Bearer {key}"} for key in (KEY, OTHER_KEY))
    question = {"role": "user", "content": "?"}
    first = message_of(client.post(CHAT, json=asked([question]), headers=mine).json())
    body = asked([question, first, question])
    second = message_of(client.post(CHAT, json=body, headers=others).json())
    assert "NameError" in second["executed_tools"][0]["output"]


@pytest.mark.parametrize("path", [CHAT, RENDER])
@pytest.mark.parametrize("tool", [PYTHON, OWN])
def test_without_the_option_it_is_refused_with_the_remedy(
    make_client: MakeClient, client: TestClient, scripted_nano: Script, tool: Json, path: str
) -> None:
    tools = ChosenTools(has_python=True, functions=(function_tool(add),))
    off = make_client(scripted_nano(ANSWER), tools=tools)
    kind = tool["type"]
    # A choice has one form in both APIs.
    choice = {name: value for name, value in tool.items() if name != "container"}
    for body in (asked(tools=[tool]), asked(tools=[LOOK], tool_choice=choice)):
        error = off.post(path, json=body).json()["error"]
        assert error["param"] in ("tools.0.type", "tool_choice.type")
        assert error["message"].endswith(
            f"got '{kind}', which the server runs in /v1/responses alone; ask there, or start it with --chat-tools"
        )
    error = client.post(path, json=asked(tools=[tool])).json()["error"]
    assert "which the server does not run; start it with --tools" in error["message"]


def test_choices_and_counts(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs(make_client, scripted_nano(call("add", ADDED) + ANSWER))
    allowed = {"mode": "required", "tools": [{**OWN, "name": "add"}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    said = message_of(post(client, **asked(tool_choice=choice)))
    assert [each["name"] for each in said["executed_tools"]] == ["add"]
    both = cell("1").replace("<|call|>", "<|end|><|start|>assistant") + cell("2")
    client = runs(make_client, scripted_nano(both + ANSWER))
    said = message_of(post(client, **asked(max_tool_calls=1)))
    assert [each["status"] for each in said["executed_tools"]] == ["completed", "incomplete"]
    assert "no more calls may be made in this turn" in said["executed_tools"][1]["output"]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [LOOK], "max_tool_calls": 1}, "max_tool_calls"),
        ({"tools": [PYTHON, PYTHON]}, "tools.1"),
        ({"tools": [{**OWN, "require_approval": "always"}]}, "tools.0.require_approval"),
        ({"tools": [{**OWN, "allowed_tools": ["sub"]}]}, "tools.0.allowed_tools"),
        ({"include": ["file_search_call.results"]}, "include.0"),
    ],
)
def test_what_cannot_be_met_is_told(
    make_client: MakeClient, scripted_nano: Script, more: Json, param: str
) -> None:
    client = runs(make_client, scripted_nano(ANSWER))
    reply = client.post(CHAT, json=asked(**more))
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_what_needs_approval_is_denied(make_client: MakeClient, scripted_nano: Script) -> None:
    """Nobody can be asked in this API; the model is told, and so is the client."""
    tool = function_tool(add)
    tools = ChosenTools(functions=(tool,), floor={tool.recipient: Approval.ASK})
    client = make_client(
        scripted_nano(call("add", ADDED) + ANSWER), tools=tools, has_chat_tools=True
    )
    said = message_of(post(client, **asked(tools=[OWN])))
    (run,) = said["executed_tools"]
    assert (run["status"], said["content"]) == ("failed", "It is 42.")
    assert run["output"] == (
        "error: the call was not allowed: nobody is there to allow it. Nothing was done."
    )


def test_pictures_are_told_where_they_are_asked_for(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    pytest.importorskip("matplotlib")
    plot = cell("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])")
    client = runs(make_client, scripted_nano(plot + ANSWER + plot + ANSWER))
    (plain,) = message_of(post(client, **asked()))["executed_tools"]
    assert "code_results" not in plain
    told = message_of(post(client, **asked(include=["code_interpreter_call.outputs"])))
    (run,) = told["executed_tools"]
    assert run["code_results"][0]["png"].startswith("iVBORw0KGgo")
    assert "(the call was not finished)" not in prompt(client, [told], tools=[PYTHON])


def test_a_call_that_was_cut_is_told_as_such(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    client = runs(make_client, scripted_nano(cell("print(1, 2, 3, 4, 5, 6)") + ANSWER))
    made = post(client, **asked(max_completion_tokens=12))
    (run,) = message_of(made)["executed_tools"]
    assert made["choices"][0]["finish_reason"] == "length"
    assert (run["status"], run["output"]) == ("incomplete", None)
    read = prompt(client, [message_of(made)])
    assert "<|message|>(the call was not finished)<|end|>" in read


@pytest.mark.parametrize("given", [{"type": "python"}, {"type": "code_interpreter", "name": "x"}])
def test_calls_as_other_servers_tell_them(
    make_client: MakeClient, scripted_nano: Script, given: Json
) -> None:
    """Without places: all that was thought stands before the first of them, and what was said behind them."""
    client = runs(make_client, scripted_nano(ANSWER))
    said = {"role": "assistant", "content": "It is 42.", "reasoning": "Hm."}
    said["executed_tools"] = [{"index": 0, **given, "arguments": "6 * 7", "output": "42"}]  # type: ignore[assignment]
    read = prompt(client, [{"role": "user", "content": "?"}, said])
    assert "6 * 7" in read
    assert read.index("analysis<|message|>42<|end|>") < read.index("final<|message|>It is 42.")
    nameless = {**said, "executed_tools": [{"type": "mcp", "arguments": "{}"}]}
    reply = client.post(RENDER, json=asked([nameless]))
    assert reply.status_code == 400
    assert "messages.0.executed_tools.0.name: got nothing" in reply.text
