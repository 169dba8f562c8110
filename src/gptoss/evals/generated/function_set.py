"""Made-up functions: their schemas, what a user says to have one called, and the arguments that are right then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.vocabulary import CITIES, COLOURS, NAMES, THINGS

VERBS = (
    "order", "repair", "rent", "sell", "ship", "clean", "inspect", "store", "return", "reserve", "deliver", "paint",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter with a value: its schema, and how a user says that value."""

    name: str
    schema: Mapping[str, Any]
    value: Any
    said: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function, and the call of it that a user may ask for."""

    verb: str
    thing: str
    parameters: tuple[Parameter, ...]

    @property
    def name(self) -> str:
        """As the model calls it."""
        return f"{self.verb}_{self.thing}"

    @property
    def arguments(self) -> dict[str, Any]:
        """Those that the user asks for."""
        return {each.name: each.value for each in self.parameters}

    @property
    def call(self) -> dict[str, Any]:
        """The call that is right."""
        return {"name": self.name, "arguments": self.arguments}

    @property
    def tool(self) -> dict[str, Any]:
        """As chat APIs declare it."""
        properties = {each.name: each.schema for each in self.parameters}
        schema = {
            "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
        }  # fmt: skip
        told = (
            f"{self.verb.capitalize()}s a {self.thing}. Call it only with what the user has said."
        )
        return {
            "type": "function",
            "function": {"name": self.name, "description": told, "parameters": schema},
        }

    def wish(self, without: str = "") -> str:
        """What a user says to have it called, perhaps without one of the parameters."""
        said = [each.said for each in self.parameters if each.name != without]
        details = f": {'; '.join(said)}" if said else ""
        return f"Please {self.verb} a {self.thing}{details}."


def draw_function(draws: Draws, verb: str, thing: str, *, is_nested: bool = False) -> Function:
    """A function of two to four parameters, or of nested ones."""
    kinds = draws.some_of(_PLAIN, draws.between(2, 4))
    if is_nested:
        kinds = [_recipient, _parcels, *kinds[:1]]
    return Function(verb, thing, tuple(kind(draws) for kind in kinds))


def draw_functions(draws: Draws, count: int) -> list[Function]:
    """Functions of which some share their verb and others their thing, so that the name must be read."""
    verbs = draws.some_of(VERBS, -(-count // 3))
    things = draws.some_of(THINGS, 3)
    pairs = [(verb, thing) for verb in verbs for thing in things]
    return [draw_function(draws, verb, thing) for verb, thing in draws.some_of(pairs, count)]


def again(function: Function, draws: Draws) -> Function:
    """The same function with other values."""
    kinds = [_KINDS[each.name] for each in function.parameters]
    while True:
        other = Function(function.verb, function.thing, tuple(kind(draws) for kind in kinds))
        if other.arguments != function.arguments:
            return other


def _city(draws: Draws) -> Parameter:
    value = draws.one_of(CITIES)
    schema = {"type": "string", "description": "Name of a city"}
    return Parameter("city", schema, value, f"the city is {value}")


def _customer(draws: Draws) -> Parameter:
    value = draws.one_of(NAMES)
    schema = {"type": "string", "description": "First name of the customer"}
    return Parameter("customer", schema, value, f"the customer is {value}")


def _number(draws: Draws) -> Parameter:
    value = draws.digits(4)
    schema = {"type": "integer", "minimum": 1, "description": "Number of the order"}
    return Parameter("number", schema, value, f"the number is {value}")


def _weight(draws: Draws) -> Parameter:
    value = draws.digits(3) / 4
    schema = {"type": "number", "description": "Weight in kilograms"}
    return Parameter("weight", schema, value, f"the weight is {value:g} kilograms")


def _colour(draws: Draws) -> Parameter:
    value = draws.one_of(COLOURS)
    return Parameter(
        "colour", {"type": "string", "enum": list(COLOURS)}, value, f"the colour is {value}"
    )


def _express(draws: Draws) -> Parameter:
    value = draws.is_one_in(2)
    said = f"it is {'' if value else 'not '}express"
    return Parameter("express", {"type": "boolean"}, value, said)


def _rooms(draws: Draws) -> Parameter:
    value = [draws.digits(3) for _ in range(draws.between(2, 3))]
    schema = {"type": "array", "items": {"type": "integer"}, "minItems": 1}
    return Parameter("rooms", schema, value, f"the rooms are {' and '.join(map(str, value))}")


def _recipient(draws: Draws) -> Parameter:
    name, city, house = draws.one_of(NAMES), draws.one_of(CITIES), draws.digits(2)
    address = {"city": city, "house": house}
    schema = _closed(
        {
            "name": {"type": "string"},
            "address": _closed({"city": {"type": "string"}, "house": {"type": "integer"}}),
        }
    )
    value = {"name": name, "address": address}
    return Parameter(
        "recipient", schema, value, f"the recipient is {name} in house {house} in {city}"
    )


def _parcels(draws: Draws) -> Parameter:
    value = [
        {"colour": draws.one_of(COLOURS), "grams": draws.digits(3)}
        for _ in range(draws.between(2, 3))
    ]
    items = _closed({"colour": {"type": "string"}, "grams": {"type": "integer"}})
    said = " and ".join(f"a {each['colour']} one of {each['grams']} grams" for each in value)
    schema = {"type": "array", "items": items, "minItems": 1}
    return Parameter("parcels", schema, value, f"the parcels are {said}, in this order")


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_KINDS: Mapping[str, Callable[[Draws], Parameter]] = {
    "city": _city, "customer": _customer, "number": _number, "weight": _weight, "colour": _colour,
    "express": _express, "rooms": _rooms, "recipient": _recipient, "parcels": _parcels,
}  # fmt: skip
_PLAIN = tuple(_KINDS.values())[:7]
