"""A turn as the command line shows it while it is written."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from gptoss.chat import Chat
from gptoss.cli.answer import show_answer
from gptoss.cli.output import Screen
from tests.conftest import ScriptedModel

TURN = (
    "<|channel|>analysis<|message|>One.<|end|><|start|>assistant"
    "<|channel|>analysis<|message|>Two.<|end|><|start|>assistant"
    "<|channel|>final<|message|>Three.<|return|>"
)


@pytest.mark.parametrize(
    ("shows", "shown"), [(True, "thinking:\nOne.\nTwo.\n\nThree.\n"), (False, "Three.\n")]
)
def test_thoughts_stand_apart(scripted_model: ScriptedModel, shows: bool, shown: str) -> None:
    file = io.StringIO()
    screen = Screen(Console(file=file))
    reply = show_answer(screen, Chat(scripted_model(TURN)), "Hi", show_reasoning=shows)
    assert file.getvalue() == shown
    assert reply.reasoning == "One.\nTwo."
