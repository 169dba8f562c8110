"""An agent of OpenAI's with one tool of each kind that it runs itself, to the end of its work."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from agents import (
    Agent,
    ApplyPatchTool,
    CustomTool,
    LocalShellTool,
    ModelSettings,
    OpenAIResponsesModel,
    Runner,
    ShellResult,
    ShellTool,
    Tool,
    apply_diff,
    function_tool,
    set_tracing_disabled,
    tool_namespace,
)
from agents.editor import ApplyPatchOperation, ApplyPatchResult
from agents.tool import ShellCallOutcome, ShellCommandOutput
from openai import AsyncOpenAI

from tests.conftest import Script
from tests.server.conftest import MakeServer
from tests.server.tool_items import REGEX, in_json

# What agents open, they leave to the interpreter to close.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
THINK = "<|channel|>analysis<|message|>Next.<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>All done.<|return|>"
CREATE = {"type": "create_file", "path": "a.py", "diff": "+def f():\n+    return 1\n"}
UPDATE = {
    "type": "update_file",
    "path": "a.py",
    "diff": "@@ def f():\n-    return 1\n+    return 2\n",
}
DELETE = {"type": "delete_file", "path": "b.py"}
STEPS = {
    "functions.shell": {"commands": ["echo 1", "echo 2"], "timeout_ms": 1000},
    "functions.local_shell": {"command": ["echo", "3"]},
    "functions.run": {"input": 'print("a\\n")'},
    "crm.find": {"who": "Ada"},
}


class Editor:
    """Files below a directory."""

    def __init__(self, directory: Path, done: list[str]) -> None:
        self._directory = directory
        self._done = done

    def create_file(self, operation: ApplyPatchOperation) -> ApplyPatchResult:
        text = apply_diff("", operation.diff or "", mode="create")
        return self._write(operation, text)

    def update_file(self, operation: ApplyPatchOperation) -> ApplyPatchResult:
        before = (self._directory / operation.path).read_text()
        return self._write(operation, apply_diff(before, operation.diff or ""))

    def delete_file(self, operation: ApplyPatchOperation) -> ApplyPatchResult:
        raise FileNotFoundError(operation.path)

    def _write(self, operation: ApplyPatchOperation, text: str) -> ApplyPatchResult:
        (self._directory / operation.path).write_text(text)
        self._done.append(f"{operation.type} {operation.path}")
        return ApplyPatchResult(status="completed", output="Written")


def tools_of(directory: Path, done: list[str]) -> list[Tool]:
    def run_shell(request: Any) -> ShellResult:
        done.extend(request.data.action.commands)
        outcome = ShellCallOutcome("exit", 0)
        return ShellResult([ShellCommandOutput("1\n", "", outcome)])

    def run_local(request: Any) -> str:
        done.append(" ".join(request.data.action.command))
        return json.dumps({"output": "3"})

    async def run_text(_: Any, text: str) -> str:
        done.append(text)
        return "ran"

    @function_tool
    def find(who: str) -> str:
        """Finds somebody."""
        done.append(f"find {who}")
        return "found"

    return [
        CustomTool("run", "Runs code.", run_text),
        CustomTool("name", "Names.", run_text, format=REGEX),
        ApplyPatchTool(Editor(directory, done)),
        *tool_namespace(name="crm", description="Customers.", tools=[find]),
        ShellTool(run_shell),
        LocalShellTool(run_local),
    ]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_agent(
    is_streamed: bool, scripted_nano: Script, make_server: MakeServer, tmp_path: Path
) -> None:
    set_tracing_disabled(True)
    done: list[str] = []
    calls = [
        *(in_json("functions.apply_patch", each) for each in (CREATE, UPDATE, DELETE)),
        *(in_json(name, arguments) for name, arguments in STEPS.items()),
        "<|channel|>commentary to=functions.name<|message|>ada-01<|call|>",
    ]
    server = make_server(
        model=scripted_nano("".join(THINK + call for call in calls) + THINK + FINAL)
    )

    async def work() -> str:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            agent = Agent(
                name="builder",
                instructions="Build.",
                tools=tools_of(tmp_path, done),
                model=OpenAIResponsesModel(model="scripted", openai_client=client),
                model_settings=ModelSettings(temperature=0),
            )
            if is_streamed:
                result = Runner.run_streamed(agent, "Build it.", max_turns=20)
                async for _ in result.stream_events():
                    pass
                return str(result.final_output)
            return str((await Runner.run(agent, "Build it.", max_turns=20)).final_output)

    assert asyncio.run(work()) == "All done."
    assert done == [
        "create_file a.py",
        "update_file a.py",
        "echo 1",
        "echo 2",
        "echo 3",
        'print("a\\n")',
        "find Ada",
        "ada-01",
    ]
    assert (tmp_path / "a.py").read_text() == "def f():\n    return 2"
