"""Runs a function that a model wrote, in a sandbox, over inputs whose results stay outside."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gptoss.evals.code.running import tested
from gptoss.tools.sandbox import Interruption, Limits, Output, Reason, Rung, Session

_FENCED = re.compile(r"```[\w+-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
# Of the function's own file and of all inputs together, which take a thousandth of that.
_SECONDS = 10.0
_LIMITS = Limits(wall_s=_SECONDS, cpu_s=30, memory_bytes=512 << 20)
_HARNESS = """
import json as _json

def _one(values):
    try:
        return [True, _json.loads(_json.dumps(solve(values)))]
    except BaseException as error:
        return [False, type(error).__name__]

print("\\n" + {mark!r} + _json.dumps([_one(values) for values in _json.loads({inputs!r})]))
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a function returned for each input, or the name of its error; `fault`: why there is nothing of that."""

    results: Sequence[tuple[bool, Any]] = ()
    fault: str = ""


def function_in(content: str, name: str) -> tuple[str, str] | None:
    """The code in an answer that defines a function, and where it stood; None: there is none."""
    blocks = [block for block in _FENCED.findall(content) if f"def {name}" in block]
    if blocks:
        return blocks[-1], "block"
    return (content, "whole") if f"def {name}" in content else None


async def run_function(rung: Rung, code: str, inputs: Sequence[Any]) -> Ran:
    """Run `solve` of some code over inputs. Raises SandboxError where no sandbox can be built."""
    return await tested(lambda stop: _run(rung, code, inputs, stop))


def _run(rung: Rung, code: str, inputs: Sequence[Any], stop: Interruption) -> Ran:
    # Known to nobody before the code was run, so that what it prints is not taken for this.
    mark = secrets.token_hex(16)
    with Session(rung, _LIMITS) as session:
        defined = session.run(code, interruption=stop)
        if not defined.is_good:
            return Ran(fault=_fault(defined))
        harness = _HARNESS.format(mark=mark, inputs=json.dumps(inputs))
        output = session.run(harness, interruption=stop)
    line = next((each for each in str(output.stdout).splitlines() if each.startswith(mark)), None)
    if line is None:
        return Ran(fault=_fault(output))
    try:
        found = json.loads(line.removeprefix(mark))
        return Ran([(bool(is_good), value) for is_good, value in found])
    except (ValueError, TypeError, RecursionError):
        return Ran(fault="what it printed cannot be read")


def _fault(output: Output) -> str:
    if output.reason is Reason.ERROR:
        last = str(output.stderr).strip().splitlines()[-1:]
        return f"error: {last[0][:200]}" if last else "error"
    return str(output.reason)
