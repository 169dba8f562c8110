"""A tool choice as chat APIs write it -> whether a tool is called, and which ones may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gptoss.errors import SchemaError, listed, shown
from gptoss.structured.rules import ToolChoice

if TYPE_CHECKING:
    from gptoss.chat.types.choices import (
        BuiltInChoice,
        ChosenTools,
        NamedOrUntyped,
        UntypedChoice,
    )


@dataclass(frozen=True, slots=True)
class RecipientChoice:
    """A choice by recipients, of whoever knows them; they are declared.

    mode       whether one of them is called
    allowed    which may be
    restricts  whether no other may be called in all of the turn, rather than at once
    """

    mode: ToolChoice
    allowed: tuple[str, ...]
    restricts: bool = False


def tool_choice_of(
    choice: object, declared: Mapping[str, str]
) -> tuple[ToolChoice, tuple[str, ...] | None]:
    """Whether a tool is called, and the recipients that may be; None: all of them.

    choice    None (auto, or none where no tool is declared), "auto", "none", "required",
              {"type": "function", "function": {"name"}}, the same with "custom", {"name"} for a tool of any kind,
              {"type": KIND} for a client's or built-in one whose kind is its name, or
              {"type": "allowed_tools", "mode", "tools"};
              what stands in "function", "custom" or "allowed_tools" may also stand beside "type", as the Responses API
              has it; or a RecipientChoice
    declared  recipients of the declared tools, and the kind of each. A name means `functions.NAME`, else the tool of
              that very recipient; with "namespace" beside it, `NAMESPACE.NAME`

    Raises SchemaError for anything else, or a tool that is not declared.
    """
    if choice is None:
        return (ToolChoice.AUTO if declared else ToolChoice.NONE), None
    if isinstance(choice, str) and choice in tuple(ToolChoice):
        return ToolChoice(choice), None
    if isinstance(choice, RecipientChoice):
        return choice.mode, choice.allowed
    chosen = _checked(choice)
    if chosen.type == "allowed_tools":
        allowed = tuple(recipient_of(each, declared) for each in chosen.tools)
        return ToolChoice(chosen.mode), allowed
    return ToolChoice.REQUIRED, (recipient_of(chosen, declared),)


def restricts(choice: object) -> bool:
    """Whether a choice says which tools may be called at all, rather than which one is called now."""
    if isinstance(choice, RecipientChoice):
        return choice.restricts
    kind = choice.get("type") if isinstance(choice, Mapping) else getattr(choice, "type", None)
    return kind == "allowed_tools"


def _checked(choice: object) -> ChosenTools | UntypedChoice | BuiltInChoice:
    # Loaded when first asked for: most turns name no tool.
    from gptoss.chat.types.choices import ChoiceName, OwnChoice
    from gptoss.forms import checked

    made: ChosenTools | UntypedChoice | BuiltInChoice
    made = checked(ChoiceName | OwnChoice, choice, "tool_choice", SchemaError)
    return made


def recipient_of(chosen: NamedOrUntyped | BuiltInChoice, declared: Mapping[str, str]) -> str:
    """The recipient of a tool that is named in a choice. Raises SchemaError for one that is not declared."""
    name, space, kind = chosen.name, chosen.namespace, chosen.type
    meant = (f"functions.{name}", name) if space is None else (f"{space}.{name}",)
    found = [recipient for recipient in meant if recipient in declared]
    for recipient in found:
        if kind in (None, declared[recipient]):
            return recipient
    if found:
        raise SchemaError(
            f"got the tool choice {shown(name)} of the type {shown(kind)}, which is declared as {declared[found[0]]}; "
            "say that type"
        )
    names = listed(each.removeprefix("functions.") for each in sorted(declared))
    raise SchemaError(
        f"got the tool choice {shown(name)}, wanted a declared tool: {names or 'there is none'}"
    )
