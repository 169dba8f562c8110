"""What is sent into a sandbox: the files that run there, and the first words that take them in."""

from __future__ import annotations

import marshal
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

_PACKAGE = "gptoss.tools.sandbox.inside"
# Each after those that it imports.
FILES = ("confinement", "redirection", "attempts", "figures", "cell", "kernel")

# The modules have their names only until they have found each other: `import gptoss` inside means what is installed.
BOOTSTRAP = """
import marshal, sys
commands = open(int(sys.argv[1]), "rb")
sent = marshal.loads(commands.read(int.from_bytes(commands.read(4), "big")))
sys.path += sent["plan"]["sites"]
for name, code in sent["modules"]:
    module = sys.modules[name] = type(sys)(name)
    exec(code, module.__dict__)
    above, _, last = name.rpartition(".")
    if above:
        setattr(sys.modules[above], last, module)
main = module.main
for name, _ in sent["modules"]:
    del sys.modules[name]
replies, sys.argv = int(sys.argv[2]), [""]
main(commands, replies, sent["plan"])
"""


def first_words(plan: dict[str, Any], *, is_alike: bool = True) -> bytes:
    """What a process is sent first: the modules and a plan.

    The modules are compiled if its interpreter `is_alike`, and text for any other.
    """
    return framed({"modules": _modules() if is_alike else _sources(), "plan": plan})


def framed(value: dict[str, Any]) -> bytes:
    """A value as it is sent inside, after its length. The other way it would be trusted too much."""
    body = marshal.dumps(value)
    return len(body).to_bytes(4, "big") + body


@cache
def _modules() -> list[tuple[str, CodeType]]:
    """Names and code of the modules, packages first."""
    return [(name, compile(source, "<sandbox>", "exec")) for name, source in _sources()]


def _sources() -> list[tuple[str, str]]:
    above = _PACKAGE.split(".")
    packages = [(".".join(above[: n + 1]), "__path__ = []\n") for n in range(len(above))]
    folder = Path(__file__).parent / "inside"
    modules = [
        (f"{_PACKAGE}.{name}", (folder / f"{name}.py").read_text(encoding="utf-8"))
        for name in FILES
    ]
    return packages + modules
