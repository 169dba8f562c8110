"""The server under many clients: python -m benchmarks.load [--seconds 300] [--clients 200] [--streams 16].

First what HTTP costs: tokens a second of so many streams, over HTTP and without it, by turns. Then many clients that
ask, read, and now and then leave in the middle; nothing may be lost, and nothing may grow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

import gptoss
from benchmarks.record import append, machine_name
from gptoss.chat import TurnFinished
from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.turn import Turn, begin_turns
from gptoss.engine import SamplingParams
from gptoss.harmony import Effort, Message, Role
from gptoss.structured import Answer, AnswerKind, TurnRules

SERVE = (
    *(sys.executable, "-m", "gptoss", "serve", "--model", "nano"),
    *("--port", "0", "--log", "error"),
)
TOKENS = 400
NUM_PAIRS = 5
LEAVING_SHARE = 0.2


class Server:
    """`gptoss serve` as a process, or another command that says the same when it starts."""

    def __init__(
        self,
        *options: str,
        command: Sequence[str] = SERVE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [*command, *options],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        assert self._process.stderr is not None
        self.url = self._process.stderr.readline().partition("gptoss: ")[2].partition("/v1")[0]
        self._process.stderr.readline()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def said(self) -> Iterator[str]:
        """The lines that it writes from now on, until it ends. Who reads none must not let it write many."""
        assert self._process.stderr is not None
        yield from self._process.stderr

    def status(self) -> dict[str, int]:
        """Resident KiB, threads and open descriptors."""
        folder = Path(f"/proc/{self._process.pid}")
        lines = (folder / "status").read_text().splitlines()
        by_name = dict(line.split(":", 1) for line in lines)
        return {
            "rss_kib": int(by_name["VmRSS"].split()[0]),
            "threads": int(by_name["Threads"]),
            "descriptors": len(list((folder / "fd").iterdir())),
        }

    def close(self) -> None:
        """End it; its status must be that of an orderly end."""
        self._process.terminate()
        status = self._process.wait(60)
        if status != 0:
            raise SystemExit(f"the server ended with status {status}")


def body(question: str, **more: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": question}], "stream": True, **more}


async def _read(url: str, index: int) -> int:
    """One stream of so many tokens that no answer ends before; its tokens.

    By a bare socket: what a client does with the bytes is not what is measured, and both share the processor.
    """
    asked = body(
        f"What is {index} + 1?",
        seed=index,
        max_tokens=TOKENS,
        response_format={"type": "regex", "regex": "[a-z ]{4000}"},
        reasoning_effort="none",
        stream_options={"include_usage": True},
    )
    data = json.dumps(asked).encode()
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Connection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    found = await reader.read()
    writer.close()
    return int(found.rpartition(b'"completion_tokens":')[2].partition(b",")[0])


async def over_http(url: str, streams: int) -> float:
    """Tokens a second of all together."""
    began = time.perf_counter()
    counts = await asyncio.gather(*(_read(url, index) for index in range(streams)))
    return sum(counts) / (time.perf_counter() - began)


def without_http(model: gptoss.LoadedModel, streams: int) -> float:
    """The same from Python, a thread for each stream."""
    rules = TurnRules(answer=Answer(AnswerKind.REGEX, "[a-z ]{4000}"), reasons=False)
    compiled = model.turns.compile(rules)
    found = []
    began = time.perf_counter()
    turns = []
    for index in range(streams):
        request = TurnRequest(
            messages=[Message(Role.USER, f"What is {index} + 1?")],
            effort=Effort.LOW,
            sampling=SamplingParams(seed=index),
            limits=TurnLimits(TOKENS),
        )
        turns += begin_turns(model, request, compiled)

    def read(turn: Turn) -> None:
        for event in turn.events():
            if isinstance(event, TurnFinished):
                found.append(event.reply.usage.completion_tokens)

    threads = [threading.Thread(target=read, args=(turn,)) for turn in turns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(found) / (time.perf_counter() - began)


@dataclass
class Counts:
    """What became of the clients' requests."""

    whole: int = 0
    left: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)


async def _client(
    http: httpx.AsyncClient, url: str, number: int, latest: float, counts: Counts
) -> None:
    draw = random.Random(number)
    while time.monotonic() < latest:
        asked = body(
            f"What is {draw.randint(0, 99999)} + {draw.randint(0, 99999)}?",
            reasoning_effort=draw.choice(["low", "medium", "high"]),
        )
        leaves_after = draw.randint(1, 60) if draw.random() < LEAVING_SHARE else None
        try:
            await _ask(http, url, asked, leaves_after, counts)
        except httpx.HTTPError as error:
            counts.lost.append(repr(error))


async def _ask(
    http: httpx.AsyncClient,
    url: str,
    asked: dict[str, object],
    leaves_after: int | None,
    counts: Counts,
) -> None:
    async with http.stream("POST", f"{url}/v1/chat/completions", json=asked) as reply:
        if reply.status_code == 429:
            counts.refused += 1
            await reply.aread()
            await asyncio.sleep(float(reply.headers["retry-after"]) * random.random())
            return
        lines = [line async for line in _first(reply, leaves_after)]
        if leaves_after is not None and "data: [DONE]" not in lines:
            counts.left += 1
        elif lines and lines[-1] == "data: [DONE]" and '"finish_reason":"stop"' in lines[-2]:
            counts.whole += 1
        else:
            counts.lost.append(f"{reply.status_code} {lines[-2:]}")


async def _first(reply: httpx.Response, count: int | None):  # type: ignore[no-untyped-def]
    """The events of a reply, or the first of them."""
    async for line in reply.aiter_lines():
        if line.startswith("data: "):
            yield line
            count = None if count is None else count - 1
            if count == 0:
                return


async def crowd(
    server: Server, clients: int, seconds: float, counts: Counts
) -> list[dict[str, int]]:
    """Run the clients; the server's state every few seconds, and at the end."""
    states = []
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(timeout=300, limits=limits) as http:
        latest = time.monotonic() + seconds
        tasks = [
            asyncio.create_task(_client(http, server.url, number, latest, counts))
            for number in range(clients)
        ]
        while time.monotonic() < latest:
            await asyncio.sleep(5)
            states.append(server.status())
            print(
                f"  {counts.whole} whole, {counts.left} left, {counts.refused} refused, {states[-1]}",
                flush=True,
            )
        await asyncio.gather(*tasks)
    await asyncio.sleep(1)
    states.append(server.status())
    return states


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--streams", type=int, default=16)
    options = parser.parse_args()
    metrics: dict[str, object] = {}
    server = Server()
    with gptoss.load("nano") as model:
        ratios, speeds = [], []
        for _ in range(NUM_PAIRS + 1):
            bare = without_http(model, options.streams)
            speeds.append(asyncio.run(over_http(server.url, options.streams)))
            ratios.append(speeds[-1] / bare)
            print(
                f"  {bare:.0f} tokens/s without, {speeds[-1]:.0f} over HTTP: {ratios[-1]:.3f}",
                flush=True,
            )
        # The first pair warms both.
        metrics[f"http_{options.streams}_tokens_per_s"] = round(statistics.median(speeds[1:]), 1)
        metrics[f"http_{options.streams}_share"] = round(statistics.median(ratios[1:]), 3)
        isa, threads = model.backend.isa, model.backend.threads
    if options.seconds:
        counts = Counts()
        states = asyncio.run(crowd(server, options.clients, options.seconds, counts))
        text = httpx.get(f"{server.url}/metrics").text
        by_name = dict(
            line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")
        )
        settled = states[len(states) // 4]
        metrics |= {
            "whole": counts.whole,
            "left": counts.left,
            "refused": counts.refused,
            "lost": len(counts.lost),
            "running_at_end": by_name["gptoss:num_requests_running"],
            "waiting_at_end": by_name["gptoss:num_requests_waiting"],
            "rss_mib": states[-1]["rss_kib"] // 1024,
            "rss_growth_mib": (states[-1]["rss_kib"] - settled["rss_kib"]) // 1024,
            "threads": states[-1]["threads"],
            "threads_growth": states[-1]["threads"] - settled["threads"],
            "descriptors_at_end": states[-1]["descriptors"],
        }
        for each in counts.lost[:5]:
            print("lost:", each)
    server.close()
    common = {"isa": isa, "threads": threads, "model": "nano", "precision": "int8"}
    append("load.csv", common, metrics)
    print(machine_name())
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
