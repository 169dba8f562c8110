"""Frameworks and SDKs in Python and Node: what they give their users.

A script of `python` or `node` has functions, named by the case. Each is given a question, which spells out the turns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import NODE, PYTHON, SCRIPTS, RunClient
from tests.clients.enclosed import URL
from tests.clients.played_questions import MARK

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """What the model writes, and what the user gets of it."""

    turns: str
    given: Any


ANSWER, FOUND = "It is 7 degrees.", "7 degrees in Oslo"
PLACE = {"city": "Oslo", "degrees": 7}
CALL = f"think I look.\ncall weather {json.dumps({'city': 'Oslo'})}\n"
TEXT = Case(f"think Is it cold?\nsay {ANSWER}", ANSWER)
THOUGHT = Case(TEXT.turns, ["Is it cold?", ANSWER])
TOOL = Case(f"{CALL}think So it is.\nsay {ANSWER}", [FOUND, ANSWER])
MERGED = Case(CALL, [FOUND, "weather"])
SHAPE = Case(f"think Hm.\nsay {json.dumps(PLACE)}", PLACE)
BY_CALL = Case(f"think Hm.\ncall Place {json.dumps(PLACE)}", PLACE)
# Vercel's name for a tool that is there for its arguments.
BY_JSON_TOOL = Case(f"call json {json.dumps(PLACE)}", PLACE)
# Python that the server runs.
RUN = f"think I compute it.\nrun 6 * 7\nthink So it is.\nsay {ANSWER}"
CODE = Case(RUN, ["6 * 7", "42", ANSWER])
CHAT_CODE = Case(RUN, ANSWER)
RETRIED = Case(
    f"call Capital {json.dumps({**PLACE, 'city': 'Bergen'})}\ncall Capital {json.dumps(PLACE)}",
    PLACE,
)


def each_of(names: str, **cases: Case) -> dict[str, Case]:
    """The cases of each of these models."""
    return {f"{name}_{case}": cases[case] for name in names.split() for case in cases}


USUAL = {"text": TEXT, "stream": TEXT}
SDK = {**USUAL, "thought": THOUGHT, "shape": SHAPE, "tool": TOOL}
CHAIN = {**USUAL, "calls": TOOL, "streamed_calls": MERGED, "shape": SHAPE, "called_shape": BY_CALL}
AGENT = {**USUAL, "thought": THOUGHT, "calls": TOOL, "called_shape": BY_CALL}
VERCEL = {**USUAL, "tool": TOOL, "streamed_tool": TOOL, "shape": SHAPE, "output_shape": SHAPE}
THOUGHTS = {"thought": THOUGHT, "streamed_thought": THOUGHT}
CASES = {
    "python/openai_sdk.py": {
        **each_of("chat responses", **SDK),
        "chat_streamed_tool": MERGED,
        "responses_kept_tool": TOOL,
    },
    "python/anthropic_sdk.py": {**SDK, "streamed_tool": TOOL},
    "python/langchain_models.py": {
        **each_of("chat responses messages", **CHAIN),
        **each_of("responses messages", thought=THOUGHT),
    },
    "python/pydantic_ai_agents.py": {
        **each_of("chat responses messages", **AGENT),
        **each_of("chat responses", shape=SHAPE),
    },
    "python/openai_agents.py": {
        **each_of("chat responses", **USUAL, calls=TOOL, shape=SHAPE),
        **each_of("responses", code=CODE, streamed_code=CODE),
        **each_of("chat", code=CHAT_CODE, streamed_code=CHAT_CODE),
    },
    "python/instructor_modes.py": {
        **each_of("tools strict_tools responses", shape=BY_CALL),
        "partial_shape": Case(f"call PartialPlace {json.dumps(PLACE)}", PLACE),
        **each_of("schema json", shape=SHAPE),
        "retried_shape": RETRIED,
    },
    "node/openai_sdk.mjs": {
        **each_of("chat responses", **USUAL, shape=SHAPE, tool=TOOL),
        "chat_streamed_tool": TOOL,
    },
    "node/anthropic_sdk.mjs": {**SDK, "streamed_tool": TOOL},
    "node/ai_sdk.mjs": {
        **each_of("chat responses compatible messages", **VERCEL),
        **each_of("responses compatible messages", **THOUGHTS),
        "messages_shape": BY_JSON_TOOL,
    },
}
IGNORED = {"node/ai_sdk.mjs": {"tools.*.eager_input_streaming"}}


@pytest.mark.parametrize("script", CASES)
def test_what_a_user_gets(script: str, run_client: RunClient, tmp_path: Path) -> None:
    cases = CASES[script]
    runs = PYTHON if script.endswith(".py") else NODE
    questions = {name: MARK + case.turns for name, case in cases.items()}
    ran = run_client([runs, SCRIPTS / script, URL], tmp_path, json.dumps(questions))
    ran.assert_well()
    assert json.loads(ran.stdout) == {name: case.given for name, case in cases.items()}
    assert ran.ignored == IGNORED.get(script, set())
