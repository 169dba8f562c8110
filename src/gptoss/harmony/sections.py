"""The text of system and developer messages, as the official library writes it."""

from __future__ import annotations

from gptoss.harmony.declarations import tools_section
from gptoss.harmony.frozen_json import compact
from gptoss.harmony.messages import DeveloperContent, SystemContent
from gptoss.harmony.tools import ResponseFormat

# Said of the channels as soon as an application declares functions.
_FUNCTIONS_LINE = "Calls to these tools must go to the commentary channel: 'functions'."


def system_text(content: SystemContent, *, has_functions: bool, strict: bool) -> str:
    """A system message. `has_functions`: whether the conversation declares any."""
    sections = [*_opening(content)]
    if content.tools:
        sections.append(tools_section(content.tools, strict=strict))
    if content.channels:
        sections.append(_channels(content, has_functions=has_functions))
    return "\n\n".join(sections)


def _opening(content: SystemContent) -> list[str]:
    named = {
        "": content.identity,
        "Knowledge cutoff: ": content.knowledge_cutoff,
        "Current date: ": content.current_date,
    }
    lines = [f"{name}{value}" for name, value in named.items() if value is not None]
    sections = ["\n".join(lines)] if lines else []
    return [*sections, f"Reasoning: {content.effort}"] if content.effort is not None else sections


def _channels(content: SystemContent, *, has_functions: bool) -> str:
    text = f"# Valid channels: {', '.join(content.channels)}."
    if content.is_channel_required:
        text += " Channel must be included for every message."
    return f"{text}\n{_FUNCTIONS_LINE}" if has_functions else text


def developer_text(content: DeveloperContent, *, strict: bool) -> str:
    """A developer message."""
    sections = []
    if content.instructions is not None:
        sections += ["# Instructions", content.instructions]
    if content.tools:
        sections.append(tools_section(content.tools, strict=strict))
    if content.response_formats:
        sections.append(formats_text(content.response_formats))
    return "\n\n".join(sections)


def formats_text(formats: tuple[ResponseFormat, ...]) -> str:
    """The `# Response Formats` part; the format's guide has it, the library cannot write it."""
    return "\n\n".join(["# Response Formats", *map(_format, formats)])


def _format(form: ResponseFormat) -> str:
    comment = "".join(f"// {line}\n" for line in (form.description or "").splitlines())
    return f"## {form.name}\n\n{comment}{compact(form.schema)}"
