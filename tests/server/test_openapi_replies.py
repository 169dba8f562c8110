"""Real replies of every route, held to the OpenAPI document: no field too many, none too few, none that never comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from gptoss.errors import EngineError
from gptoss.runtime import LoadedModel
from gptoss.server.service import Service
from gptoss.server.settings import ServerSettings
from gptoss.tools import Approval, function_tool
from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script, ScriptedModel
from tests.server.conftest import KeptService, MakeClient, sums, wait_until
from tests.server.documented import EVENTS, Documented
from tests.server.documented_tools import of_tools
from tests.server.messages_bodies import WEATHER
from tests.server.messages_bodies import body as message
from tests.server.responses_shapes import ANSWER, CALL, SAY, THINK, TOOL, asked

Json = dict[str, Any]

CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"
MESSAGES, COUNT, INVOCATIONS = "/v1/messages", "/v1/messages/count_tokens", "/invocations"
KEPT, ITEMS = "/v1/responses/{response_id}", "/v1/responses/{response_id}/input_items"
CANCEL = "/v1/responses/{response_id}/cancel"

CHAT_TOOL = {"type": "function", "function": {k: v for k, v in TOOL.items() if k != "type"}}
FIND = {"name": "find", "input_schema": TOOL["parameters"]}
LENIENT = {"type": "object", "properties": {"a": {"type": "string"}}, "uniqueItems": True}
LENIENT_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "a", "schema": LENIENT, "strict": False},
}
FORMATS = (
    {"type": "text"},
    {"type": "json_object"},
    {"type": "json_object", "schema": {"type": "object"}, "strict": True},
    {
        "type": "json_schema",
        "name": "a",
        "schema": {"const": 1},
        "description": "1",
        "strict": True,
    },
    {"type": "regex", "regex": "[0-9]+"},
    {"type": "choice", "choice": ["46", "47"]},
    {"type": "lark", "lark": 'start: "46"'},
)
ENCRYPTED, LOGPROBS = "reasoning.encrypted_content", "message.output_text.logprobs"


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def fail() -> None:
    """Fails."""
    raise ValueError("no such thing")


HOSTED = ChosenTools(has_python=True, functions=(function_tool(add), function_tool(fail)))
RUN = "<|channel|>analysis to=python code<|message|>{}<|call|>"
ADD = ' to=functions.add<|channel|>commentary <|constrain|>json<|message|>{"a": 1, "b": 2}<|call|>'
FAIL = " to=functions.fail<|channel|>commentary <|constrain|>json<|message|>{}<|call|>"
FINAL = "<|channel|>final<|message|>3<|return|>"


class Asker:
    """Asks, each time the client that `make` makes, and holds the replies to the document."""

    def __init__(self, make: Callable[[], TestClient], documented: Documented) -> None:
        self.make = make
        self.documented = documented

    def ask(self, method: str, path: str, body: Json | None = None, **values: Any) -> Json:
        """The reply, if it is JSON; `values` fill the path, but for `files` and `data` of a form."""
        form = {name: values.pop(name) for name in ("files", "data") if name in values}
        sent = form or {"json": body}
        reply = self.make().request(method, path.format(**values), **sent)
        self.documented.require(method, path, reply)
        is_json = reply.headers.get("content-type") == "application/json"
        return dict(reply.json()) if is_json else {}

    def both(self, path: str, body: Json) -> Json:
        """As a whole, then as a stream; the whole."""
        whole = self.ask("POST", path, body)
        self.ask("POST", path, {**body, "stream": True})
        return whole


@pytest.fixture
def service(nano_model: LoadedModel) -> Service:
    """One that runs Python."""
    return KeptService(ServerSettings(tools=ChosenTools(has_python=True)), lambda: nano_model)


@pytest.fixture
def documented(client: TestClient) -> Documented:
    return Documented(client.app.openapi())


@pytest.fixture
def nano(client: TestClient, documented: Documented) -> Asker:
    return Asker(lambda: client, documented)


@pytest.fixture
def scripted(
    make_client: MakeClient, scripted_model: ScriptedModel, documented: Documented
) -> Callable[[str], Asker]:
    """Of models that write what they are told to."""
    return lambda markup: Asker(lambda: make_client(scripted_model(markup)), documented)


def test_every_route_answers_as_the_document_says(
    nano: Asker,
    scripted: Callable[[str], Asker],
    scripted_model: ScriptedModel,
    scripted_nano: Script,
    make_client: MakeClient,
    documented: Documented,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All in one, since at the end nothing may be left that the document says and that never came."""
    of_operation(nano)
    slow = Asker(lambda: make_client(scripted_model(THINK + ANSWER, pause_s=0.02)), documented)
    of_progress(slow)
    of_chat(nano, scripted)
    of_completions(nano)
    of_messages(nano, scripted)
    of_responses(nano, scripted)
    of_tools(nano, lambda markup: Asker(lambda: make_client(scripted_nano(markup)), documented))

    def hosting(markup: str) -> Asker:
        kept = make_client(scripted_nano(markup), tools=HOSTED, has_chat_tools=True)
        return Asker(lambda: kept, documented)

    of_hosted_tools(hosting)
    asks = ChosenTools(has_python=True, floor={"python": Approval.ASK})
    model = scripted_nano(RUN.format("print(1)") + FINAL)
    asking = make_client(model, tools=asks)
    of_python_that_is_asked_for(Asker(lambda: asking, documented))
    of_kept_responses(nano)
    of_invocations(nano)
    of_files(nano)
    of_errors(nano, service, monkeypatch)
    wanted = {
        (f"{method} {path}", "200", kind)
        for method, path, operation in documented.operations()
        for kind in operation["responses"]["200"].get("content", {"": {}})
    }
    assert wanted - documented.seen == set()
    assert documented.fields() - documented.seen_fields == set()


def of_files(nano: Asker) -> None:
    form = {"files": {"file": ("a.txt", b"a")}, "data": {"purpose": "user_data", "zzz": "1"}}
    made = nano.ask("POST", "/v1/files", **form)
    nano.ask("GET", "/v1/files")
    one, kept = "/v1/files/{file_id}", {"file_id": made["id"]}
    container = nano.ask("POST", "/v1/containers", {"name": "a", "zzz": 1})
    nano.ask("GET", "/v1/containers")
    at = {"container_id": container["id"]}
    within = "/v1/containers/{container_id}"
    nano.ask("GET", within, **at)
    nano.ask("POST", f"{within}/files", {**kept, "zzz": 1}, **at)
    (file,) = nano.ask("GET", f"{within}/files", **at)["data"]
    for path, values in (
        (one, kept),
        (f"{within}/files/{{file_id}}", {**at, "file_id": file["id"]}),
    ):
        nano.ask("GET", path, **values)
        nano.ask("GET", f"{path}/content", **values)
        nano.ask("DELETE", path, **values)
    nano.ask("DELETE", within, **at)


def of_hosted_tools(scripted: Callable[[str], Asker]) -> None:
    """Calls that the server runs: whole ones, failed ones, ones that wait, and all of their items as input."""
    python = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": []}}
    some = {"tool_names": ["add", "fail"], "read_only": False}
    own = {"type": "mcp", "server_label": "gptoss", "allowed_tools": some}
    waits = {**own, "require_approval": {"always": {"tool_names": ["add"]}, "never": some}}
    tools = [{**own, "allowed_tools": ["add", "fail"]}, python]
    plot = "import matplotlib.pyplot as plt\n_ = plt.plot([1])"
    script = RUN.format(plot) + ADD + FAIL + FINAL
    outputs = {"include": ["code_interpreter_call.outputs"], "tool_choice": None}
    scripted("").ask("GET", "/v1/tools")
    said = SAY.removeprefix("<|start|>assistant")
    for is_streamed in (False, True):
        asker = scripted(script + FINAL)
        body = asked(tools=tools, stream=is_streamed, max_tool_calls=9, **outputs)
        made = asker.ask("POST", RESPONSES, body)
        pictures = {"include": outputs["include"], "max_tool_calls": 9}
        asker = scripted(f"{said}<|start|>assistant{THINK}<|start|>assistant{script}{FINAL}")
        asker.ask("POST", CHAT, sums(tools=tools, stream=is_streamed, **pictures))
    cut = sums(tools=[python], max_tokens=6)
    scripted(RUN.format("print(1)")).both(CHAT, cut)
    for path, ask in ((CHAT, sums), (RESPONSES, asked)):
        only = ask(tools=[python], max_tool_calls=1)
        assert "capped" in json.dumps(scripted(RUN.format("1") + FINAL).ask("POST", path, only))
    made = scripted(script).ask("POST", RESPONSES, asked(tools=tools, **outputs))
    whole = {"type": "mcp", "server_label": "gptoss"}
    for choice in ({**whole, "name": "add"}, whole):
        scripted(ADD + FINAL).ask("POST", RESPONSES, asked(tools=tools, tool_choice=choice))
        some_of = {"type": "allowed_tools", "mode": "auto"}
        some_of |= {"tools": [choice, {"type": "code_interpreter"}]}
        scripted(FINAL).ask("POST", RESPONSES, asked(tools=tools, tool_choice=some_of))
    asker = scripted(RUN.format("1") + ADD + FINAL + FINAL)
    forced = asked(tools=[python, waits], tool_choice={"type": "code_interpreter"})
    waiting = asker.ask("POST", RESPONSES, forced)
    request = waiting["output"][-1]
    decided = {"type": "mcp_approval_response", "approval_request_id": request["id"]}
    decided |= {"approve": True, "reason": "it may"}
    kept = {"previous_response_id": waiting["id"], "tools": [python, waits]}
    done = asker.ask("POST", RESPONSES, {"input": [decided], **kept})
    asker.ask("GET", f"{RESPONSES}/{{response_id}}/input_items", response_id=done["id"])
    said = {"role": "user", "content": "?"}
    failure = {"type": "http_error", "code": 500, "message": "no"}
    others = {"type": "mcp_call", "name": "f", "server_label": "x", "error": failure}
    items = [said, *made["output"], *waiting["output"], decided, *done["output"], others, said]
    asker = scripted(FINAL)
    again = asker.ask("POST", RESPONSES, {"input": items, "tools": tools})
    asker.ask("GET", f"{RESPONSES}/{{response_id}}/input_items", response_id=again["id"])


def of_python_that_is_asked_for(asker: Asker) -> None:
    """The request, the call that it becomes, and what that prints."""
    tools = [{"type": "code_interpreter"}]
    waiting = asker.ask("POST", RESPONSES, asked(tools=tools))
    decided = {"type": "mcp_approval_response", "approve": True}
    decided |= {"approval_request_id": waiting["output"][-1]["id"]}
    more = {"previous_response_id": waiting["id"], "tools": tools, "return_progress": True}
    asker.ask("POST", RESPONSES, {"input": [decided], "stream": True, **more})


def of_operation(nano: Asker) -> None:
    for path in ("/health", "/ready", "/ping", "/version", "/metrics", "/v1/models", "/v1/tools"):
        nano.ask("GET", path)
    nano.ask("GET", "/v1/models/{name}", name="nano")
    made = nano.ask("POST", "/tokenize", {"content": "Grüße", "with_pieces": True})
    nano.ask("POST", "/tokenize", {"prompt": "a"})
    nano.ask("POST", "/detokenize", {"tokens": made["tokens"]})
    nano.ask("POST", "/render", sums())


def of_progress(slow: Asker) -> None:
    """Of a model that cannot be done before it is asked how far it is."""
    slow.ask("POST", CHAT, sums(stream=True, return_progress=True))
    slow.ask("POST", RESPONSES, asked(stream=True, return_progress=True))


def of_chat(nano: Asker, scripted: Callable[[str], Asker]) -> None:
    nano.both(CHAT, sums(logprobs=True, top_logprobs=2, stream_options={"include_usage": True}))
    nano.both(CHAT, sums(n=2))
    nano.both(CHAT, sums(reasoning_effort="none", seed=3, temperature=1))
    nano.both(CHAT, sums(response_format=LENIENT_FORMAT, reasoning_tokens=1, max_tokens=30))
    scripted(THINK + SAY + CALL).both(CHAT, sums(tools=[CHAT_TOOL]))
    # What ends inside of the format, and what goes on for ever.
    nano.both(CHAT, sums(max_tokens=1))
    scripted("<|channel|>analysis<|message|>" + "yes no " * 150).both(CHAT, sums(max_tokens=300))


def of_completions(nano: Asker) -> None:
    nano.both(COMPLETIONS, {"prompt": "a", "max_tokens": 1, "user": "me"})
    body = {"prompt": ["12 + 34 =", "a"], "max_tokens": 4, "n": 2, "temperature": 0}
    nano.both(COMPLETIONS, body)
    more = {"echo": True, "logprobs": 2, "stream_options": {"include_usage": True}}
    nano.both(COMPLETIONS, {**body, "prompt": [1, 2, 3], **more})


def of_messages(nano: Asker, scripted: Callable[[str], Asker]) -> None:
    nano.both(MESSAGES, message())
    nano.both(MESSAGES, message(thinking={"type": "enabled", "display": "omitted"}))
    nano.both(MESSAGES, message(max_tokens=2, metadata={"user_id": "me"}))
    nano.ask("POST", MESSAGES, message(thread={"type": "create"}))
    nano.both(MESSAGES, message(stop_sequences=["4"], tools=[WEATHER]))
    nano.ask("POST", COUNT, message())
    scripted(THINK + SAY + CALL).both(MESSAGES, message(model=None, tools=[FIND]))


def of_responses(nano: Asker, scripted: Callable[[str], Asker]) -> None:
    nano.both(
        RESPONSES,
        asked(
            include=[ENCRYPTED, LOGPROBS],
            top_logprobs=2,
            reasoning={"effort": "high", "summary": "detailed"},
            metadata={"a": "b"},
            instructions="Add.",
            user="u",
            safety_identifier="s",
            prompt_cache_key="p",
        ),
    )
    nano.both(RESPONSES, asked(max_output_tokens=3, truncation="auto", store=False))
    for form in FORMATS:
        nano.both(RESPONSES, asked(text={"format": form}, max_output_tokens=30))
    for choice in ("none", {"type": "allowed_tools", "mode": "auto", "tools": [TOOL]}):
        nano.both(RESPONSES, asked(tools=[TOOL], tool_choice=choice, max_output_tokens=9))
    made = scripted(THINK + SAY + CALL).both(RESPONSES, asked("Find.", tools=[TOOL]))
    call = next(item for item in made["output"] if item["type"] == "function_call")
    result = {"type": "function_call_output", "call_id": call["call_id"]}
    for output in ("a cat", [{"type": "input_text", "text": "a cat"}]):
        items = [
            {"role": "developer", "content": "Find."},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            *made["output"],
            {**result, "output": output},
        ]
        after = nano.ask("POST", RESPONSES, {"input": items, "tools": [TOOL]})
        kept = nano.ask("GET", ITEMS, response_id=after["id"])
        assert len(kept["data"]) == len(items)
    nano.ask("POST", "/v1/responses/input_tokens", {"input": items})
    nano.ask("POST", "/v1/responses/render", {"input": items})


def of_kept_responses(nano: Asker) -> None:
    first = nano.ask("POST", RESPONSES, asked(reasoning={"summary": "concise"}))
    made = nano.ask(
        "POST", RESPONSES, asked("1 + 1", previous_response_id=first["id"], background=True)
    )
    assert made["status"] == "queued"
    nano.ask("POST", RESPONSES, asked(background=True, stream=True))
    response_id = made["id"]

    def is_over() -> bool:
        return nano.ask("GET", KEPT, response_id=response_id)["status"] == "completed"

    wait_until(is_over)
    reply = nano.make().get(f"/v1/responses/{response_id}?stream=true")
    nano.documented.require("GET", KEPT, reply)
    items = nano.ask("GET", ITEMS, response_id=response_id)
    assert len(items["data"]) == 4
    nano.ask("POST", CANCEL, response_id=response_id)
    nano.ask("DELETE", KEPT, response_id=response_id)
    never_ends = {"format": {"type": "regex", "regex": "[a-z]{3000}"}}
    long = nano.ask("POST", RESPONSES, asked("Go on.", text=never_ends, background=True))
    nano.ask("GET", KEPT, response_id=long["id"])
    ended = nano.ask("POST", CANCEL, response_id=long["id"])
    assert ended["status"] == "cancelled"


def of_invocations(nano: Asker) -> None:
    nano.both(INVOCATIONS, sums())
    nano.both(INVOCATIONS, {"prompt": "12 + 34", "max_tokens": 3})
    nano.both(INVOCATIONS, asked())
    nano.both(INVOCATIONS, {**message(), "anthropic_version": "bedrock-2023-05-31"})


def of_errors(nano: Asker, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of streams."""
    whole = service.events

    async def events(turn: Any) -> Any:
        num = 0
        async for event in whole(turn):
            if (num := num + 1) > 1:
                raise EngineError("a wheel came off")
            yield event

    with monkeypatch.context() as patched:
        patched.setattr(service, "events", events)
        for path, body in ((CHAT, sums()), (RESPONSES, asked()), (MESSAGES, message())):
            reply = nano.make().post(path, json={**body, "stream": True})
            assert "a wheel came off" in reply.text
            assert reply.headers["content-type"].startswith(EVENTS)
            nano.documented.require("POST", path, reply)
    with monkeypatch.context() as patched:
        patched.setattr(Service, "is_ready", False)
        assert nano.ask("GET", "/ready")["status"] == "not ready"
