"""Few cannot hold up everybody, and no key learns of another: what turns wait for, and what they tell."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from starlette.testclient import TestClient

from gptoss import harmony
from gptoss.chat import answer_of, round_maker
from gptoss.chat.prompt import num_shared
from gptoss.harmony import DeveloperContent, Message, Role, SystemContent
from gptoss.runtime import LoadedModel
from gptoss.structured import TurnRules, compiler, held_schema
from gptoss.tokenizer import Tokenizer
from tests.server.conftest import KEY, MakeClient, keys_of, sums, wait_until

CHAT = "/v1/chat/completions"
OTHER_KEY = "sk-another-key-of-the-tests"
LONG = "12 + 34 " * 100_000
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def by(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class TestLongPrompts:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            (CHAT, sums(LONG)),
            (CHAT, {"messages": [{"role": "user", "content": "a,"}] * 3000}),
            ("/v1/responses", {"input": LONG}),
            ("/v1/responses", {"input": LONG, "truncation": "auto"}),
            ("/v1/completions", {"prompt": LONG}),
            ("/v1/messages", {"messages": [{"role": "user", "content": LONG}], "max_tokens": 9}),
        ],
    )
    def test_are_given_up_where_the_context_is_full(
        self, make_client: MakeClient, path: str, body: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of hundreds of thousands of tokens, a few thousand are made."""
        num_tokens = 0
        encode_parts = Tokenizer.encode_parts

        def counted(self: Tokenizer, text: str) -> Any:
            nonlocal num_tokens
            for part in encode_parts(self, text):
                num_tokens += len(part)
                yield part

        client = make_client()
        monkeypatch.setattr(Tokenizer, "encode_parts", counted)
        reply = client.post(path, json=body)
        assert reply.status_code == 400
        context = client.app.state.service.model.context  # type: ignore[attr-defined]
        assert f"maximum context length is {context}" in reply.text
        # One part, and what was read before it.
        assert num_tokens < 110_000 + 2 * context

    def test_are_counted_whole(self, client: TestClient) -> None:
        body = {"messages": [{"role": "user", "content": "1 " * 20_000}]}
        assert client.post("/v1/messages/count_tokens", json=body).json()["input_tokens"] > 20_000
        assert client.post("/render", json=body).json()["count"] > 20_000

    def test_a_conversation_is_cut_to_what_fits(self, client: TestClient) -> None:
        """An old text without end is not read to its end."""
        items = [{"role": "user", "content": each} for each in (LONG, "1 + 1", "12 + 34")]
        body = {"input": items, "truncation": "auto", "temperature": 0}
        assert client.post("/v1/responses", json=body).status_code == 200


class TestCompiling:
    def test_plain_turns_do_not_wait_for_it(
        self, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However many compile, and begin sequences of grammars that are slow."""
        may_go, num_held = threading.Event(), 0
        held, client = held_schema.held, make_client()

        def slow(*arguments: Any, **named: Any) -> Any:
            nonlocal num_held
            num_held += 1
            may_go.wait(20)
            return held(*arguments, **named)

        monkeypatch.setattr(compiler, "held", slow)
        format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
        statuses: list[int] = []

        def ask() -> None:
            body = sums(response_format=format_, max_tokens=4)
            statuses.append(client.post(CHAT, json=body).status_code)

        service = client.app.state.service  # type: ignore[attr-defined]
        threads = [threading.Thread(target=ask) for _ in range(20)]
        try:
            for thread in threads:
                thread.start()
            # Two are compiled, sixteen wait, and two are told to try again.
            wait_until(lambda: num_held == 2 and service.pools.compilers.num_waiting == 16)
            wait_until(lambda: len(statuses) == 2)
            assert statuses == [429, 429]
            assert client.post(CHAT, json=sums(max_tokens=1)).status_code == 200
        finally:
            may_go.set()
            for thread in threads:
                thread.join(30)
        assert sorted(statuses) == [200] * 18 + [429] * 2

    def test_grammars_of_all_answers_have_one_limit(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        format_ = {"type": "json_schema", "json_schema": {"name": "z", "schema": SCHEMA}}
        body = sums(response_format=format_, max_tokens=4, n=2)
        monkeypatch.setattr(round_maker, "MAX_COMPILE_S", 0.0)
        reply = client.post(CHAT, json=body)
        assert reply.status_code == 400
        assert "to compile for 1 of 2 answers" in reply.json()["error"]["message"]

    def test_a_grammar_that_is_stored_is_begun_at_once(self, nano_model: LoadedModel) -> None:
        answer, _ = answer_of(
            {"type": "json_schema", "json_schema": {"name": "y", "schema": SCHEMA}}
        )
        rules = TurnRules(answer=answer)
        made = nano_model.turns.compile(rules)
        assert nano_model.turns.stored(rules) is made
        assert made.seconds < 1


class TestKeys:
    @pytest.fixture
    def keyed(self, make_client: MakeClient) -> TestClient:
        return make_client(keys=keys_of(KEY, OTHER_KEY))

    def test_what_is_cached_tells_nothing_of_anothers_prompt(self, keyed: TestClient) -> None:
        def cached(key: str, text: str) -> int:
            reply = keyed.post(CHAT, json=sums(text, max_tokens=9), headers=by(key))
            found: int = reply.json()["usage"]["prompt_tokens_details"]["cached_tokens"]
            return found

        secret = "The code of this room is 4 8 2 1 5 5 and nobody knows it"
        cached(KEY, secret)
        assert cached(OTHER_KEY, secret) == 0
        assert cached(OTHER_KEY, f"{secret} but me") > 0
        assert cached(KEY, secret) > 0

    def test_sealed_thoughts_open_for_their_own_key(self, keyed: TestClient) -> None:
        include = ["reasoning.encrypted_content"]
        made = keyed.post(
            "/v1/responses", json={"input": "12 + 34", "include": include}, headers=by(KEY)
        ).json()
        (thought,) = [item for item in made["output"] if item["type"] == "reasoning"]
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
        sealed = {"type": "reasoning", "encrypted_content": thought["encrypted_content"]}
        said = [{"role": "user", "content": "q"}, sealed, call]
        body = {"input": said, "tools": [{"type": "function", "name": "f", "parameters": {}}]}
        own = keyed.post("/v1/responses/render", json=body, headers=by(KEY))
        assert thought["content"][0]["text"] in own.json()["prompt"]
        others = keyed.post("/v1/responses/render", json=body, headers=by(OTHER_KEY))
        # Left out: the call beside it says enough.
        assert thought["content"][0]["text"] not in others.json()["prompt"]
        alone = {**body, "input": [{"role": "user", "content": "q"}, sealed]}
        refused = keyed.post("/v1/responses/render", json=alone, headers=by(OTHER_KEY))
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == "invalid_encrypted_content"

    def test_what_the_operator_has_named_is_shared(
        self, make_client: MakeClient, nano_model: LoadedModel
    ) -> None:
        text = "You add numbers, and say nothing else. " * 20
        client = make_client(keys=keys_of(KEY, OTHER_KEY), shared_instructions=(text,))
        cached = []
        for key, question in ((KEY, "12 + 34"), (OTHER_KEY, "12 + 35"), (OTHER_KEY, "12 + 36")):
            messages = [
                {"role": "developer", "content": text},
                {"role": "user", "content": question},
            ]
            body = {"messages": messages, "max_tokens": 9}
            usage = client.post(CHAT, json=body, headers=by(key)).json()["usage"]
            cached.append(usage["prompt_tokens_details"]["cached_tokens"])
        nano_model.shared_instructions = frozenset()
        # Whole pages of what is named; the key's own prompts are found to the token.
        assert 0 < cached[1] < cached[2]
        assert cached[1] % 32 == 0


class TestShared:
    def test_is_what_is_named_and_nothing_that_a_request_adds(
        self, nano_model: LoadedModel
    ) -> None:
        named = [
            Message(Role.SYSTEM, SystemContent(current_date="2026-01-01")),
            Message(Role.DEVELOPER, DeveloperContent("Be brief.")),
            Message(Role.USER, "Hi"),
        ]
        ids = _prompt(nano_model, named)
        assert num_shared(named, ids, nano_model) == 0
        nano_model.shared_instructions = frozenset(["Be brief."])
        try:
            found = num_shared(named, ids, nano_model)
            assert nano_model.tokenizer.decode(ids[:found]).rstrip().endswith("<|start|>")
            assert "Be brief." in nano_model.tokenizer.decode(ids[:found])
            other = [named[0], Message(Role.DEVELOPER, DeveloperContent("Be brief!")), named[2]]
            assert num_shared(other, _prompt(nano_model, other), nano_model) == 0
            assert num_shared(named[:1], ids, nano_model) == 0
            assert num_shared(named[2:], ids, nano_model) == 0
        finally:
            nano_model.shared_instructions = frozenset()


def _prompt(model: LoadedModel, conversation: list[Message]) -> list[int]:
    return harmony.render(conversation, model.tokenizer)
