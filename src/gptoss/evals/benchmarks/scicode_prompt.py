"""What SciCode asks at a step: the steps before it with their generated code, the step, and what may be imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

_WITH_BACKGROUND = """\
PROBLEM DESCRIPTION:
You will be provided with problem steps along with background knowledge necessary for solving the problem. Your \
task will be to develop a Python solution focused on the next step of the problem-solving process.

PROBLEM STEPS AND FUNCTION CODE:
Here, you'll find the Python code for the initial steps of the problem-solving process. This code is integral to \
building the solution.

{steps}

NEXT STEP - PROBLEM STEP AND FUNCTION HEADER:
This part will describe the next step in the problem-solving process. A function header will be provided, and \
your task is to develop the Python code for this next step based on the provided description and function \
header.

{next}

DEPENDENCIES:
Use only the following dependencies in your solution. Do not include these dependencies at the beginning of your \
code.

{dependencies}

RESPONSE GUIDELINES:
Now, based on the instructions and information provided above, write the complete and executable Python program \
for the next step in a single block.
Your response should focus exclusively on implementing the solution for the next step, adhering closely to the \
specified function header and the context provided by the initial steps.
Your response should NOT include the dependencies and functions of all previous steps. If your next step \
function calls functions from previous steps, please make sure it uses the headers provided without \
modification.
DO NOT generate EXAMPLE USAGE OR TEST CODE in your response. Please make sure your response python code in \
format of ```python```."""
_WITHOUT_BACKGROUND = """\
PROBLEM DESCRIPTION:
You will be provided with the main description of the problem, previous steps, and the next step. Your task will \
be to generate the disciplinary knowledge necessary for solving the next step and then develop a Python solution \
focused on this step.

PREVIOUS STEPS DESCRIPTION:
{steps}

NEXT STEP - PROBLEM DESCRIPTION AND FUNCTION HEADER:
This part will describe the next step in the problem-solving process. First, provide the necessary scientific \
background knowledge as a comment at the beginning of your response, starting with 'Background: '. Then, a \
function header will be provided, and your task is to develop the Python code for this next step based on the \
provided description and function header.

{next}

DEPENDENCIES:
Use only the following dependencies in your solution. Do not include these dependencies at the beginning of your \
code.
{dependencies}

RESPONSE GUIDELINES:
1. Start with the scientific background required for the next step, formatted as a comment.
2. Then write the complete and executable Python program for the next step in a single block.
3. Your response should focus exclusively on implementing the solution for the next step, adhering closely to \
the specified function header and the context provided by the initial steps.
4. DO NOT include previous function code, example usage or test code in your response.
5. Ensure your response is in the format of ```python``` and includes the necessary background as a comment at \
the top.

Example:
```python
# Background: [Here, insert the necessary scientific knowledge required for the next step.]

[Insert the Python code here based on the provided function header and dependencies.]
```
"""
_HEADERS = re.compile(r"\b(?:def|class)\s+(\w+)")


def step_message(
    steps: Sequence[Mapping[str, Any]],
    codes: Sequence[str],
    dependencies: str,
    *,
    has_background: bool,
) -> str:
    """The message for the step after those that have `codes`."""
    done = "\n\n------\n\n".join(
        f"{_described(step, has_background)}\n\n{code}"
        for step, code in zip(steps, codes, strict=False)
    )
    step = steps[len(codes)]
    coming = (
        f"{_described(step, has_background)}\n\n{step['function_header']}\n\n{step['return_line']}"
    )
    parts = {"steps": done, "next": coming, "dependencies": dependencies}
    form = _WITH_BACKGROUND if has_background else _WITHOUT_BACKGROUND
    # Not `format`, which would read braces of code.
    return re.sub(r"\{(steps|next|dependencies)\}", lambda found: parts[found[1]], form)


def own_function(code: str, header: str) -> str:
    """The function that a step's header names, out of code that the benchmark gives; all of it where there is none."""
    named = _HEADERS.search(header)
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return code
    for node in ast.walk(tree):
        is_named = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        if is_named and named is not None and node.name == named[1]:  # type: ignore[attr-defined]
            return ast.unparse(node)
    return code


def _described(step: Mapping[str, Any], has_background: bool) -> str:
    background = f"\n{step.get('step_background') or ''}" if has_background else ""
    return f"{step['step_description_prompt']}{background}"
