"""Servers are asked patiently: what passes is waited for, what does not is told, and nothing is asked in vain."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable

import httpx2
import pytest

from gptoss.batch.servers import Patience, RefusedError, Servers
from gptoss.errors import AnswerError
from tests.batch.conftest import Says, ScriptedServer

Serving = Callable[..., ScriptedServer]
GOOD = Says(body={"ok": True})


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of our own are short; those that a server asks for are kept."""
    monkeypatch.setattr("gptoss.batch.servers._SHORTEST_WAIT_S", 0.001)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def post(*servers: ScriptedServer, **options: object) -> dict[str, object]:
    async def main() -> dict[str, object]:
        urls = [server.url for server in servers]
        async with Servers(urls, **options) as asked:  # type: ignore[arg-type]
            return await asked.post("/chat/completions", {"n": 1})

    return asyncio.run(main())


def test_a_body_and_its_reply(serving: Serving) -> None:
    server = serving(GOOD)
    assert post(server, key="secret") == {"ok": True}
    ((path, headers, body),) = server.asked
    assert (path, body) == ("/v1/chat/completions", {"n": 1})
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "bad",
    [
        *(Says(status=status) for status in (408, 425, 429, 500, 502, 503, 504, 529)),
        Says(cut=True),
        Says(status=500, body=b"\xff<html>"),
        Says(status=429, headers={"Retry-After": "soon"}),
    ],
)
def test_what_passes_is_tried_again(serving: Serving, bad: Says) -> None:
    server = serving(bad, bad, bad, GOOD)
    assert post(server) == {"ok": True}
    assert [body for _, _, body in server.asked] == [{"n": 1}] * 4


def test_as_long_as_the_server_says(serving: Serving) -> None:
    server = serving(Says(status=429, headers={"Retry-After": "0.3"}), GOOD)
    began = time.monotonic()
    assert post(server) == {"ok": True}
    assert time.monotonic() - began >= 0.3


def test_faults_are_counted(serving: Serving) -> None:
    server = serving(Says(status=500, body={"error": {"message": "out of memory"}}))
    with pytest.raises(AnswerError, match=r"answers 500: 'out of memory', 3 times"):
        post(server, patience=Patience(tries=3))
    assert len(server.asked) == 3


def test_a_full_server_is_waited_for_as_long_as_others_are_answered(serving: Serving) -> None:
    """Twenty refusals for want of room are no fault, and 0.2 s of nothing else are the end of patience."""
    full = Says(status=429, headers={"Retry-After": "0.001"})
    assert post(serving(*[full] * 20, GOOD), patience=Patience(tries=1)) == {"ok": True}
    with pytest.raises(AnswerError, match="answers 429, and nothing else for"):
        post(serving(full), patience=Patience(full_s=0.2))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 422, 501])
def test_a_refusal_is_told_at_once(serving: Serving, status: int) -> None:
    error = {"error": {"message": "no", "code": "context_length_exceeded"}}
    server = serving(Says(status=status, body=error))
    with pytest.raises(RefusedError, match=rf"refuses the request \({status}\): 'no'") as caught:
        post(server)
    assert (caught.value.status, caught.value.code) == (status, "context_length_exceeded")
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_body_goes_to_no_other_address(serving: Serving, status: int) -> None:
    other = serving(GOOD)
    server = serving(Says(status=status, headers={"Location": f"{other.url}/v1/chat/completions"}))
    with pytest.raises(AnswerError, match=rf"elsewhere \({status}\), to '{other.url}"):
        post(server)
    assert (len(server.asked), other.asked) == (1, [])


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff", [1], "text", b"[" * 100_000, {"error": 3}, {"error": {"code": 3}}],
)
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_no_reply_of_an_api(serving: Serving, body: object, status: int) -> None:
    server = serving(Says(status=status, body=body))
    if status == 200 and isinstance(body, dict):
        assert post(server) == body
        return
    with pytest.raises(AnswerError) as caught:
        post(server)
    assert str(caught.value).isprintable()
    assert len(server.asked) == 1


def test_nobody_is_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        async def main() -> None:
            async with Servers([url], patience=Patience(full_s=0.1)) as asked:
                await asked.get("/models")

        with pytest.raises(AnswerError, match="cannot be reached"):
            asyncio.run(main())


def test_one_of_two_is_gone(serving: Serving) -> None:
    good = serving(GOOD)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}"

        async def main() -> list[dict[str, object]]:
            async with Servers([gone, good.url]) as asked:
                return [await asked.post("/completions", {"n": n}) for n in range(5)]

        assert asyncio.run(main()) == [{"ok": True}] * 5
    assert [body["n"] for _, _, body in good.asked] == list(range(5))


def test_two_share_the_work(serving: Serving) -> None:
    """Eight at once are four at each, however long they take."""
    servers = [serving(GOOD), serving(GOOD)]
    gate = threading.Barrier(8)
    for server in servers:
        server.gate = gate.wait

    async def main() -> None:
        async with Servers([server.url for server in servers]) as asked:
            await asyncio.gather(*(asked.post("/completions", {}) for _ in range(8)))

    asyncio.run(main())
    assert [server.most_open for server in servers] == [4, 4]


def test_halves_of_surrogates_are_sent_as_escapes(serving: Serving) -> None:
    server = serving(Says(body=json.dumps({"text": "a\ud800"}).encode()))

    async def main() -> dict[str, object]:
        async with Servers([server.url]) as asked:
            return await asked.post("/completions", {"prompt": "\udfff"})

    assert asyncio.run(main()) == {"text": "a\ud800"}
    assert server.asked[0][2] == {"prompt": "\udfff"}


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/openai/v1", "http://127.0.0.1:8000/openai/v1"),
    ],
)
def test_the_root_of_an_api(url: str, root: str) -> None:
    asked = []

    async def main() -> None:
        transport = httpx2.MockTransport(
            lambda request: asked.append(str(request.url)) or httpx2.Response(200, json={})
        )
        async with Servers([url], transport=transport) as servers:
            await servers.get("/models")

    asyncio.run(main())
    assert asked == [f"{root}/models"]


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://x/", "http://", "http://[", "/v1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(AnswerError, match="got the address"):
        Servers([url])
