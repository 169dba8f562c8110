"""Requests of inspect-ai to a model -> the turns that they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inspect_ai.model import ChatMessage, GenerateConfig
from inspect_ai.tool import ToolChoice, ToolFunction, ToolInfo

from gptoss.chat.conversation import conversation
from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.tools import tool_set
from gptoss.chat.types.messages import ChatMessage as CheckedMessage
from gptoss.engine import SamplingParams
from gptoss.errors import MessageError, RequestError, listed
from gptoss.evals.inspect.messages import to_chat
from gptoss.forms import checked

# What inspect-ai knows and the model does not: it has three levels.
_EFFORTS = {"none": "low", "minimal": "low", "xhigh": "high", "max": "high"}
# Fields of Chat Completions that `extra_body` may have: schemas whole, of which inspect-ai's own types keep a part.
TOOLS, RESPONSE_FORMAT = "tools", "response_format"
_EXTRA = (TOOLS, RESPONSE_FORMAT)
# What would change the answer, and is not there.
_MISSING = ("best_of", "prompt_logprobs", "modalities")


def turn_request(
    messages: Sequence[ChatMessage],
    tools: Sequence[ToolInfo],
    tool_choice: ToolChoice,
    config: GenerateConfig,
    date: str,
) -> TurnRequest:
    """The turn; `date` of its prompt. Raises MessageError, RequestError or SchemaError for what cannot be met."""
    _require_known(config)
    extra = config.extra_body or {}
    declared = tool_set(extra.get(TOOLS) or [_declared(tool) for tool in tools])
    said = checked(list[CheckedMessage], to_chat(messages), "messages", MessageError)
    effort = config.reasoning_effort or "medium"
    return TurnRequest(
        messages=conversation(said, declared),
        effort=_EFFORTS.get(effort, effort),
        reasons=effort != "none",
        tools=declared,
        tool_choice=_choice(tool_choice) if declared.kinds else None,
        parallel_calls=config.parallel_tool_calls is not False,
        response_format=extra.get(RESPONSE_FORMAT) or _format(config),
        sampling=_sampling(config),
        limits=TurnLimits.of(config.max_tokens, config.reasoning_tokens, config.stop_seqs or ()),
        num=config.num_choices or 1,
        current_date=date,
    )


def _require_known(config: GenerateConfig) -> None:
    for name in _MISSING:
        if getattr(config, name) is not None:
            raise RequestError(f"got {name}, which this model does not have; leave it out")
    unknown = [name for name in config.extra_body or {} if name not in _EXTRA]
    if unknown:
        raise RequestError(f"got {listed(unknown)} in extra_body, wanted one of {listed(_EXTRA)}")


def _declared(tool: ToolInfo) -> Mapping[str, object]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters.model_dump(exclude_none=True),
    }


def _choice(choice: ToolChoice) -> object:
    if isinstance(choice, ToolFunction):
        return {"type": "function", "function": {"name": choice.name}}
    return "required" if choice == "any" else choice


def _format(config: GenerateConfig) -> Mapping[str, object] | None:
    wanted = config.response_schema
    if wanted is None:
        return None
    return {
        "type": "json_schema",
        "json_schema": {
            "name": wanted.name,
            "schema": wanted.json_schema.model_dump(exclude_none=True),
            "description": wanted.description,
            "strict": wanted.strict,
        },
    }


def _sampling(config: GenerateConfig) -> SamplingParams:
    given = {
        name: value
        for name in (
            *("temperature", "top_p", "top_k", "seed"),
            *("frequency_penalty", "presence_penalty", "logit_bias"),
        )
        if (value := getattr(config, name)) is not None
    }
    has_logprobs = config.logprobs or config.top_logprobs is not None
    return SamplingParams(**given, logprobs=(config.top_logprobs or 0) if has_logprobs else None)
