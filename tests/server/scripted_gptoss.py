"""The command line, whose model writes the markup of a variable: `python -m tests.server.scripted_gptoss serve ...`."""

from __future__ import annotations

import os

from gptoss import nano
from gptoss.cli import loading
from gptoss.cli.main import app
from gptoss.tokenizer import Tokenizer
from tests.conftest import nano_that_writes

VARIABLE = "GPTOSS_TESTS_MARKUP"

if __name__ == "__main__":
    markup = os.environ.pop(VARIABLE)
    tokenizer = Tokenizer.from_directory(nano.checkpoint_path())
    loading.open_model = lambda _: nano_that_writes(markup, tokenizer)
    app()
