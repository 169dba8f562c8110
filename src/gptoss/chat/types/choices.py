"""Which tools are called."""

from __future__ import annotations

from typing import Annotated, Literal

from gptoss.forms import Form, Kinds, Typed

# Tools that the client runs, and that have nothing to be declared with but their type.
ClientRun = Literal["local_shell", "apply_patch"]


class FunctionName(Form):
    """A tool that is declared."""

    name: str
    namespace: str | None = None
    """In which it is declared, if it is in one."""


class UntypedChoice(FunctionName):
    """A tool that is declared, of whichever type."""

    @property
    def type(self) -> None:
        """None is said."""
        return None


class NestedFunctionChoice(Form):
    """A function that is declared, as Chat Completions has it."""

    type: Literal["function"]
    function: FunctionName


class FlatFunctionChoice(FunctionName, Typed):
    """A function that is declared, as the Responses API has it."""

    type: Literal["function"]


class NestedCustomChoice(Form):
    """A custom tool that is declared, as Chat Completions has it."""

    type: Literal["custom"]
    custom: FunctionName


class FlatCustomChoice(FunctionName, Typed):
    """A custom tool that is declared, as the Responses API has it."""

    type: Literal["custom"]


class KindAlone(Form):
    """A tool that has no name but its type."""

    type: str

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.type

    @property
    def namespace(self) -> None:
        """In which it is declared: in none."""
        return None


class ClientRunChoice(KindAlone):
    """A tool that is declared and that has no name but its type."""

    type: Literal[ClientRun, "shell"]


class BuiltInChoice(KindAlone):
    """The tool that the model was trained with and that has no other name."""

    type: Literal["python"]


NamedChoice = FlatFunctionChoice | FlatCustomChoice | ClientRunChoice
NamedOrUntyped = NamedChoice | UntypedChoice
NESTED_CHOICES = (NestedFunctionChoice, NestedCustomChoice)


class AllowedToolList(Form):
    """Some of the declared tools."""

    mode: Literal["auto", "required"] = "auto"
    """Whether one of them may or must be called."""
    tools: list[
        Annotated[
            NamedOrUntyped | BuiltInChoice, Kinds("type", unnamed="any", nested=NESTED_CHOICES)
        ]
    ]


class NestedAllowedTools(Form):
    """Which tools may be called, as Chat Completions has it."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedToolList


class FlatAllowedTools(AllowedToolList):
    """Which tools may be called, as the Responses API has it."""

    type: Literal["allowed_tools"]


ChoiceName = Literal["auto", "none", "required"]
ChosenTools = NamedChoice | FlatAllowedTools
NESTED = (*NESTED_CHOICES, NestedAllowedTools)
# Of Python callers: a server's are in `gptoss.server.hosted.choices`.
OwnChoice = Annotated[
    ChosenTools | UntypedChoice | BuiltInChoice, Kinds("type", unnamed="any", nested=NESTED)
]
