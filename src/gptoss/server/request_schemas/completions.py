"""Prompts of `/v1/completions`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gptoss.server.request_schemas.sampling import Filled

MAX_PROMPTS = 32

PromptIds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
Prompts = (
    Filled
    | Annotated[list[Filled], Field(min_length=1, max_length=MAX_PROMPTS)]
    | PromptIds
    | Annotated[list[PromptIds], Field(min_length=1, max_length=MAX_PROMPTS)]
)
