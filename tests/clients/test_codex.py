"""OpenAI's Codex, which is given a file to mend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.conftest import NODE, NODE_MODULES, PYTHON, SCRIPTS, RunClient
from tests.clients.enclosed import URL
from tests.clients.played_questions import MARK, NAME

pytestmark = pytest.mark.slow
CONFIG = f"""
model_provider = "gptoss"

[model_providers.gptoss]
name = "gptoss"
base_url = "{URL}/v1"
wire_api = "responses"
"""
BEFORE = "def add(a, b):\n    return a - b\n"
AFTER = "def add(a, b):\n    return a + b\n"
PATCH = (
    "*** Begin Patch\n*** Update File: sums.py\n@@\n"
    "-    return a - b\n+    return a + b\n*** End Patch"
)
BY_SHELL = f"""{MARK}think I look first.
tell I look at the file.
call exec_command {json.dumps({"cmd": "cat sums.py"})}
think The sign is wrong.
call exec_command {json.dumps({"cmd": f"apply_patch <<'EOF'{chr(10)}{PATCH}{chr(10)}EOF"})}
think It is mended.
say `add` adds now."""
# A model that it knows writes programs, which call its tools.
BY_PROGRAM = f"""{MARK}think I look first.
write exec text(await tools.exec_command({{cmd: "cat sums.py"}}))
think The sign is wrong.
write exec text(await tools.apply_patch({json.dumps(PATCH)}))
think It is mended.
say `add` adds now."""


WAYS = {
    "shell": (NAME, BY_SHELL, {"client_metadata", "tools.* (web_search)"}),
    "program": (
        "gpt-6.2-sol",
        BY_PROGRAM,
        {"client_metadata", "reasoning.context", "text.verbosity"},
    ),
}


COMMAND = [NODE, NODE_MODULES / "@openai/codex/bin/codex.js", "exec"]
# Its own sandbox does not nest everywhere, and all that it runs stands here.
UNBOXED = ["--skip-git-repo-check", "--sandbox", "danger-full-access"]


def work_of(tmp_path: Path, model: str, more: str = "") -> Path:
    """A folder to work in, and the settings of the home beside it."""
    work, settings = tmp_path / "work", tmp_path / "home" / ".codex"
    work.mkdir()
    settings.mkdir(parents=True)
    (settings / "config.toml").write_text(f'model = "{model}"{CONFIG}{more}')
    return work


@pytest.mark.parametrize("way", WAYS)
def test_an_edit(way: str, run_client: RunClient, tmp_path: Path) -> None:
    model, question, ignored = WAYS[way]
    work = work_of(tmp_path, model)
    (work / "sums.py").write_text(BEFORE)
    ran = run_client([*COMMAND, *UNBOXED, question], work)
    ran.assert_well()
    assert (work / "sums.py").read_text() == AFTER
    assert ran.stdout.strip() == "`add` adds now."
    assert [each["asked"] for each in ran.requests] == ["POST /v1/responses"] * 3
    assert ran.ignored == ignored


def test_a_session_goes_on_with_another_server(run_client: RunClient, tmp_path: Path) -> None:
    """Whose key does not open the reasoning that the first one sealed."""
    server = (
        f'[mcp_servers.words]\ncommand = "{PYTHON}"\nargs = ["{SCRIPTS}/python/words_server.py"]'
    )
    work = work_of(tmp_path, NAME, f"\n{server}\n")
    look = (
        f"{MARK}think I look.\ncall mcp__words.look_up {json.dumps({'word': 'cold'})}\nsay Found."
    )
    first = run_client([*COMMAND, *UNBOXED, look], work)
    first.assert_well()
    assert first.stdout.strip() == "Found."
    assert "input.*.encrypted_content" not in first.ignored
    resume = [*COMMAND, "resume", "--last", "--skip-git-repo-check", f"{MARK}say Again."]
    second = run_client(resume, work)
    second.assert_well()
    assert second.stdout.strip() == "Again."
    assert "input.*.encrypted_content" in second.ignored
