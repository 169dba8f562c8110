"""How tokens are chosen and where an answer ends, as all of OpenAI's requests say it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from gptoss.engine.sampling_params import MAX_BIAS

MAX_STOPS = 16
MAX_BIASES = 1024

Filled = Annotated[str, Field(min_length=1)]
StopList = Annotated[list[Filled], Field(max_length=MAX_STOPS)]
BIAS: dict[str, Any] = {
    "type": "object",
    "propertyNames": {"pattern": "^[0-9]{1,9}$"},
    "additionalProperties": {"type": "number", "minimum": -MAX_BIAS, "maximum": MAX_BIAS},
    "maxProperties": MAX_BIASES,
}
