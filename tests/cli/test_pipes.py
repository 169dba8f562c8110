"""Text that is piped in, and output that has no room."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gptoss.cli import chat as chat_module
from gptoss.cli.schema import response_format
from gptoss.errors import MessageError, SchemaError
from tests.cli.test_cli import ENVIRONMENT, output, refused, run

GREEDY = ("--temperature", "0", "--model", "nano")
SCHEMA = '{"type": "integer"}'


@contextlib.contextmanager
def _piped(monkeypatch: pytest.MonkeyPatch, text: str) -> Iterator[None]:
    read_end, write_end = os.pipe()
    os.write(write_end, text.encode())
    os.close(write_end)
    with os.fdopen(read_end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield


@pytest.mark.parametrize(
    ("prompt", "piped", "question"),
    [
        ("Summarise", "A text.\n", "Summarise\n\nA text."),
        ("Summarise", "", "Summarise"),
        ("Summarise", "\n", "Summarise"),
        ("-", "A question?\n", "A question?"),
        (None, "A question?", "A question?"),
    ],
)
def test_what_is_asked(
    monkeypatch: pytest.MonkeyPatch, prompt: str | None, piped: str, question: str
) -> None:
    with _piped(monkeypatch, piped):
        assert chat_module._question(prompt, is_read=False) == question


def test_a_file_is_read_and_a_device_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("A text.")
    with (tmp_path / "text").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert chat_module._question("Summarise", is_read=False) == "Summarise\n\nA text."
    with Path(os.devnull).open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert chat_module._question("Summarise", is_read=False) == "Summarise"
    monkeypatch.setattr(sys, "stdin", None)
    assert chat_module._question("Summarise", is_read=False) == "Summarise"


def test_chat_and_complete_take_a_dash() -> None:
    assert output("chat", "-", *GREEDY, stdin="Hello\n") == output("chat", "Hello", *GREEDY)
    few = ("--max-tokens", "4", *GREEDY)
    assert output("complete", "-", *few, stdin="The\n") == output("complete", "The", *few)


def test_a_schema_is_piped_in() -> None:
    assert int(output("chat", "12 + 34", "--schema", "-", *GREEDY, stdin=SCHEMA))
    told = run("chat", "--schema", "-", *GREEDY, stdin=SCHEMA)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == (
        "gptoss: got the schema on standard input and no question, wanted PROMPT\n"
    )


def test_a_question_beside_a_piped_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    with _piped(monkeypatch, SCHEMA):
        assert chat_module._question("Summarise", is_read=True) == "Summarise"
        with pytest.raises(MessageError, match="wanted PROMPT"):
            chat_module._question("-", is_read=True)


@pytest.mark.parametrize(
    ("piped", "told"),
    [("{", "is no JSON"), ("[]", "got list"), (" " * (1 << 20) + SCHEMA, "more than 1,048,576")],
)
def test_a_wrong_schema_in_a_pipe(monkeypatch: pytest.MonkeyPatch, piped: str, told: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped.encode())))
    with pytest.raises(SchemaError, match=told):
        response_format("-")


def test_a_schema_that_is_not_there() -> None:
    assert "cannot read the schema" in refused("chat", "1", "--schema", "nowhere.json", *GREEDY)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [("models",), ("info", "--json", "--model", "nano"), ("--help",), ("chat", "1 + 1", *GREEDY)],
    ids=lambda arguments: arguments[0],
)
def test_output_without_room_is_told(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gptoss", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            env=ENVIRONMENT,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == (
        "gptoss: cannot write the output: No space left on device; write it where there is room\n"
    )
