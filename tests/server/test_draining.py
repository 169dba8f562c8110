"""A server that ends: what had begun is answered, in every dialect."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import ScriptedModel
from tests.server.conftest import MakeClient, sums, wait_until

ANSWER = "a b c d e f"
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": sums(logprobs=True),
    "/v1/completions": {"prompt": "Hi", "max_tokens": 40},
    "/v1/messages": {**sums(), "max_tokens": 40},
    "/v1/responses": {"input": "Hi"},
}


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("path", BODIES)
def test_what_had_begun_is_answered(
    make_client: MakeClient, scripted_model: ScriptedModel, path: str, is_stream: bool
) -> None:
    client = make_client(scripted_model(f"<|channel|>final<|message|>{ANSWER}<|return|>", 0.05))
    service = client.app.state.service
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, path, json={**BODIES[path], "stream": is_stream})
        wait_until(lambda: len(service._running) == 1)
        service.is_draining = True
        reply = asked.result()
    assert reply.status_code == 200
    assert '"error":{' not in reply.text
    if not is_stream:
        assert ANSWER in reply.text
    assert client.post(path, json=BODIES[path]).status_code == 503
