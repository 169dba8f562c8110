"""Unions of objects that say in one of their fields which of them they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, get_origin

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

# What `faults` knows these errors by.
UNKNOWN_KIND = "unknown_kind"
# No field is called so.
_REST = ", the rest"


@dataclass(frozen=True, slots=True)
class Kinds:
    """As an annotation of a union of models, or a single one: that is checked which a field names, and no other.

    field    has a literal type in each of the models. One that has no such field is the unnamed one
    unnamed  which it is where the field is absent or null; None: an error
    others   tells the objects that are of the unnamed one too, though they have a name that none of the models has
    nested   models whose own fields stand in one that is called by their name: `{"type": "a", "a": {...}}`. What is of
             their form becomes an object of the union's model of that name, as if its fields stood beside the name
    rest     tells the objects that are of the union's one `Form` which is left out, whatever they are called
    but      what is said of a name that none of them has, before the names that are wanted
    refusal  what is said of one instead of these; None: nothing
    """

    field: str
    unnamed: str | None = None
    others: Callable[[Mapping[str, Any]], bool] | None = None
    nested: tuple[type[BaseModel], ...] = ()
    rest: Callable[[Mapping[str, Any]], bool] | None = None
    but: str = ""
    refusal: Callable[[object], str | None] | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A tagged union, whose error `faults` can tell."""
        models: dict[str, type[BaseModel]] = {}
        choices: dict[str, CoreSchema] = {}
        nested = {name: model for model in self.nested for name in self._names(model)}
        for model in get_args(source) or (source,):
            if self._is_rest(model):
                choices[_REST] = handler.generate_schema(model)
            for name in self._names(model):
                models[name] = model
                if name in nested:
                    choices[_nested(name)] = core_schema.no_info_after_validator_function(
                        _flattener(model, name), handler.generate_schema(nested[name])
                    )
                choices[name] = handler.generate_schema(model)
        told: dict[str, Any] = {
            "field": self.field,
            "wanted": [name for name, model in models.items() if self._is_named(model)],
            "but": self.but,
            "refusal": self.refusal,
        }
        return core_schema.tagged_union_schema(
            choices,
            self._namer(models, frozenset(nested)),
            custom_error_type=UNKNOWN_KIND,
            custom_error_message="of no known kind",
            custom_error_context=told,
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """By the field, if all of them have it, and no two have the same there; a single model's own."""
        union: Any = schema
        # Other annotations may have put validators around it.
        while union["type"] != "tagged-union":
            union = union["schema"]
        choices = union["choices"]
        if self.nested or self.rest or self.others or len(choices) == 1:
            return handler(core_schema.union_schema(list(choices.values())))
        if self.unnamed is not None:
            return handler(union)
        return handler(core_schema.tagged_union_schema(choices, self.field))

    def chooser(self, source: Any) -> Callable[[Mapping[str, Any]], type[BaseModel] | None]:
        """A function that returns which model reads an object: one of the union, or the nested form of one."""
        members = get_args(source) or (source,)
        models = {name: model for model in members for name in self._names(model)}
        nested = {name: model for model in self.nested for name in self._names(model)}
        by_name = models | {_nested(name): model for name, model in nested.items()}
        for model in filter(self._is_rest, members):
            by_name[_REST] = model
        name_of = self._namer(models, frozenset(nested))

        def choose(given: Mapping[str, Any]) -> type[BaseModel] | None:
            name = name_of(given)
            return by_name.get(name) if isinstance(name, str) else None

        return choose

    def _is_rest(self, model: type) -> bool:
        return self.rest is not None and getattr(model, "left_out", None) is not None

    def _is_named(self, model: type[BaseModel]) -> bool:
        return self.field in model.model_fields

    def _names(self, model: type[BaseModel]) -> Iterator[str]:
        """What a model is called in the field."""
        if self._is_rest(model):
            return
        if self._is_named(model):
            yield from _literals(model.model_fields[self.field].annotation)
        elif self.unnamed is not None:
            yield self.unnamed

    def _namer(
        self, models: Mapping[str, type[BaseModel]], nested: frozenset[str]
    ) -> Callable[[object], object]:
        """A function that returns the name in an object, or that of one that was checked before.

        That this is Python lets other threads run now and then: a body may have hundreds of thousands of objects, and
        pydantic alone would keep all others waiting until it is through with them.
        """
        name_by_model = {model: name for name, model in models.items()}

        def name_of(given: object) -> object:
            if not isinstance(given, dict):
                if self._is_rest(type(given)):
                    return _REST
                return name_by_model.get(cast(Any, type(given)), self.unnamed)
            if self.rest is not None and self.rest(given):
                return _REST
            name = given.get(self.field)
            is_unknown = self.others is not None and name not in list(models)
            if name is None or (is_unknown and self.others and self.others(given)):
                name = self.unnamed
            is_nested = isinstance(name, str) and name in nested and name in given
            return _nested(str(name)) if is_nested else name

        return name_of


def _nested(name: str) -> str:
    """What the nested form is called, as no field is."""
    return f"{name}, nested"


def _flattener(model: type[BaseModel], name: str) -> Callable[[BaseModel], BaseModel]:
    """A function that returns an object with the fields of the one inside beside its own; both are checked."""

    def flat(given: BaseModel) -> BaseModel:
        outer = dict(given.__dict__)
        inner = outer.pop(name)
        fields_set = (given.model_fields_set - {name}) | inner.model_fields_set
        made = model.__new__(model)
        object.__setattr__(made, "__dict__", {**outer, **inner.__dict__})
        object.__setattr__(made, "__pydantic_fields_set__", fields_set)
        object.__setattr__(made, "__pydantic_extra__", None)
        object.__setattr__(made, "__pydantic_private__", None)
        return made

    return flat


def _literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for each in get_args(annotation):
            yield from _literals(each)
