"""`/v1/completions`, read by OpenAI's own client."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from openai.types import Completion
from starlette.testclient import TestClient

from gptoss.engine import SamplingParams
from gptoss.engine.logprobs import logprobs_of
from gptoss.runtime import LoadedModel
from tests.conftest import ScriptedModel
from tests.server.conftest import MakeClient, MakeServer, wait_until

PATH = "/v1/completions"
SPECIAL = ("<|start|>", "<|end|>", "<|channel|>", "<|message|>", "<|return|>", "<|call|>")


def body(**more: Any) -> dict[str, Any]:
    return {"prompt": "12 + 34", "temperature": 0, "max_tokens": 8, **more}


def post(client: TestClient, **more: Any) -> dict[str, Any]:
    reply = client.post(PATH, json=body(**more))
    assert reply.status_code == 200, reply.text[:300]
    if not (more.get("echo") and "logprobs" in more):
        # OpenAI's API gives null for the first token of a prompt, of which its types do not know.
        Completion.model_validate(reply.json())
    return dict(reply.json())


def stream(client: TestClient, **more: Any) -> list[dict[str, Any]]:
    lines = client.post(PATH, json=body(stream=True, **more)).text.strip().split("\n\n")
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def test_text(openai_sdk: openai.OpenAI) -> None:
    made = openai_sdk.completions.create(model="nano", **body())
    (choice,) = made.choices
    assert choice.text
    assert choice.finish_reason in ("length", "stop")
    assert made.usage is not None
    assert made.usage.completion_tokens <= 8
    assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens


def test_token_ids_are_the_same_as_their_text(client: TestClient) -> None:
    ids = client.post("/tokenize", json={"content": "12 + 34"}).json()["tokens"]
    text = post(client)["choices"][0]["text"]
    assert post(client, prompt=ids)["choices"][0]["text"] == text
    assert post(client, prompt=[ids])["choices"][0]["text"] == text


def test_nothing_said_is_sixteen_tokens(make_client: MakeClient, random_model: LoadedModel) -> None:
    made = make_client(random_model).post(PATH, json={"prompt": "x", "seed": 1}).json()
    assert made["usage"]["completion_tokens"] == 16
    assert made["choices"][0]["finish_reason"] == "length"


def test_several_prompts_in_several_ways(client: TestClient) -> None:
    made = post(client, prompt=["1 + 1", "2 + 2", "12 + 34"], n=2)
    assert [choice["index"] for choice in made["choices"]] == list(range(6))
    assert made["choices"][4]["text"] == post(client)["choices"][0]["text"]
    lengths = [
        client.post("/tokenize", json={"content": text}).json()["count"]
        for text in ("1 + 1", "2 + 2", "12 + 34")
    ]
    assert made["usage"]["prompt_tokens"] == sum(lengths)


def test_a_prompt_is_counted_once(client: TestClient) -> None:
    assert post(client, n=3)["usage"]["prompt_tokens"] == post(client)["usage"]["prompt_tokens"]


def test_echo(client: TestClient) -> None:
    text = post(client)["choices"][0]["text"]
    assert post(client, echo=True)["choices"][0]["text"] == "12 + 34" + text
    told = "".join(each["choices"][0]["text"] for each in stream(client, echo=True))
    assert told == "12 + 34" + text


@pytest.mark.parametrize("echo", [False, True])
def test_logprobs(client: TestClient, echo: bool) -> None:
    choice = post(client, logprobs=2, echo=echo)["choices"][0]
    found = choice["logprobs"]
    text = choice["text"]
    for token, offset, value, top in zip(
        found["tokens"],
        found["text_offset"],
        found["token_logprobs"],
        found["top_logprobs"],
        strict=True,
    ):
        assert text[offset:].startswith(token)
        if echo and not offset:
            assert (value, top) == (None, None)
            continue
        assert -9999 <= value <= 0
        assert 1 <= len(top) <= 3
        assert top[token] == value
    assert "".join(found["tokens"]) == text
    chunks = stream(client, logprobs=2, echo=echo)
    told = [each["choices"][0]["logprobs"] for each in chunks]
    for name in found:
        assert [value for each in told if each for value in each[name]] == found[name]


@pytest.mark.parametrize("max_tokens", [0, 5])
def test_echoed_prompts_have_the_models_own_logprobs(
    client: TestClient, nano_model: LoadedModel, max_tokens: int
) -> None:
    prompts = ["12 + 34", "What is harmony?", "12"]
    fields = {"prompt": prompts, "echo": True, "logprobs": 3, "max_tokens": max_tokens, "n": 2}
    made = post(client, **fields)
    for index, choice in enumerate(made["choices"]):
        prompt = prompts[index // 2]
        ids = nano_model.tokenizer.encode(prompt)
        assert choice["text"].startswith(prompt)
        found = choice["logprobs"]
        assert "".join(found["tokens"]) == choice["text"]
        rows = nano_model.logits(ids)
        wanted = [logprobs_of(row, token, 3) for row, token in zip(rows, ids[1:], strict=False)]
        assert found["token_logprobs"][: len(ids)] == [None, *(each.logprob for each in wanted)]
        assert found["top_logprobs"][0] is None
        for told, each in zip(found["top_logprobs"][1:], wanted, strict=False):
            assert set(told.values()) == {each.logprob, *(value for _, value in each.top)}
    # The second time all is in the prefix cache.
    assert post(client, **fields)["choices"] == made["choices"]


def test_the_token_that_ends_a_text_is_told_behind_it(
    client: TestClient, nano_model: LoadedModel
) -> None:
    """Harnesses ask for one token behind an echoed prompt, and cut off the last one that is told."""
    prompt = "What is 2 + 2? It is 4"
    ids = nano_model.tokenizer.encode(prompt)
    row = nano_model.logits(ids)[-1]
    end = int(row.argmax())
    assert end in nano_model.stop_ids
    fields = {"prompt": [ids], "echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}
    choice = post(client, **fields)["choices"][0]
    told = choice["logprobs"]
    assert choice["text"] == prompt
    assert choice["finish_reason"] == "stop"
    assert told["tokens"][len(ids) :] == [nano_model.tokenizer.decode([end])]
    assert told["token_logprobs"][-1] == logprobs_of(row, end, 0).logprob
    assert told["text_offset"][-1] == len(prompt)
    chunks = stream(client, **fields)
    streamed = [each["choices"][0]["logprobs"] for each in chunks]
    for name, values in told.items():
        assert [value for each in streamed if each for value in each[name]] == values


def test_a_likelier_end_is_told_in_the_place_of_a_token(
    client: TestClient, nano_model: LoadedModel
) -> None:
    """Whoever asks whether a text is the likeliest one compares its tokens with these."""
    ids = nano_model.tokenizer.encode("What is 2 + 2? It is 4")
    fields = {"prompt": [ids], "echo": True, "logprobs": 1, "max_tokens": 0}
    top = post(client, **fields)["choices"][0]["logprobs"]["top_logprobs"][-1]
    row = nano_model.logits(ids)[-2]
    end = int(row.argmax())
    assert end in nano_model.stop_ids
    assert top == {
        nano_model.tokenizer.decode([end]): logprobs_of(row, end, 0).logprob,
        "4": logprobs_of(row, ids[-1], 0).logprob,
    }


def test_probabilities_of_prompts_have_a_limit(client: TestClient) -> None:
    fields = {"prompt": ["1 2 " * 400] * 32, "echo": True, "logprobs": 20, "max_tokens": 0}
    reply = client.post(PATH, json=body(**fields))
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "logprobs"
    assert "wanted at most 524,288" in reply.json()["error"]["message"]


def test_no_tokens_read_the_prompt(client: TestClient, nano_model: LoadedModel) -> None:
    prompt = "A prompt that nobody had before: " + "one two three " * 30
    made = post(client, prompt=prompt, max_tokens=0)
    assert made["usage"]["completion_tokens"] == 0
    assert made["choices"][0]["text"] == ""
    assert made["choices"][0]["finish_reason"] == "length"
    ids = nano_model.tokenizer.encode(prompt)
    generation = nano_model.submit([*ids, 3], SamplingParams(temperature=0), max_tokens=1)
    list(generation)
    assert generation.timings.cached_tokens == len(ids)


@pytest.mark.parametrize("logprobs", [0, 1, 3])
def test_the_sampled_token_is_among_the_likely(client: TestClient, logprobs: int) -> None:
    num_unlikely = 0
    for seed in range(4):
        fields = {"prompt": "Hello", "temperature": 2, "seed": seed, "max_tokens": 20}
        found = post(client, logprobs=logprobs, **fields)["choices"][0]["logprobs"]
        for token, value, top in zip(
            found["tokens"], found["token_logprobs"], found["top_logprobs"], strict=True
        ):
            assert top[token] == value
            assert len(top) <= logprobs + 1
            num_unlikely += len(top) == logprobs + 1
    assert num_unlikely


def test_tokens_of_half_characters_begin_where_their_character_does(
    client: TestClient, make_client: MakeClient, scripted_model: ScriptedModel
) -> None:
    echoed = post(client, prompt="\N{PARTY POPPER}!", echo=True, logprobs=0, max_tokens=0)
    (prompt,) = echoed["choices"]
    assert prompt["text"] == "\N{PARTY POPPER}!"
    assert prompt["logprobs"]["tokens"] == [*["\ufffd"] * 4, "!"]
    assert prompt["logprobs"]["text_offset"] == [0, 0, 0, 0, 1]
    scripted = make_client(scripted_model("a\N{PARTY POPPER}b<|return|>"))
    (choice,) = post(scripted, logprobs=0)["choices"]
    assert choice["text"] == "a\N{PARTY POPPER}b"
    assert choice["logprobs"]["tokens"] == ["a", *["\ufffd"] * 4, "b", "<|return|>"]
    assert choice["logprobs"]["text_offset"] == [0, 1, 1, 1, 1, 2, 3]


def test_stop(client: TestClient) -> None:
    text = post(client, max_tokens=30)["choices"][0]["text"]
    stop = text[3:5]
    choice = post(client, max_tokens=30, stop=[stop])["choices"][0]
    assert choice["text"] == text[: text.index(stop)]
    assert choice["finish_reason"] == "stop"
    chunks = stream(client, max_tokens=30, stop=stop)
    assert "".join(each["choices"][0]["text"] for each in chunks) == choice["text"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    fields = {"max_tokens": 30, "stop": stop, "logprobs": 1}
    found = post(client, **fields)
    tokens = found["choices"][0]["logprobs"]["tokens"]
    # Up to the one that completes the stop string, which the client is told of and asked to pay for.
    assert found["usage"]["completion_tokens"] == len(tokens)
    assert stop in "".join(tokens)
    assert stop not in "".join(tokens[:-1])
    told = [each["choices"][0]["logprobs"] for each in stream(client, **fields)]
    assert [token for each in told if each for token in each["tokens"]] == tokens


def test_a_stream(openai_sdk: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    *chunks, last = openai_sdk.completions.create(
        model="nano", stream=True, stream_options=options, **body()
    )
    whole = openai_sdk.completions.create(model="nano", **body())
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert last.choices == []
    assert last.usage is not None
    assert whole.usage is not None
    assert last.usage.total_tokens == whole.usage.total_tokens
    assert last.usage.prompt_tokens == whole.usage.prompt_tokens


def test_a_stream_of_several_counts_its_prompt_once(client: TestClient) -> None:
    last = stream(client, n=3, stream_options={"include_usage": True})[-1]
    assert last["usage"]["prompt_tokens"] == post(client)["usage"]["prompt_tokens"]


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": ""},
        {"prompt": []},
        {"prompt": [[]]},
        {"prompt": [""]},
        {"prompt": ["x"] * 33},
        {"prompt": ["x", 1]},
        {"prompt": [1, "x"]},
        {"prompt": [-1]},
        {"prompt": [True]},
        {"prompt": [1.5]},
        {"prompt": [10**9]},
        {"prompt": [2**70]},
        {"prompt": [1024]},
        {"prompt": None},
        {"prompt": {}},
        {"prompt": "1 2 " * 5000},
        {"n": 17},
        {"n": 0},
        {"max_tokens": -1},
        {"logprobs": 21},
        {"logprobs": True},
        {"stop": ["a"] * 17},
        {"stop": ""},
        {"suffix": "x"},
        {"best_of": 2},
        {"echo": "yes"},
    ],
    ids=lambda fields: repr(fields)[:40],
)
def test_wrong(client: TestClient, fields: dict[str, Any]) -> None:
    reply = client.post(PATH, json=body(**fields))
    assert reply.status_code == 400, reply.text[:300]
    assert len(reply.text) < 1500


def test_special_tokens_are_refused_as_ids_and_text_as_text(
    client: TestClient, nano_model: LoadedModel
) -> None:
    for token_id in sorted(nano_model.tokenizer.special_ids):
        reply = client.post(PATH, json=body(prompt=[65, token_id]))
        assert reply.status_code == 400
        assert str(token_id) in reply.json()["error"]["message"]
    for name in SPECIAL:
        ids = client.post("/tokenize", json={"content": name}).json()["tokens"]
        assert not nano_model.tokenizer.special_ids & set(ids)
        assert post(client, prompt=name, max_tokens=1)["choices"]


def test_no_special_token_is_written(make_client: MakeClient, random_model: LoadedModel) -> None:
    client = make_client(random_model)
    for seed in range(10):
        fields = {"temperature": 2, "max_tokens": 300, "seed": seed, "logprobs": None}
        text = post(client, **fields)["choices"][0]["text"]
        assert not any(name in text for name in SPECIAL), text


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_client_that_goes_frees_the_engine(
    make_server: MakeServer, scripted_model: ScriptedModel, is_stream: bool
) -> None:
    model = scripted_model("and on " * 2000, 0.01)
    server = make_server(model)
    asked = {"prompt": "x", "max_tokens": 2000, "stream": is_stream}
    with httpx.Client(base_url=server.url, timeout=1.0) as web:
        if is_stream:
            with web.stream("POST", PATH, json=asked) as reply:
                lines = reply.iter_lines()
                next(lines)
                wait_until(lambda: model.load_now.running == 1)
        else:
            with pytest.raises(httpx.ReadTimeout):
                web.post(PATH, json=asked)
    wait_until(lambda: model.load_now.running == 0, 15)
