"""What is loaded with the package, and what only when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("done", "is_loaded"),
    [
        ("gptoss.chat.TurnRequest(messages=[])", False),
        ("gptoss.chat.answer_of({'type': 'text'})", True),
    ],
)
def test_pydantic_comes_with_the_first_form(done: str, is_loaded: bool) -> None:
    code = f"import sys, gptoss.chat; {done}; print('pydantic' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert said.stdout.split() == [str(is_loaded)]
