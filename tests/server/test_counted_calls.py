"""Calls that the server runs are told of afterwards: which limit ended them, and in `/metrics` how they went."""

from __future__ import annotations

import re

import pytest

from gptoss.chat.tool_policy import Cap
from gptoss.tools import function_tool
from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script
from tests.server.conftest import MakeClient
from tests.server.test_code_interpreter import ANSWER, asked, cell, runs_python
from tests.server.test_operators_functions import OWN, add, call

CHAT = {"messages": [{"role": "user", "content": "?"}], "tools": [{"type": "code_interpreter"}]}


@pytest.mark.parametrize("most", [1, 2])
def test_which_limit_took_the_tools_away(
    make_client: MakeClient, scripted_nano: Script, most: int
) -> None:
    model = scripted_nano((cell("1") + ANSWER) * 2)
    client = make_client(model, tools=ChosenTools(has_python=True), has_chat_tools=True)
    made = client.post("/v1/responses", json=asked(max_tool_calls=most)).json()
    answer = client.post("/v1/chat/completions", json={**CHAT, "max_tool_calls": most}).json()
    wanted = [Cap.CALLS] if most == 1 else []
    for reply in (made, answer):
        assert [reply["gptoss"][name] for name in reply["gptoss"] if name == "capped"] == wanted
    assert client.get(f"/v1/responses/{made['id']}").json() == made


def test_how_calls_went_is_counted(make_client: MakeClient, scripted_nano: Script) -> None:
    """By kind alone: neither what was called nor with what."""
    script = cell("'é' * 3") + cell("1 / 0") + call() + ANSWER
    tools = ChosenTools(has_python=True, functions=(function_tool(add),))
    client = make_client(scripted_nano(script), tools=tools)
    body = asked()
    body["tools"].append(OWN)
    assert client.post("/v1/responses", json=body).status_code == 200
    text = client.get("/metrics").text
    found = dict(re.findall(r"^gptoss:tool_(\S+) (\S+)$", text, re.MULTILINE))
    assert float(found['calls_total{ending="finished",kind="python"}']) == 1
    assert float(found['calls_total{ending="error",kind="python"}']) == 1
    assert float(found['calls_total{ending="finished",kind="function"}']) == 1
    assert float(found['call_bytes_total{kind="python"}']) == len("'é' * 31 / 0".encode())
    assert float(found['result_bytes_total{kind="function"}']) == len("5")
    assert float(found['call_seconds_count{kind="python"}']) == 2
    assert 0 < float(found['call_seconds_sum{kind="python"}']) < 60
    assert "add" not in text


def test_a_turn_without_calls_counts_none(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs_python(make_client, scripted_nano(ANSWER))
    made = client.post("/v1/responses", json=asked()).json()
    assert "capped" not in made["gptoss"]
    assert "gptoss:tool_calls_total{" not in client.get("/metrics").text
