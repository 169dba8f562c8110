"""inspect-ai in a home of its own, and what its tests share. It is imported where it is there alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gptoss.runtime import LoadedModel

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog
    from inspect_ai.model import Model

Provide = Callable[[LoadedModel], "Model"]
RunTask = Callable[..., "EvalLog"]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps traces, a cache and settings where a user's are."""
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("INSPECT_DISPLAY", "none")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def provide() -> Provide:
    """Our provider over a model that is there."""
    from inspect_ai.model import get_model

    def made(model: LoadedModel) -> Model:
        return get_model("gptoss/nano", memoize=False, loaded=model)

    return made


@pytest.fixture
def run_task(tmp_path: Path) -> RunTask:
    """Runs one of our tasks by its name, and gives its log as it was written."""
    from inspect_ai import eval as inspect_eval

    def run(name: str, model: Model, args: dict[str, Any], **more: Any) -> EvalLog:
        (log,) = inspect_eval(
            f"gptoss/{name}",
            task_args=args,
            model=model,
            log_dir=str(tmp_path / "logs"),
            display="none",
            **more,
        )
        return log

    return run
