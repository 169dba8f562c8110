"""Objects inside of what comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import ConfigDict

from gptoss.forms.fail_fast import FailFast
from gptoss.forms.fates import Unread


class Form(FailFast):
    """An object, of which there may be many. Types are taken as they are written: `true` is no number, `"1"` neither.

    unread    fields that are known, and not read; those that a type has as well are checked all the same. Fields that
              neither has are ignored
    left_out  why the whole object is; None: it is not
    """

    model_config = ConfigDict(strict=True, use_attribute_docstrings=True, defer_build=True)

    unread: ClassVar[Mapping[str, Unread]] = {}
    left_out: ClassVar[str | None] = None


class Typed(Form):
    """Last among the bases of an object whose type is written first."""

    type: str
