"""What README.md and tools.md show of tools in a terminal and over HTTP is printed, where a model says what they show.

The embedded model was not trained to call tools: what the model says is a script, and all else runs as for a reader.
"""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from checks import documentation
from checks.documentation import Block
from checks.project import Project
from gptoss.cli import loading
from gptoss.cli.main import app
from gptoss.errors import SandboxError
from gptoss.runtime import LoadedModel
from gptoss.runtime.locating import MODEL_VARIABLE
from gptoss.server.app import create_app
from gptoss.server.service import Service
from gptoss.server.settings import ServerSettings
from gptoss.tools.chosen import ChosenTools
from gptoss.tools.sandbox import choose_rung
from tests.conftest import Script
from tests.docs.shown import is_shown

ROOT = Path(__file__).parents[2]
PROJECT = Project.of_git(ROOT)
PAGES = ("README.md", "docs/tools.md")
_HERE = "tests/docs/test_shown_tools.py"
_CALL = re.compile(r"^gptoss (chat .*?)$", re.MULTILINE)
_FILE = re.compile(r"^cat > (\S+) <<END\n(.*?)^END$", re.MULTILINE | re.DOTALL)
_BODY = re.compile(r"-d '(.*)'", re.DOTALL)


def shown_pairs(page: str) -> list[tuple[Block, Block]]:
    """What a page has run here, each with the block that shows what is printed."""
    mine = [b for b in documentation.blocks(page, PROJECT.text(page)) if b.run_by == _HERE]
    return list(zip(mine[::2], mine[1::2], strict=True))


PAIRS = {pair[0].place: pair for page in PAGES for pair in shown_pairs(page)}


def script_of(shown: str) -> str:
    """The model's words, read off what is shown: its thoughts, its calls, and its answer."""
    parts = re.split(r"\n\n(?=call \d|result \d|[^\n]*\Z)", shown.rstrip())
    written = []
    for part in parts:
        title, _, text = part.partition("\n")
        if title == "thinking:":
            written.append(f"<|channel|>analysis<|message|>{text}<|end|><|start|>assistant")
        elif title.startswith("call ") and title.endswith(" python:"):
            written.append(f"<|channel|>analysis to=python code<|message|>{text}<|call|>")
        elif title.startswith("call "):
            name = title.split()[-1].removesuffix(":")
            head = f" to=functions.{name}<|channel|>commentary <|constrain|>json<|message|>"
            written.append(f"{head}{text}<|call|>")
        elif not title.startswith("result "):
            written.append(f"<|channel|>final<|message|>{part}<|return|>")
    return "".join(written)


def printed_by_chat(block: Block, model: LoadedModel, patch: pytest.MonkeyPatch) -> str:
    """What its call prints, behind the files that it writes first."""
    patch.setenv(MODEL_VARIABLE, "nano")
    patch.setattr(loading, "open_model", lambda _: model)
    for name, text in _FILE.findall(block.code):
        Path(name).write_text(text, "utf-8")
    (line,) = _CALL.findall(block.code)
    done = CliRunner().invoke(app, shlex.split(line))
    assert done.exit_code == 0, done.output
    return done.output


def printed_by_server(block: Block, model: LoadedModel) -> str:
    """What its request is answered with."""
    is_chat = "/v1/chat/completions" in block.code
    settings = ServerSettings(tools=ChosenTools(has_python=True), has_chat_tools=is_chat)
    service = Service(settings, lambda: model)
    (body,) = _BODY.findall(block.code)
    with TestClient(create_app(service), base_url="http://localhost") as client:
        latest = time.monotonic() + 60
        while not service.is_ready and time.monotonic() < latest:
            time.sleep(0.01)
        json = {"Content-Type": "application/json"}
        path = "/v1/chat/completions" if is_chat else "/v1/responses"
        return client.post(path, content=body, headers=json).text


@pytest.mark.parametrize("place", PAIRS)
def test_what_is_shown_is_printed(
    place: str, scripted_nano: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block, shown = PAIRS[place]
    monkeypatch.chdir(tmp_path)
    try:
        choose_rung()
    except SandboxError as error:
        pytest.skip(str(error))
    if shown.language == "json":
        said = re.findall(r'"(?:text|content|reasoning)":"(.*?)"', shown.code)
        answer, thought = sorted(said, key=lambda each: each.startswith("I "))
        (code,) = re.findall(r'"(?:code|arguments)":"(.*?)"', shown.code)
        text = f"thinking:\n{thought}\n\ncall 1: python:\n{code}\n\n{answer}"
        printed = printed_by_server(block, scripted_nano(script_of(text)))
    else:
        printed = printed_by_chat(block, scripted_nano(script_of(shown.code)), monkeypatch)
    assert is_shown(shown.code, printed), f"{place} shows\n{shown.code}\nand printed is\n{printed}"


def test_pages_have_such_blocks() -> None:
    assert {page for page in PAGES if shown_pairs(page)} == set(PAGES)
