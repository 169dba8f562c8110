"""What a request says and is not read: named in `gptoss.ignored`, or refused by its name."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from starlette.testclient import TestClient

from tests.server.conftest import LiveServer, MakeClient, MakeServer

USER = {"role": "user", "content": "1 + 1"}
PICTURE = {"type": "input_image", "image_url": "data:"}
PATHS = {
    "/v1/chat/completions": {"messages": [USER], "reasoning_effort": "none", "max_tokens": 4},
    "/v1/completions": {"prompt": "1 + 1", "max_tokens": 2},
    "/v1/responses": {
        "input": [USER],
        "reasoning": {"effort": "none"},
        "max_output_tokens": 4,
        "store": False,
    },
    "/v1/messages": {
        "messages": [USER],
        "thinking": {"type": "disabled"},
        "max_tokens": 4,
    },
}


@pytest.fixture
def client(make_client: MakeClient) -> TestClient:
    """A client of nano's."""
    return make_client()


def ignored(client: TestClient, path: str, body: dict[str, Any]) -> list[str]:
    """What a reply says that was ignored."""
    reply = client.post(path, json={**PATHS[path], **body})
    assert reply.status_code == 200, reply.text
    found: list[str] = reply.json().get("gptoss", {}).get("ignored", [])
    return found


def refusal(client: TestClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The error of a request."""
    reply = client.post(path, json={**PATHS[path], **body})
    assert reply.status_code == 400, reply.text
    error: dict[str, Any] = reply.json()["error"]
    return error


@pytest.mark.parametrize("path", PATHS)
def test_fields_that_nobody_knows_are_named(client: TestClient, path: str) -> None:
    assert ignored(client, path, {}) == []
    said = {"zzz": 1, "guided_json": {}, "min_tokens": 3, "ignore_eos": False, "grammar": None}
    assert ignored(client, path, said) == ["zzz", "guided_json", "min_tokens"]


@pytest.mark.parametrize("path", PATHS)
def test_a_stream_says_it_at_its_end(client: TestClient, path: str) -> None:
    reply = client.post(path, json={**PATHS[path], "zzz": 1, "stream": True})
    assert reply.text.count('"ignored":["zzz"]') == 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_fields_inside_have_their_places(client: TestClient, path: str) -> None:
    name = "input" if path == "/v1/responses" else "messages"
    part = {"type": "text", "text": "1 + 1", "zzz": {}}
    said = [{**USER, "content": [part, part]}, {**USER, "content": [part], "yyy": 1}]
    assert ignored(client, path, {name: said}) == [f"{name}.0.content.0.zzz", f"{name}.1.yyy"]


def test_there_is_an_end_to_what_is_named(client: TestClient) -> None:
    many = {f"field_{number}{'x' * 200}": 1 for number in range(100)}
    found = ignored(client, "/v1/chat/completions", many)
    assert len(found) == 32
    assert max(map(len, found)) <= 100


def test_what_is_done_anyway_is_not_named(client: TestClient) -> None:
    said = {"service_tier": "auto", "verbosity": "medium", "store": False, "metadata": None}
    assert ignored(client, "/v1/chat/completions", said) == []
    said = {"service_tier": "flex", "verbosity": "low", "store": True, "metadata": {}}
    assert ignored(client, "/v1/chat/completions", said) == list(said)


def test_what_only_streams_have_is_named_without_one(client: TestClient) -> None:
    said = {"stream_options": {"include_usage": True}, "return_progress": True}
    assert ignored(client, "/v1/chat/completions", said) == list(said)
    reply = client.post(
        "/v1/chat/completions",
        json={**PATHS["/v1/chat/completions"], "stream_options": {}, "stream": True},
    )
    assert '"ignored":[]' in reply.text


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("/v1/chat/completions", "web_search_options", {}),
        ("/v1/chat/completions", "functions", [{"name": "f"}]),
        ("/v1/chat/completions", "moderation", {}),
        ("/v1/responses", "moderation", {}),
        ("/v1/responses", "conversation", {}),
        ("/v1/messages", "container", {}),
        ("/v1/messages", "compaction", {"type": "summarize"}),
    ],
)
def test_what_cannot_be_had_is_refused(
    client: TestClient, path: str, field: str, value: object
) -> None:
    error = refusal(client, path, {field: value})
    assert error["message"].startswith(f"got {field}, which is not supported: ")


@pytest.mark.parametrize("path", PATHS)
def test_top_k_of_minus_one_is_off(client: TestClient, path: str) -> None:
    assert ignored(client, path, {"top_k": -1}) == []
    assert "top_k: got -2" in refusal(client, path, {"top_k": -2})["message"]


def test_a_thread_is_refused_as_clients_know_it(client: TestClient) -> None:
    error = refusal(client, "/v1/messages", {"thread": {"type": "create"}})
    assert error["details"] == {"error_code": "thread_unsupported_request"}


def test_anthropics_own_loop_over_tools_runs_to_its_end(make_server: MakeServer) -> None:
    @anthropic.beta_tool
    def pick() -> str:
        """Picks a number."""
        return "7"

    server: LiveServer = make_server()
    with anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0) as of_sdk:
        runner = of_sdk.beta.messages.tool_runner(
            model="nano",
            max_tokens=400,
            tools=[pick],
            max_iterations=2,
            thinking={"type": "disabled"},
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
            messages=[{"role": "user", "content": "go"}],
        )
        assert [message.stop_reason for message in runner] == ["tool_use", "tool_use"]


@pytest.mark.parametrize(
    ("path", "tool"),
    [
        ("/v1/chat/completions", {"type": "web_search_preview"}),
        ("/v1/responses", {"type": "web_search_2025_08_26"}),
        ("/v1/responses", {"type": "file_search", "vector_store_ids": []}),
        ("/v1/responses", {"type": "code_interpreter", "container": "x"}),
        ("/v1/responses", {"type": "computer_use_preview"}),
        ("/v1/responses", {"type": "image_generation", "model": "m"}),
        ("/v1/responses", {"type": "mcp", "server_label": "x"}),
        ("/v1/responses", {"type": "tool_search"}),
        ("/v1/responses", {"type": "programmatic_tool_calling"}),
        ("/v1/messages", {"type": "web_search_20250305", "name": "web_search"}),
    ],
)
def test_tools_of_a_servers_own_are_left_out(
    client: TestClient, path: str, tool: dict[str, Any]
) -> None:
    assert ignored(client, path, {"tools": [tool]}) == [f"tools.0 ({tool['type']})"]


def test_a_tool_of_a_servers_own_cannot_be_called(client: TestClient) -> None:
    said = {"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}}
    error = refusal(client, "/v1/responses", said)
    assert error["param"] == "tool_choice.type"
    assert "the server does not run it; declare a function" in error["message"]
    choice = {"type": "tool", "name": "web_search"}
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    error = refusal(client, "/v1/messages", {"tools": tools, "tool_choice": choice})
    assert "got the tool choice 'web_search', wanted a declared tool" in error["message"]


def test_a_request_of_codex_has_its_tools_among_the_items(client: TestClient) -> None:
    custom = {"type": "custom", "name": "exec", "description": "Runs a script.", "zzz": 1}
    spaces = [
        {"type": "namespace", "name": "functions", "description": "", "tools": [custom]},
        {"type": "namespace", "name": "other", "description": "", "tools": []},
    ]
    added = {
        "type": "additional_tools",
        "role": "developer",
        "tools": [*spaces, {"type": "web_search"}],
    }
    for body in ({"input": [added, USER]}, {"input": [added, USER, added], "tools": spaces}):
        rendered = client.post("/v1/responses/render", json=body).json()["prompt"]
        assert rendered.count("type exec = (") == 1
    places = ["input.0.tools.0.tools.0.zzz", "input.0.tools.2 (web_search)"]
    assert ignored(client, "/v1/responses", {"input": [added, USER]}) == places


def test_tools_among_the_items_stay_with_a_kept_response(client: TestClient) -> None:
    tool = {"type": "function", "name": "pick", "parameters": {"type": "object"}}
    added = {"type": "additional_tools", "role": "developer", "tools": [tool]}
    first = client.post("/v1/responses", json={"input": [added, USER], "max_output_tokens": 4})
    body = {"input": "On.", "previous_response_id": first.json()["id"]}
    rendered = client.post("/v1/responses/render", json=body).json()["prompt"]
    assert "type pick = (" in rendered
    assert rendered.count("additional_tools") == 0


def _thought(**more: Any) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAABmb3JlaWdu", **more}


@pytest.mark.parametrize(
    ("thought", "behind", "places"),
    [
        (_thought(), [{"role": "assistant", "content": "2"}, USER], ["input.1.encrypted_content"]),
        (
            _thought(content=[{"type": "reasoning_text", "text": "Sum."}]),
            [],
            ["input.1.encrypted_content"],
        ),
        (_thought(encrypted_content=""), [], []),
    ],
)
def test_thoughts_of_elsewhere_are_dropped(
    client: TestClient, thought: dict[str, Any], behind: list[dict[str, Any]], places: list[str]
) -> None:
    said = [USER, thought, *behind]
    assert ignored(client, "/v1/responses", {"input": said}) == places
    rendered = client.post("/v1/responses/render", json={"input": said}).json()["prompt"]
    assert ("Sum." in rendered) == ("content" in thought)


def test_a_thought_that_all_hangs_on_must_be_there(client: TestClient) -> None:
    error = refusal(client, "/v1/responses", {"input": [USER, _thought()]})
    assert error["code"] == "invalid_encrypted_content"


def _results(path: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    """A conversation in which a tool gave this."""
    if path == "/v1/responses":
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
        result = {"type": "function_call_output", "call_id": "c", "output": content}
        return {"input": [USER, call, result]}
    if path == "/v1/messages":
        use = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "c", "content": content}
        return {
            "messages": [
                USER,
                {"role": "assistant", "content": [use]},
                {"role": "user", "content": [result]},
            ]
        }
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return {
        "messages": [
            USER,
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": content},
        ]
    }


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/v1/chat/completions", "messages.2.content.1 (input_image)"),
        ("/v1/responses", "input.2.output.1 (input_image)"),
        ("/v1/messages", "messages.2.content.0.content.1 (input_image)"),
    ],
)
def test_a_picture_in_a_result_ends_no_session(client: TestClient, path: str, place: str) -> None:
    body = _results(path, [{"type": "text", "text": "Seen:"}, PICTURE])
    assert ignored(client, path, body) == [place]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_picture_of_the_users_is_refused(client: TestClient, path: str) -> None:
    name = "input" if path == "/v1/responses" else "messages"
    error = refusal(client, path, {name: [{**USER, "content": [PICTURE]}]})
    assert f"{name}.0.content.0.type: got 'input_image'" in error["message"]


def test_text_of_documents_and_of_what_was_found_is_read(make_client: MakeClient) -> None:
    client = make_client()
    blocks: list[dict[str, Any]] = [
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "A"}},
        {
            "type": "document",
            "title": "T",
            "context": "C",
            "source": {"type": "content", "content": [{"type": "text", "text": "B"}]},
            "citations": {"enabled": True},
        },
        {
            "type": "search_result",
            "title": "S",
            "source": "http://s",
            "content": [{"type": "text", "text": "D"}],
        },
        {"type": "text", "text": "Which?"},
    ]
    said = {"messages": [{"role": "user", "content": blocks}]}
    plain = {"messages": [{"role": "user", "content": "A\nT\nC\nB\nS\nhttp://s\nD\nWhich?"}]}
    counted = [client.post("/v1/messages/count_tokens", json=each).json() for each in (said, plain)]
    assert counted[0] == counted[1]
    assert ignored(client, "/v1/messages", said) == ["messages.0.content.1.citations"]


def test_a_systems_message_may_be_of_one_turn(client: TestClient) -> None:
    once = {"role": "system", "content": "Once.", "clear_at": "next_user_message"}
    turns = [USER, once, {"role": "assistant", "content": "2"}, USER]

    def count(messages: list[dict[str, Any]]) -> int:
        reply = client.post("/v1/messages/count_tokens", json={"messages": messages})
        counted: int = reply.json()["input_tokens"]
        return counted

    assert count(turns) == count([each for each in turns if each is not once])
    assert count(turns[:2]) > count(turns[:1])


def test_a_function_of_no_name_is_refused(client: TestClient) -> None:
    call = {"type": "function_call", "call_id": "c", "name": "", "arguments": "{}"}
    error = refusal(client, "/v1/responses", {"input": [USER, call]})
    assert error["param"] == "input.1.name"
    use = {"type": "tool_use", "id": "c", "name": "", "input": {}}
    said = [USER, {"role": "assistant", "content": [use]}]
    assert "name: got ''" in refusal(client, "/v1/messages", {"messages": said})["message"]


def test_a_line_for_anthropics_servers_costs_no_prefix(client: TestClient) -> None:
    """Claude Code begins its instructions with one that is another in every request."""

    def usage(mark: str) -> dict[str, Any]:
        lines = [f"x-anthropic-billing-header: cc_version=2.1; cc_entrypoint=cli; cch={mark};"]
        lines += ["Be careful with files. " * 40, "A rule on x-anthropic-billing-header: none."]
        system = [{"type": "text", "text": line} for line in lines]
        reply = client.post("/v1/messages", json={**PATHS["/v1/messages"], "system": system})
        assert reply.json()["gptoss"]["ignored"] == ["system.0"]
        found: dict[str, Any] = reply.json()["usage"]
        return found

    usage("aaaaa")
    other = usage("bbbbb")
    assert other["input_tokens"] <= 2
    assert other["cache_read_input_tokens"] > 200
    alone = [{"type": "text", "text": "x-anthropic-billing-header: a"}]
    assert ignored(client, "/v1/messages", {"system": alone}) == ["system.0"]
    assert ignored(client, "/v1/messages", {"system": alone[0]["text"]}) == []
