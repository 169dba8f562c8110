"""Tools from Python functions: what the model is told, and how its arguments become values."""

from __future__ import annotations

import dataclasses
import enum
import json
import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from gptoss.errors import MessageError
from gptoss.harmony.frozen_json import thaw
from gptoss.tools import Approval, Ending, ToolResult, ToolRun, function_tool


class Unit(enum.Enum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


@dataclasses.dataclass
class Place:
    city: str
    country: str = "IT"


class Window(BaseModel):
    days: int = Field(ge=1, le=7)


def weather(
    place: Place,
    unit: Unit = Unit.CELSIUS,
    window: Window | None = None,
    kind: Literal["rain", "sun"] = "sun",
    _stations: Annotated[list[str], "which ones"] = [],  # noqa: B006
) -> str:
    """Tells the weather.

    Of a place on earth.
    """
    days = None if window is None else window.days
    return f"{place.city} {place.country} {unit.name} {days} {kind} {_stations}"


def run(function: Callable[..., object], arguments: object) -> ToolResult:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    running = ToolRun(function_tool(function), text, 30, None)
    list(running.events())
    return running.result


def test_what_the_model_is_told() -> None:
    tool = function_tool(weather)
    assert tool.description.name == "weather"
    assert tool.description.description == "Tells the weather.\n\nOf a place on earth."
    schema: Any = thaw(tool.description.parameters)
    assert schema["required"] == ["place"]
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == ["place", "unit", "window", "kind", "_stations"]
    assert schema["properties"]["_stations"]["description"] == "which ones"
    assert schema["$defs"]["Window"]["properties"]["days"] == {
        "maximum": 7,
        "minimum": 1,
        "type": "integer",
    }
    assert '"title"' not in json.dumps(schema)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"place": {"city": "Rome"}}, "Rome IT CELSIUS None sun []"),
        (
            {"place": {"city": "Rome"}, "unit": "fahrenheit", "window": {"days": 2}},
            "Rome IT FAHRENHEIT 2 sun []",
        ),
        ({"place": {"city": "Rome"}, "_stations": ["a"]}, "Rome IT CELSIUS None sun ['a']"),
    ],
)
def test_arguments_become_values(arguments: object, told: str) -> None:
    assert run(weather, arguments).text == told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "error: place: got nothing, wanted this field"),
        ({"place": "Rome"}, "error: place: got 'Rome', wanted an object"),
        ({"place": {"city": 3}}, "error: place.city: got 3, wanted text"),
        (
            {"place": {"city": "Rome"}, "unit": "kelvin"},
            "error: unit: got 'kelvin', wanted 'celsius' or 'fahrenheit'",
        ),
        (
            {"place": {"city": "Rome"}, "window": {"days": 9}},
            "error: window.days: got 9, wanted at most 7",
        ),
        (
            {"place": {"city": "Rome"}, "days": 1},
            "error: got the argument 'days', wanted place, unit, window, kind, _stations",
        ),
        (
            '{"place": {"city": "Oslo"}, "place": {"city": "Rome"}}',
            "error: got 'place' a second time in the arguments; name it once",
        ),
        (
            '{"place": {"city": "Oslo", "city": "Rome"}}',
            "error: got 'city' a second time in the arguments; name it once",
        ),
        ("[" * 100_000, None),
        ('{"place": ', None),
    ],
)
def test_wrong_arguments_are_told(arguments: object, told: str | None) -> None:
    result = run(weather, arguments)
    assert result.ending is Ending.ERROR
    if told is None:
        assert result.text.startswith("error: the arguments are no JSON")
    else:
        assert result.text == told


def google(a: int, b: str = "") -> None:
    """Does it.

    Args:
        a: the first,
            of two
        b (str): the second

    Returns:
        nothing
    """


def numpy(a: int, b: str = "") -> None:
    """Does it.

    Parameters
    ----------
    a : int
        the first,
        of two
    b : str, optional
        the second
    """


def sphinx(a: int, b: str = "") -> None:
    """Does it.

    :param a: the first,
        of two
    :param str b: the second
    :returns: nothing
    """


def ours(a: int, b: str = "") -> None:
    """Does it.

    a  the first,
       of two
    b  the second
    """


@pytest.mark.parametrize("function", [google, numpy, sphinx, ours])
def test_docstrings_of_all_styles(function: Callable[..., object]) -> None:
    tool = function_tool(function)
    schema: Any = thaw(tool.description.parameters)
    assert tool.description.description == "Does it."
    told = [each["description"] for each in schema["properties"].values()]
    assert told == ["the first, of two", "the second"]


def test_methods_and_positions() -> None:
    class Shop:
        def buy(self, what: str, num: int = 1, /, *, gift: bool = False) -> str:
            return f"{num} {what} {gift}"

    assert run(Shop().buy, {"what": "apple", "gift": True}).text == "1 apple True"


def test_options() -> None:
    tool = function_tool(
        weather, name="w", description="d", is_read_only=True, approval="ask", max_s=3
    )
    assert (tool.recipient, tool.description.description) == ("functions.w", "d")
    assert (tool.is_read_only, tool.approval, tool.max_s) == (True, Approval.ASK, 3)


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda x: x, "got a function called '<lambda>' as a tool"),
        (lambda *args: args, "as a tool"),
    ],
)
def test_functions_without_a_name(function: Callable[..., object], told: str) -> None:
    with pytest.raises(MessageError, match=told):
        function_tool(function)


def test_functions_that_no_model_can_call() -> None:
    def several(*numbers: int) -> None: ...
    def anything(**named: int) -> None: ...
    def handle(socket: Callable[[], None]) -> None: ...
    def unknown(of: Shelf) -> None: ...  # type: ignore[name-defined]  # noqa: F821
    def stranger(of: object) -> None: ...

    # As it is without postponed annotations: the class itself.
    stranger.__annotations__["of"] = threading.Thread
    for function, told in (
        (several, r"the parameter \*numbers, wanted named parameters"),
        (anything, r"the parameter \*named, wanted named parameters"),
        (handle, "has no JSON Schema"),
        (unknown, "whose annotations cannot be read .name 'Shelf' is not defined"),
        (stranger, "a parameter of a type that JSON has no room for"),
    ):
        with pytest.raises(MessageError, match=told):
            function_tool(function)
