"""Memory that large requests and replies hold: shared out, and given back however a reply ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gptoss.server import held
from gptoss.server.held import SMALL_BYTES, CountedReply, HeldBytes
from gptoss.server.wire_errors import ApiError
from tests.server.conftest import MakeClient, sums

SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": []}


def test_another_key_finds_room() -> None:
    made = HeldBytes(900)
    made.take("a", 600)
    with pytest.raises(ApiError, match="try again later"):
        made.take("a", 1)
    made.take("b", 150)
    # Whoever has none finds room for one.
    made.take("c", 800)
    made.give_back("a", 600)
    made.give_back("c", 800)
    made.take("a", 400)


class TestReplies:
    """That are there as a whole, and whose readers may be slow."""

    async def _send(self, all_held: HeldBytes, size: int, reading: asyncio.Event) -> None:
        async def send(message: Any) -> None:
            await reading.wait()
            if message.get("body") == b"broken" * (size // 6):
                raise OSError

        reply = CountedReply(b"broken" * (size // 6), all_held, "a")
        await reply(SCOPE, None, send)  # type: ignore[arg-type]

    def test_a_slow_reader_s_is_counted_until_it_ends(self) -> None:
        async def main() -> None:
            all_held, reading = HeldBytes(3 * SMALL_BYTES), asyncio.Event()
            slow = asyncio.create_task(self._send(all_held, 3 * SMALL_BYTES, reading))
            await asyncio.sleep(0)
            with pytest.raises(ApiError, match="try again later"):
                await self._send(all_held, 3 * SMALL_BYTES, reading)
            small = asyncio.create_task(self._send(all_held, SMALL_BYTES, reading))
            await asyncio.sleep(0)
            assert not small.done()
            reading.set()
            for each in await asyncio.gather(slow, small, return_exceptions=True):
                assert isinstance(each, OSError)
            all_held.take("a", 2 * SMALL_BYTES)

        asyncio.run(main())

    @pytest.mark.parametrize("what", ["", "/input_items", "?stream=true"])
    def test_those_of_the_store_are_counted(
        self, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        client = make_client(max_held_bytes=30)
        asked = {"input": sums()["messages"][0]["content"], "max_output_tokens": 16}
        made = client.post("/v1/responses", json={**asked, "background": True}).json()
        path = f"/v1/responses/{made['id']}"
        while client.get(path).json()["status"] in ("queued", "in_progress"):
            pass
        assert client.get(path + what).status_code == 200
        monkeypatch.setattr(held, "SMALL_BYTES", 0)
        refused = client.get(path + what)
        assert refused.status_code == 429
        assert "try again later" in refused.json()["error"]["message"]
