"""Objects inside of what comes from outside."""

from __future__ import annotations

from pydantic import ConfigDict

from gptoss.forms.fail_fast import FailFast


class Form(FailFast):
    """An object, of which there may be many. Types are taken as they are written: `true` is no number, `"1"` neither.

    Fields that are not here are ignored.
    """

    model_config = ConfigDict(strict=True, use_attribute_docstrings=True, defer_build=True)


class Typed(Form):
    """Last among the bases of an object whose type is written first."""

    type: str
