"""The cases, a file for each layer: every module here has `CASES`."""

from __future__ import annotations

import importlib
import pkgutil

from tests.growth.case import Case


def all_cases() -> dict[str, Case]:
    """By name: the layer, a dot, and the case's own."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        for case in importlib.import_module(f"{__name__}.{module.name}").CASES:
            name = f"{module.name}.{case.name}"
            assert name not in found, name
            found[name] = case
    return found
