"""`python -m gptoss`, the same as the command `gptoss`."""

from gptoss.cli.main import run

run()
