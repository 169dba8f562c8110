"""The targets, a file for each kind of file: every module here has `TARGETS`."""

from __future__ import annotations

import importlib
import pkgutil

from tests.fuzz.target import Target


def all_targets() -> dict[str, Target]:
    """By name."""
    modules = (
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    )
    return {target.name: target for module in modules for target in module.TARGETS}
