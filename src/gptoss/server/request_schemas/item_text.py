"""Ids and texts of input items of the Responses API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.server.request_schemas.form import Form

ItemId = Annotated[str, Field(max_length=200)]


class ItemTextPart(Form):
    """A part of a text. The model reads text alone."""

    type: Literal["input_text", "output_text", "text", "reasoning_text", "summary_text"]
    text: str


class RefusalPart(Form):
    """What the assistant refused to do, and why."""

    type: Literal["refusal"]
    refusal: str


ItemContent = str | list[Annotated[ItemTextPart | RefusalPart, Field(discriminator="type")]]
