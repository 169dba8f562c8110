"""Instructor, in its modes of OpenAI's two APIs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import instructor
from cases import KEY, MODEL, URL, run
from instructor import Mode
from openai import OpenAI
from pydantic import BaseModel, field_validator


class Place(BaseModel):
    city: str
    degrees: int


class Capital(BaseModel):
    """Whose check the first answer does not pass, and the second does."""

    city: str
    degrees: int

    @field_validator("city")
    @classmethod
    def check(cls, city: str) -> str:
        if city != "Oslo":
            raise ValueError("that is no capital")
        return city


def made(mode: Mode, question: str, response_model: Any = Place, **more: Any) -> Any:
    client = instructor.from_openai(OpenAI(base_url=f"{URL}/v1", api_key=KEY), mode=mode)
    messages = [{"role": "user", "content": question}]
    return client.create(model=MODEL, messages=messages, response_model=response_model, **more)


def tools_shape(question: str) -> Any:
    return made(Mode.TOOLS, question).model_dump()


def strict_tools_shape(question: str) -> Any:
    return made(Mode.TOOLS_STRICT, question).model_dump()


def schema_shape(question: str) -> Any:
    return made(Mode.JSON_SCHEMA, question).model_dump()


def json_shape(question: str) -> Any:
    return made(Mode.JSON, question).model_dump()


def responses_shape(question: str) -> Any:
    return made(Mode.RESPONSES_TOOLS, question).model_dump()


def partial_shape(question: str) -> Any:
    """The last of the objects that grow."""
    pieces: Iterable[Any] = made(Mode.TOOLS, question, instructor.Partial[Place], stream=True)
    return list(pieces)[-1].model_dump()


def retried_shape(question: str) -> Any:
    """The answer to what the check says."""
    return made(Mode.TOOLS, question, Capital, max_retries=2).model_dump()


if __name__ == "__main__":
    run(globals())
