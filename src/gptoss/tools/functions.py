"""Tools from typed Python functions: the name, the docstring and the annotations say all."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gptoss.errors import MessageError, RequestError, listed, shown
from gptoss.harmony import ToolDescription
from gptoss.tools.approval import Approval
from gptoss.tools.invocation import Invocation
from gptoss.tools.tool import CALL_S, Tool

# In a section `name: text`, `name (type): text`, and NumPy's `name : type`; anywhere `name  text`, `:param name: text`.
_GOOGLE = re.compile(r"^\s*[*]{0,2}(\w+)(?:\s*\([^)]*\))?:\s+(\S.*)$")
_NUMPY = re.compile(r"^(\w+)(?:\s*:\s.*)?()$")
_PLAIN = re.compile(r"^\s*(\w+)\s{2,}(\S.*)$")
_SPHINX = re.compile(r"^\s*:param\s+(?:[^:]*\s)?(\w+):\s*(.*)$")
_SECTION = re.compile(
    r"^\s*(Args|Arguments|Parameters|Returns?|Raises|Yields|Examples?|Notes?|See Also)(:?)\s*$"
)
_OF_PARAMETERS = ("Args", "Arguments", "Parameters")
# Told of one call.
_MOST_FAULTS = 5


def function_tool(
    function: Callable[..., object],
    *,
    name: str | None = None,
    description: str | None = None,
    is_read_only: bool = False,
    is_foreign: bool = False,
    approval: Approval | str = Approval.ALLOW,
    max_s: float = CALL_S,
) -> Tool:
    """A tool that calls a function with the arguments that the model wrote, checked against its annotations.

    function     sync or async; its docstring is what the model is told, and what stands behind the names of its
                 parameters there (or in `Annotated[..., "text"]`) is told of them
    name         None: the function's own
    description  None: the docstring, without its sections
    is_read_only  whether a call changes nothing
    is_foreign    whether its results may hold what strangers wrote
    approval      what a call needs at least
    max_s         seconds that a call may take

    The model may take any result for an order. No text of it becomes a special token, and the model is told which tool
    it is of; nothing else keeps the model from obeying it. Where strangers may have written it (a page, a mail, a
    ticket), say `is_foreign`: from then on every call of the conversation that is not `is_read_only` needs approval.

    Raises MessageError for a function without a name, without types that JSON has room for, or with `*args` or
    `**kwargs`.
    """
    # Loaded when first asked for: most conversations have no functions of their own.
    from pydantic import BaseModel

    called = name or str(getattr(function, "__name__", ""))
    if not re.fullmatch(r"[A-Za-z_][\w-]{0,63}", called):
        raise MessageError(
            f"got a function called {called!r} as a tool, wanted a name of letters, digits and _; "
            "give it one with function_tool(f, name=...)"
        )
    text = inspect.getdoc(function) or ""
    summary, told = _read_docstring(text, inspect.signature(function).parameters)
    model = _arguments_model(function, called, told)
    schema = _schema(model, called)

    def run(invocation: Invocation) -> object:
        given = _parsed(invocation.arguments)
        checked: BaseModel = _checked(model, given)
        return _called(function, checked)

    described = ToolDescription(called, summary if description is None else description, schema)
    return Tool(
        described,
        run=run,
        is_read_only=is_read_only,
        is_foreign=is_foreign,
        approval=Approval(approval),
        max_s=max_s,
    )


def _arguments_model(function: Callable[..., object], called: str, told: Mapping[str, str]) -> Any:
    from pydantic import ConfigDict, Field, create_model
    from pydantic.errors import PydanticUserError

    fields: dict[str, Any] = {}
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise MessageError(
            f"got the function {called} whose annotations cannot be read ({error}); "
            "use types that its module knows"
        ) from None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise MessageError(
                f"got the function {called} with the parameter *{parameter.name}, wanted named parameters alone; "
                "the model is told of each by its name"
            )
        hint = hints.get(parameter.name, parameter.annotation)
        hint = Any if hint is parameter.empty else hint
        default = ... if parameter.default is parameter.empty else parameter.default
        about = _annotated_text(hint) or told.get(parameter.name)
        fields[parameter.name] = (hint, Field(default, description=about, alias=parameter.name))
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    # Fields of pydantic may not begin with _, and shadow its own names; the alias is what the model writes.
    renamed = {f"field_{index}": each for index, each in enumerate(fields.values())}
    try:
        return create_model(called, __config__=config, **renamed)
    except (PydanticUserError, TypeError, NameError) as error:
        raise MessageError(
            f"got the function {called} with a parameter of a type that JSON has no room for ({_first_of(error)}); "
            "annotate it with str, int, float, bool, list, dict, an Enum, a dataclass or a pydantic model"
        ) from None


def _first_of(error: Exception) -> str:
    """An error's first sentence: what follows in pydantic's tells of pydantic."""
    return re.split(r"\.\s|\n", str(error), maxsplit=1)[0]


def _schema(model: Any, called: str) -> dict[str, object]:
    from pydantic.errors import PydanticInvalidForJsonSchema

    try:
        schema: dict[str, object] = model.model_json_schema()
    except PydanticInvalidForJsonSchema as error:
        raise MessageError(
            f"got the function {called} with a parameter that has no JSON Schema ({error.message}); annotate it with "
            "str, int, float, bool, list, dict, an Enum, a dataclass or a pydantic model"
        ) from None
    plain = _untitled(schema)
    assert isinstance(plain, dict)
    plain.setdefault("properties", {})
    return plain


def _untitled(value: object, *, is_names: bool = False) -> object:
    """A schema without the titles that pydantic makes of names: the model would read each name twice."""
    if isinstance(value, list):
        return [_untitled(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _untitled(each, is_names=not is_names and key in ("properties", "$defs"))
        for key, each in value.items()
        if is_names or key != "title" or not isinstance(each, str)
    }


def _parsed(arguments: str) -> Mapping[str, object]:
    try:
        given = json.loads(arguments, object_pairs_hook=_named) if arguments.strip() else {}
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"the arguments are no JSON ({error}); call again with a JSON object"
        ) from None
    if not isinstance(given, dict):
        raise RequestError(f"got {type(given).__name__} as arguments, wanted a JSON object")
    return given


def _named(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object. Raises RequestError for two values of one name: whoever allows the call may have read the other."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise RequestError(f"got {shown(name)} a second time in the arguments; name it once")
        found[name] = value
    return found


def _checked(model: Any, given: Mapping[str, object]) -> Any:
    """The arguments by their types. Raises RequestError that says each fault, so that the model can mend its call."""
    from pydantic import ValidationError

    try:
        return model.model_validate(given)
    except ValidationError as error:
        names = [field.alias for field in model.model_fields.values()]
        faults = error.errors(include_url=False)[:_MOST_FAULTS]
        told = "; ".join(_told_fault(each, given, names) for each in faults)
        raise RequestError(told) from None


def _told_fault(error: Any, given: Mapping[str, object], names: Sequence[str]) -> str:
    from gptoss.forms import fault_of

    if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
        wanted = listed(names) or "none"
        return f"got the argument {shown(error['loc'][0])}, wanted {wanted}"
    fault = fault_of([error], given)
    return f"{fault.place or 'arguments'}: {fault.told}"


def _called(function: Callable[..., object], checked: Any) -> object:
    values = iter([getattr(checked, name) for name in type(checked).model_fields])
    positional, named = [], {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(next(values))
        else:
            named[parameter.name] = next(values)
    return function(*positional, **named)


def _annotated_text(hint: object) -> str | None:
    found = [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, str)]
    if found:
        return found[0]
    described = [getattr(each, "description", None) for each in getattr(hint, "__metadata__", ())]
    return next((each for each in described if isinstance(each, str)), None)


def _read_docstring(text: str, names: Collection[str]) -> tuple[str, dict[str, str]]:
    """What it says of the function, and of each parameter."""
    kept: list[str] = []
    told: dict[str, str] = {}
    section, last = "", None
    for line in text.splitlines():
        if found := _SECTION.match(line):
            section, last = found[1], None
            continue
        forms = [_SPHINX, _PLAIN]
        if section in _OF_PARAMETERS:
            forms += [_GOOGLE, _NUMPY]
        about = next((m for form in forms if (m := form.match(line)) and m[1] in names), None)
        if about is not None:
            last = about[1]
            told[last] = about[2].strip()
        elif last and line.startswith((" ", "\t")) and line.strip():
            told[last] = f"{told[last]} {line.strip()}".strip()
        elif not section and not line.strip().startswith(":"):
            last = None
            kept.append(line)
    return "\n".join(kept).strip(), {name: about for name, about in told.items() if about}
