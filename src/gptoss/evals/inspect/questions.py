"""A suite's question -> what inspect-ai asks a model; and what that gives -> the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ContentReasoning,
    GenerateConfig,
    Model,
    ModelOutput,
    ResponseSchema,
)
from inspect_ai.tool import ToolChoice, ToolFunction, ToolInfo, ToolParams
from inspect_ai.util import JSONSchema

from gptoss.chat.reply import Usage
from gptoss.errors import AnswerError
from gptoss.evals.inspect.asked import RESPONSE_FORMAT, TOOLS
from gptoss.evals.inspect.messages import to_inspect, written_arguments
from gptoss.evals.inspect.output import REPAIRS
from gptoss.evals.inspect.provider import GptossAPI
from gptoss.evals.question import Answer, Call, Question

_FINISHES = {"max_tokens": "length", "model_length": "length"}


async def asked(model: Model, question: Question, seed: int) -> tuple[ModelOutput, Answer]:
    """Ask it of a model; what the question leaves open is the run's. Raises AnswerError where nothing comes back."""
    output = await model.generate(
        to_inspect(question.messages),
        tools=[_tool(each) for each in question.tools],
        tool_choice=_choice(question.tool_choice),
        config=_config(question, seed, is_own=isinstance(model.api, GptossAPI)),
    )
    return output, answer_of(output)


def answer_of(output: ModelOutput) -> Answer:
    """The first choice as an answer. Raises AnswerError where there is none."""
    if output.stop_reason == "model_length" and output.usage is None:
        return Answer.too_long()
    if output.error or not output.choices:
        raise AnswerError(f"the model gives no answer: {output.error or 'it has no choice'}")
    message = output.choices[0].message
    parts: Sequence[Any] = [] if isinstance(message.content, str) else message.content
    reasoning = [part.reasoning for part in parts if isinstance(part, ContentReasoning)]
    usage = output.usage
    cached = 0 if usage is None else usage.input_tokens_cache_read or 0
    repairs = (output.metadata or {}).get(REPAIRS)
    reason = str(output.stop_reason)
    return Answer(
        content=message.text,
        reasoning="\n\n".join(reasoning),
        calls=tuple(
            Call(call.function, written_arguments(message, call), f"call_{index}")
            for index, call in enumerate(message.tool_calls or ())
        ),
        finish_reason=_FINISHES.get(reason, reason),
        usage=Usage(0, 0, 0)
        if usage is None
        else Usage(
            usage.input_tokens + cached, usage.output_tokens, usage.reasoning_tokens or 0, cached
        ),
        seconds=round(output.time or 0.0, 6),
        repairs=repairs if isinstance(repairs, int) else None,
    )


def input_of(question: Question) -> list[ChatMessage]:
    """Its messages, for a log that shows what is asked."""
    return to_inspect(question.messages)


def _config(question: Question, seed: int, *, is_own: bool) -> GenerateConfig:
    extra: dict[str, Any] = {}
    # Ours reads schemas whole; others get what inspect-ai's types keep of them.
    if is_own and question.tools:
        extra[TOOLS] = list(question.tools)
    if is_own and question.response_format:
        extra[RESPONSE_FORMAT] = question.response_format
    return GenerateConfig(
        temperature=question.temperature,
        top_p=question.top_p,
        max_tokens=question.max_tokens,
        reasoning_effort=question.effort,  # type: ignore[arg-type,unused-ignore]
        parallel_tool_calls=question.parallel_calls if question.tools else None,
        response_schema=_schema(question.response_format),
        extra_body=extra or None,
        seed=seed,
    )


def _tool(tool: Mapping[str, Any]) -> ToolInfo:
    function = tool.get("function", tool)
    return ToolInfo(
        name=function["name"],
        description=function.get("description") or "",
        parameters=ToolParams.model_validate(function.get("parameters") or {}),
    )


def _choice(choice: object) -> ToolChoice | None:
    if isinstance(choice, Mapping):
        return ToolFunction(name=choice.get("function", choice)["name"])
    return "any" if choice == "required" else choice  # type: ignore[return-value,unused-ignore]


def _schema(response_format: Mapping[str, Any] | None) -> ResponseSchema | None:
    if response_format is None or response_format["type"] != "json_schema":
        return None
    given = response_format.get("json_schema", response_format)
    return ResponseSchema(
        name=given.get("name") or "answer",
        json_schema=JSONSchema.model_validate(given["schema"]),
        description=given.get("description"),
        strict=given.get("strict"),
    )
