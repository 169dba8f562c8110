"""Requests of schemathesis that are meant to be right, made so where no schema can say how.

Only those: what is meant to be wrong stays as it was made. A schema says nothing of how fields, or an entry and the
entries before it, go together, and nothing of what is a grammar, a regular expression or a JSON Schema.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import requests
import schemathesis

from gptoss.server.hosted_tools import is_hosted

Json = dict[str, Any]

# Of a key that is taken where one is asked for.
KEY_VARIABLE = "GPTOSS_TESTS_KEY"
# So that the whole run takes minutes: no check looks at how much is written.
MAX_TOKENS = 4
# Digits of larger ones are refused wherever they stand: a body has them as they were, such as 1e300.
_MOST_WHOLE = 1e18
_CLIENT_RUN = ("shell", "local_shell", "apply_patch")
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Json) -> None:
    """Make a request right that is meant to be."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.query, dict):
        # Of the page before, which nobody has asked for.
        case.query.pop("after", None)
    if isinstance(case.body, dict) and case.media_type == "application/json":
        if case.path == "/v1/containers/{container_id}/files":
            case.body["file_id"] = _uploaded(case.operation.base_url)
        case.body = _whole_numbers(case.body)
        for repair in _REPAIRS:
            repair(case.body)
        if case.meta.phase.name.value == "stateful":
            # Asked for again, watched and cancelled by what follows.
            case.body.update(store=True, background=True, stream=False)


def _uploaded(address: str) -> str:
    """The id of a new file: of one that is not there, a 404 is taken for the container's."""
    sent: Any = {"file": ("a.txt", b"a"), "purpose": (None, "user_data")}
    key = {"Authorization": f"Bearer {os.environ[KEY_VARIABLE]}"}
    made = requests.post(f"{address.rstrip('/')}/v1/files", files=sent, headers=key, timeout=60)
    return str(made.json()["id"])


def _whole_numbers(value: Any) -> Any:
    """1.0 is an integer to JSON Schema; the server wants one to be written as such."""
    if isinstance(value, dict):
        return {key: _whole_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(each) for each in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _MOST_WHOLE
    return int(value) if is_whole else value


def _shorten(body: Json) -> None:
    for name in _LIMITS:
        if body.get(name) is not None:
            body[name] = min(body[name], MAX_TOKENS)
    is_response = "messages" not in body and "prompt" not in body
    name = "max_output_tokens" if is_response else "max_tokens"
    body[name] = body.get(name) or MAX_TOKENS


def _fit(body: Json) -> None:
    """As much as the context holds; how many tokens something is, a schema cannot say."""
    for name in ("messages", "input", "tools", "prompt", "system"):
        if isinstance(body.get(name), list):
            del body[name][8:]


def _agree(body: Json) -> None:
    """Fields that must be the same, ids that the vocabulary must have, an answer that must be begun."""
    body.pop("continue_final_message", None)
    if body.get("best_of") is not None:
        body["best_of"] = body.get("n") or 1
    if isinstance(body.get("logit_bias"), dict):
        body["logit_bias"] = {str(int(k) % 1000): v for k, v in body["logit_bias"].items()}


def _give_grammars(body: Json) -> None:
    """JSON Schemas, regular expressions and grammars that are."""
    for part in _parts(body):
        for name in ("parameters", "schema", "input_schema"):
            if isinstance(part.get(name), dict):
                part[name] = dict(_SCHEMA)
        if isinstance(part.get("regex"), str):
            part["regex"] = "[a-z]+"
        if isinstance(part.get("lark"), str):
            part["lark"] = 'start: "a"'
        if part.get("syntax") in ("lark", "regex") and "definition" in part:
            part["definition"] = 'start: "a"' if part["syntax"] == "lark" else "[a-z]+"


def _declare(body: Json) -> None:
    """Tools of distinct names, and those that a choice names."""
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") in ("any", "tool"):
        choice["name"] = "chosen"
        body["tools"] = [{"name": "chosen", "input_schema": _SCHEMA}]
    elif isinstance(choice, dict) and choice.get("type") not in ("auto", "none"):
        named = choice.get("allowed_tools", choice).get("tools", [choice])
        del named[8:]
        body["tools"] = [_tool_of(each, index) for index, each in enumerate(named)]
        if not named:
            body["tool_choice"] = "auto"
    elif choice == "required" and all(map(is_hosted, body.get("tools") or ())):
        # Those that the server would have to run may be left out.
        body["tool_choice"] = "auto"
    if isinstance(body.get("tools"), list):
        # Those without a name have that of their type.
        by_type = {each["type"]: each for each in body["tools"] if each.get("type") in _CLIENT_RUN}
        rest = [each for each in body["tools"] if each.get("type") not in _CLIENT_RUN]
        body["tools"] = [*by_type.values(), *rest]
    names: set[str] = set()
    for part in _parts(body.get("tools")):
        while part.get("name") in names:
            part["name"] += "_"
        names.add(part.get("name", ""))


def _tool_of(choice: Json, index: int) -> Json:
    """A tool that a choice names."""
    kind = choice.get("type", "function")
    fields = choice.get(kind, choice)
    if kind not in ("function", "custom"):
        return {"type": kind}
    fields.pop("namespace", None)
    fields["name"] = f"chosen_{index}"
    return {"type": kind, "name": fields["name"]}


def _answer_calls(body: Json) -> None:
    """Results of calls that were made before them."""
    is_called = False
    ids: set[str] = set()
    # Of the calls that were made last: a result without an id is one of theirs.
    last: list[str] = []
    for message in body.get("messages") or ():
        blocks = message["content"] if isinstance(message.get("content"), list) else []
        calls = message.get("tool_calls") or []
        made = [each["id"] for each in (*calls, *blocks) if isinstance(each.get("id"), str)]
        if message.get("function_call") or calls:
            is_called, last = True, made
        ids.update(made)
        for block in blocks:
            if block.get("type") == "tool_result" and block["tool_use_id"] not in ids:
                block.clear()
                block.update(type="text", text="a")
        if message["role"] in ("tool", "function") and message.get("tool_call_id") not in ids:
            message.pop("tool_call_id", None)
            if not is_called:
                message["name"] = message.get("name") or "f"
            elif last:
                message.update(role="tool", tool_call_id=last[-1])
                message.pop("name", None)
            else:
                message.clear()
                message.update(role="user", content="a")
    if body.get("messages") and body["messages"][-1]["role"] == "assistant":
        # Anthropic's API goes on with one that is text.
        body["messages"].append({"role": "user", "content": "a"})


def _answer_items(body: Json) -> None:
    """Results behind their calls, items of distinct ids, and one that is no reasoning."""
    if not isinstance(body.get("input"), list):
        return
    kinds: dict[str, str] = {}
    ids: set[str] = set()
    kept: list[Json] = []
    for item in body["input"]:
        kind, call_id = item.get("type") or "", item.get("call_id")
        item.pop("encrypted_content", None)
        is_output = kind.endswith("_output")
        is_lost = call_id is None or kinds.get(call_id) != kind.removesuffix("_output")
        if (
            kind == "mcp_approval_response"
            or (is_output and is_lost)
            or (item.get("id") and item["id"] in ids)
        ):
            continue
        kinds[call_id or ""] = kind
        ids.add(item.get("id") or "")
        kept.append(item)
    if all(item.get("type") == "reasoning" for item in kept):
        kept.append({"role": "user", "content": "a"})
    body["input"] = kept


def _parts(value: Any) -> Iterator[Json]:
    """All objects inside of a body."""
    if isinstance(value, dict):
        yield value
        for each in list(value.values()):
            yield from _parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _parts(each)


_REPAIRS: tuple[Callable[[Json], None], ...] = (
    _shorten,
    _fit,
    _agree,
    _give_grammars,
    _declare,
    _answer_calls,
    _answer_items,
)
