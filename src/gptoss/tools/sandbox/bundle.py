"""What is sent into a sandbox: the files that run there, and the first words that take them in."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = "gptoss.tools.sandbox.inside"
# Each after those that it imports.
FILES = ("confinement", "redirection", "attempts", "figures", "cell", "kernel")

# The modules have their names only until they have found each other: `import gptoss` inside means what is installed.
BOOTSTRAP = """
import json, sys, types
commands = open(int(sys.argv[1]), "rb")
sent = json.loads(commands.read(int.from_bytes(commands.read(4), "big")))
sys.path += sent["plan"]["sites"]
for name, source in sent["files"]:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, "<sandbox>", "exec"), module.__dict__)
    above, _, last = name.rpartition(".")
    if above:
        setattr(sys.modules[above], last, module)
main = module.main
for name, _ in sent["files"]:
    del sys.modules[name]
replies, sys.argv = int(sys.argv[2]), [""]
main(commands, replies, sent["plan"])
"""


@cache
def files() -> list[tuple[str, str]]:
    """Names and sources of the modules, packages first."""
    above = _PACKAGE.split(".")
    packages = [(".".join(above[: n + 1]), "__path__ = []\n") for n in range(len(above))]
    folder = Path(__file__).parent / "inside"
    modules = [
        (f"{_PACKAGE}.{name}", (folder / f"{name}.py").read_text(encoding="utf-8"))
        for name in FILES
    ]
    return [*packages, *modules]
