"""A model that says one sentence to all. inspect-ai's own of that kind fetches a vocabulary to count tokens."""

from __future__ import annotations

from typing import Any

from inspect_ai.model import ModelAPI, ModelOutput, modelapi

SPOKEN = "I do not know."


@modelapi(name="spoken")
class Spoken(ModelAPI):
    """Known to inspect-ai as `spoken/model`."""

    async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> ModelOutput:
        return ModelOutput.from_content(self.model_name, SPOKEN)
