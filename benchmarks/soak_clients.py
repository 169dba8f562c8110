"""What the clients of a soak ask: requests of every kind, each with the end that it must have."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

from benchmarks.soak_traffic import WORDS, Json, Kind, Traffic, check

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
WEATHER: Json = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo", "Rome"]}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
ENDS = ("stop", "length", "tool_calls")
LONG = {"type": "regex", "regex": "[a-z ]{4000}"}
# Responses that are looked for again near the end of their time, on the safe side of it.
EXPIRY_SLACK = 0.1
_HEAD = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def _check_ends(reply: Json) -> None:
    reasons = [choice["finish_reason"] for choice in reply["choices"]]
    check(reasons and all(reason in ENDS for reason in reasons), "ends", reasons)


async def chat(t: Traffic) -> None:
    reply = await t.ask(CHAT, t.sum(seed=t.draw.randint(0, 9)))
    _check_ends(reply)
    if t.draw.random() < 0.4:
        question = t.sum()
        said = reply["choices"][0]["message"]
        more = [{"role": "user", "content": "And " + t.question()}]
        question["messages"] = [*question["messages"], said, *more]
        _check_ends(await t.ask(CHAT, question))


async def chat_stream(t: Traffic) -> None:
    options = {"include_usage": t.draw.random() < 0.5}
    found = await t.events(CHAT, t.sum(stream=True, stream_options=options))
    check(found and found[-1] == {"type": "done"}, "no end of a stream", found[-2:])
    reasons = [choice["finish_reason"] for each in found[:-1] for choice in each["choices"]]
    check(reasons and reasons[-1] in ENDS, "no reason", found[-3:])


async def chat_tools(t: Traffic) -> None:
    choice = t.draw.choice(["auto", "required", "none"])
    body = t.sum(tools=[TOOL], tool_choice=choice, max_tokens=64)
    if t.draw.random() < 0.5:
        tool = {"name": f"f{t.draw.randint(0, 9999)}", "parameters": t.schema(), "strict": True}
        body["tools"] = [TOOL, {"type": "function", "function": tool}]
    reply = await t.ask(CHAT, body)
    _check_ends(reply)
    message = reply["choices"][0]["message"]
    if reply["choices"][0]["finish_reason"] == "tool_calls":
        calls = message["tool_calls"]
        results = [{"role": "tool", "tool_call_id": c["id"], "content": "5 degrees"} for c in calls]
        body["messages"] = [*body["messages"], message, *results]
        _check_ends(await t.ask(CHAT, {**body, "tool_choice": "auto"}))


async def chat_schema(t: Traffic) -> None:
    schema = WEATHER if t.draw.random() < 0.3 else t.schema()
    asked = {"type": "json_schema", "json_schema": {"name": "it", "strict": True, "schema": schema}}
    reply = await t.ask(CHAT, t.sum(response_format=asked, reasoning_effort="none", max_tokens=64))
    _check_ends(reply)
    choice = reply["choices"][0]
    if choice["finish_reason"] == "stop":
        made = json.loads(choice["message"]["content"])
        check(set(schema["required"]) <= set(made), "not as the schema says", made)


async def chat_forms(t: Traffic) -> None:
    digits = t.draw.randint(1, 40)
    forms: list[Json] = [
        {"type": "regex", "regex": f"[0-9]{{{digits}}}"},
        {"type": "choice", "choice": t.draw.sample(WORDS, 4)},
        {"type": "json_object"},
        {"type": "text"},
    ]
    form = t.draw.choice(forms)
    _check_ends(await t.ask(CHAT, t.sum(response_format=form, stop=["zzz", "qqq"])))


async def chat_logprobs(t: Traffic) -> None:
    num = t.draw.randint(1, 3)
    body = t.sum(logprobs=True, top_logprobs=t.draw.randint(0, 20), n=num, temperature=1.2)
    reply = await t.ask(CHAT, {**body, "logit_bias": {"5": -1}, "frequency_penalty": 0.2})
    check(len(reply["choices"]) == num, "choices", reply)
    _check_ends(reply)


async def completions(t: Traffic) -> None:
    prompt = t.draw.choice(["12 + ", [1, 2, 3, 4], ["one", "two"], [[5, 6], [7, 8, 9]]])
    body = {"prompt": prompt, "max_tokens": t.draw.randint(8, 64), "echo": t.draw.random() < 0.3}
    if t.draw.random() < 0.5:
        _check_ends(await t.ask("/v1/completions", {**body, "logprobs": 2, "n": 2}))
        return
    found = await t.events("/v1/completions", {**body, "stream": True})
    check(found and found[-1] == {"type": "done"}, "no end of a stream", found[-2:])


async def responses(t: Traffic) -> None:
    """A chain, read again; some of it deleted, some of it looked for when it is old."""
    made: list[str] = []
    for _ in range(t.draw.randint(1, 4)):
        form = {"format": {"type": "json_schema", "name": "it", "schema": t.schema()}}
        more = {"text": form} if t.draw.random() < 0.2 else {}
        previous = {"previous_response_id": made[-1]} if made else {}
        reply = await t.ask(RESPONSES, t.input(**previous, **more))
        check(reply["status"] in ("completed", "incomplete"), "status", reply)
        made.append(reply["id"])
    t.kept.append((time.monotonic(), made[0]))
    again = await t.send("GET", f"{RESPONSES}/{made[-1]}")
    check(again["id"] == made[-1] and again["output"] is not None, "read again", again)
    items = await t.send("GET", f"{RESPONSES}/{made[-1]}/input_items")
    check(len(items["data"]) >= len(made), "items", items)
    if len(made) > 1 and t.draw.random() < 0.5:
        await t.send("DELETE", f"{RESPONSES}/{made[-1]}")
        await t.send("GET", f"{RESPONSES}/{made[-1]}", 404)
    await _look_for_old_ones(t)


async def _look_for_old_ones(t: Traffic) -> None:
    """Most are left alone; one that nears its end is still there, one that is past it is not."""
    now = time.monotonic()
    while t.kept and now - t.kept[0][0] > t.keep_s * (1 + EXPIRY_SLACK):
        _, old = t.kept.popleft()
        if t.draw.random() < 0.3:
            await t.send("GET", f"{RESPONSES}/{old}", 404)
            await t.ask(RESPONSES, t.input(previous_response_id=old), 404)
            t.expired += 1
    if t.kept and now - t.kept[0][0] < t.keep_s * (1 - EXPIRY_SLACK):
        await t.send("GET", f"{RESPONSES}/{t.kept[0][1]}")


async def responses_stream(t: Traffic) -> None:
    found = await t.events(RESPONSES, t.input(stream=True, store=t.draw.random() < 0.5))
    ends = ("response.completed", "response.incomplete")
    check(found and found[-1]["type"] in ends, "no end of a stream", found[-1:])


async def responses_sealed(t: Traffic) -> None:
    """Nothing is kept here: the client hands the sealed chain of thought back."""
    body = t.input(store=False, include=["reasoning.encrypted_content"])
    first = await t.ask(RESPONSES, body)
    told = [{"role": "user", "content": body["input"]}, *first["output"]]
    body["input"] = [*told, {"role": "user", "content": t.question()}]
    await t.ask(RESPONSES, body)


async def background(t: Traffic) -> None:
    """Polled until it ends, then its stream from some place on."""
    made = await t.ask(RESPONSES, t.input(background=True))
    path = f"{RESPONSES}/{made['id']}"
    if t.draw.random() < 0.2:
        await t.send("POST", f"{path}/cancel")
    for _ in range(200):
        made = await t.send("GET", path)
        if made["status"] not in ("queued", "in_progress"):
            break
        await asyncio.sleep(0.1)
    check(made["status"] in ("completed", "incomplete", "cancelled"), "status", made)
    found = await t.events(f"{path}?stream=true&starting_after=1")
    check(found and found[0]["sequence_number"] == 2, "resumed", found[:1])
    if t.draw.random() < 0.5:
        await t.send("DELETE", path)


async def background_stream(t: Traffic) -> None:
    """Left in the middle, and taken up again."""
    found = await t.events(RESPONSES, t.input(background=True, stream=True), most=3)
    last, path = found[-1]["sequence_number"], f"{RESPONSES}/{found[0]['response']['id']}"
    rest = await t.events(f"{path}?stream=true&starting_after={last}")
    numbers = [each["sequence_number"] for each in rest]
    check(numbers == list(range(last + 1, last + 1 + len(rest))), "resumed", numbers)
    ends = ("response.completed", "response.incomplete")
    check(rest and rest[-1]["type"] in ends, "no end of a stream", rest[-1:])


async def messages(t: Traffic) -> None:
    body = {
        "max_tokens": t.draw.randint(8, 64),
        "messages": [{"role": "user", "content": t.question()}],
        "thinking": {"type": t.draw.choice(["enabled", "disabled", "adaptive"])},
    }
    if t.draw.random() < 0.3:
        body["tools"] = [{"name": "weather", "input_schema": WEATHER}]
    reply = await t.ask(MESSAGES, body)
    check(reply["stop_reason"] in ("end_turn", "max_tokens", "tool_use"), "ends", reply)
    del body["max_tokens"]
    counted = await t.ask(f"{MESSAGES}/count_tokens", body)
    check(
        counted["input_tokens"]
        == reply["usage"]["input_tokens"] + reply["usage"].get("cache_read_input_tokens", 0),
        "counts",
        (counted, reply["usage"]),
    )


async def messages_stream(t: Traffic) -> None:
    asked = [{"role": "user", "content": t.question()}]
    body = {"max_tokens": t.draw.randint(8, 64), "messages": asked, "stream": True}
    found = await t.events(MESSAGES, body)
    check(found and found[-1]["type"] == "message_stop", "no end of a stream", found[-1:])


async def tokens(t: Traffic) -> None:
    text = " ".join(t.draw.choices(WORDS, k=t.draw.randint(1, 60)))
    cut = await t.ask("/tokenize", {"content": text, "with_pieces": True})
    joined = await t.ask("/detokenize", {"tokens": cut["tokens"]})
    check(joined["content"] == text, "tokens", joined)
    await t.ask("/render", t.sum(tools=[TOOL]))


async def operation(t: Traffic) -> None:
    paths = ("/metrics", "/health", "/ready", "/ping", "/version", "/v1/models", "/v1/models/nano")
    for path in t.draw.sample(paths, 2):
        await t.send("GET", path)
    if t.draw.random() < 0.1:
        await t.send("GET", t.draw.choice(["/openapi.json", "/docs"]))


async def invocations(t: Traffic) -> None:
    body = t.draw.choice([t.sum(), {"prompt": "12 + "}, t.input(store=False)])
    await t.ask("/invocations", body)


async def wrong(t: Traffic) -> None:
    """Refused, and for the right reason."""
    odd = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"pattern": "(["}}}
    kind = {"content-type": "application/json"}
    number = t.draw.randint(0, 1 << 40)
    cases: list[tuple[int, str, str, Json]] = [
        (400, "POST", CHAT, {"content": b'{"messages": [', "headers": kind}),
        (400, "POST", CHAT, {"content": b"\xff\xfe", "headers": kind}),
        (400, "POST", CHAT, {"content": b"[" * 10_000, "headers": kind}),
        (400, "POST", CHAT, {"json": t.sum(temperature="hot")}),
        (400, "POST", CHAT, {"json": t.sum(n=number + 17)}),
        (400, "POST", CHAT, {"json": t.sum(response_format=odd)}),
        (400, "POST", CHAT, {"json": t.sum(tools=[TOOL, TOOL])}),
        (400, "POST", CHAT, {"json": {"messages": []}}),
        (400, "POST", CHAT, {"json": t.sum(**{f"field{number}": 1}, stop=[""])}),
        (400, "POST", RESPONSES, {"json": {"input": [{"type": f"kind{number}"}]}}),
        (400, "POST", MESSAGES, {"json": {"messages": [{"role": "user", "content": "hi"}]}}),
        (400, "POST", "/v1/completions", {"json": {"prompt": []}}),
        (400, "POST", "/detokenize", {"json": {"tokens": [999999999]}}),
        (404, "POST", CHAT, {"json": t.sum(model=f"model{number}")}),
        (404, "POST", RESPONSES, {"json": t.input(previous_response_id=f"resp_{number}")}),
        (404, "GET", f"{RESPONSES}/resp_{number}", {}),
        (404, "GET", f"/nothing/{number}", {}),
        (404, "GET", f"/v1/models/{number}", {}),
        (405, "DELETE", CHAT, {}),
        (415, "POST", CHAT, {"content": b"{}", "headers": {"content-type": f"text/{number}"}}),
        (403, "GET", "/v1/models", {"headers": {"host": f"host{number}.example"}}),
        (403, "GET", "/v1/models", {"headers": {"origin": f"https://{number}.example"}}),
    ]
    for status, method, path, more in t.draw.sample(cases, 3):
        await t.send(method, path, status, **more)


async def too_large(t: Traffic) -> None:
    """It says so beforehand, and sends nothing of it."""
    reader, writer = await t.connect()
    writer.write(f"{_HEAD}Content-Length: 10000001\r\n\r\n".encode())
    t.requests += 1
    status = (await reader.readline()).split()[1:2]
    check(status == [b"413"], "too large", status)
    t.by_status[413] += 1
    writer.close()


async def leaves(t: Traffic) -> None:
    """A long stream, and a client that goes after some of it."""
    body = t.sum(response_format=LONG, max_tokens=2000, stream=True, reasoning_effort="none")
    await t.events(CHAT, body, most=t.draw.randint(1, 8))


async def leaves_early(t: Traffic) -> None:
    """Without a word of the answer."""
    body = t.sum(response_format=LONG, max_tokens=2000, reasoning_effort="none")
    path, asked = t.draw.choice(
        [(CHAT, body), (RESPONSES, t.input()), ("/v1/completions", {"prompt": "1", "n": 3})]
    )
    t.requests += 1
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(t.draw.uniform(0.005, 0.1)):
            await t.http.post(path, json=asked)
    t.left += 1


async def slow_body(t: Traffic) -> None:
    """It never comes whole: the client goes, or waits until the server has had enough."""
    reader, writer = await t.connect()
    writer.write(f'{_HEAD}Content-Length: 100\r\n\r\n{{"mess'.encode())
    t.requests += 1
    if t.draw.random() < 0.5:
        async with asyncio.timeout(t.body_s * 3 + 10):
            status = (await reader.readline()).split()[1:2]
        check(status == [b"408"], "a slow body", status)
        t.by_status[408] += 1
    else:
        await asyncio.sleep(t.draw.uniform(0, 0.1))
        t.left += 1
    writer.close()


async def idle(t: Traffic) -> None:
    """A connection that is not used again: the server ends it, neither at once nor never."""
    reader, writer = await t.connect()
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    t.requests += 1
    began = time.monotonic()
    async with asyncio.timeout(t.idle_s * 3 + 10):
        found = await reader.read()
    check(found.startswith(b"HTTP/1.1 200"), "idle", found)
    check(time.monotonic() - began > t.idle_s * 0.9, "idle", "closed at once")
    t.by_status[200] += 1
    writer.close()


# How often each kind of client comes, beside the others.
KINDS: dict[Kind, float] = {
    chat: 16,
    chat_stream: 16,
    chat_tools: 6,
    chat_schema: 8,
    chat_forms: 4,
    chat_logprobs: 4,
    completions: 6,
    responses: 6,
    responses_stream: 4,
    responses_sealed: 2,
    background: 4,
    background_stream: 3,
    messages: 5,
    messages_stream: 4,
    tokens: 5,
    operation: 6,
    invocations: 2,
    wrong: 7,
    too_large: 0.5,
    leaves: 3,
    leaves_early: 3,
    slow_body: 1,
    idle: 1,
}
