"""Reading on in a long result of the operator's function, over HTTP."""

from __future__ import annotations

from gptoss.harmony import ToolDescription
from gptoss.tools import Tool
from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script
from tests.server.conftest import MakeClient

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
