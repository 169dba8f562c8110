"""What inspect-ai finds by its entry point: the provider, the tasks, the solver, the scorer and the metrics"""

from __future__ import annotations

from inspect_ai.model import ModelAPI, modelapi

from gptoss.evals.catalogue import entries
from gptoss.evals.inspect.playing import play
from gptoss.evals.inspect.provider import GptossAPI
from gptoss.evals.inspect.scoring import figures, grades
from gptoss.evals.inspect.tasks import register_task

__all__ = ["TASKS", "figures", "gptoss", "grades", "play"]


@modelapi(name="gptoss")
def gptoss() -> type[ModelAPI]:
    """The provider, as `gptoss/NAME` and `gptoss/PATH` mean it."""
    provider: type[ModelAPI] = GptossAPI
    return provider


TASKS = {entry.name: register_task(entry.name) for entry in entries()}
