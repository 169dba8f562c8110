"""All suites that need no data, by the names that the command line has for them."""

from __future__ import annotations

from collections.abc import Mapping

from gptoss.evals.generated.arithmetic import Arithmetic
from gptoss.evals.generated.code import Code
from gptoss.evals.generated.counting import Counting
from gptoss.evals.generated.determinism import Determinism
from gptoss.evals.generated.effort import Effort
from gptoss.evals.generated.generated_suite import GeneratedSuite
from gptoss.evals.generated.harmony_form import HarmonyForm
from gptoss.evals.generated.hierarchy import Hierarchy
from gptoss.evals.generated.instructions import Instructions
from gptoss.evals.generated.needle import Needle
from gptoss.evals.generated.schema import Schemas
from gptoss.evals.generated.tools import Tools
from gptoss.evals.generated.tracking import Tracking
from gptoss.evals.generated.turns import Turns

GENERATED: Mapping[str, type[GeneratedSuite]] = {
    suite.name: suite
    for suite in (
        Arithmetic, Effort, Instructions, Schemas, Tools, Turns, Hierarchy, Code, Needle, Tracking, Counting,
        HarmonyForm, Determinism,
    )
}  # fmt: skip
