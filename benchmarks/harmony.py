"""Reading and writing the chat format, beside openai-harmony in the same run: python -m benchmarks.harmony.

Needs the test extra (the real vocabulary, openai-harmony). One thread; each figure is the median of alternating runs.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import openai_harmony as official

from benchmarks.record import append, machine_name
from gptoss import harmony
from gptoss.harmony import Message, Parser, Role
from tests import o200k

NUM_TOKENS = 100_000
NUM_RUNS = 7
TOKENIZER = o200k.tokenizer()


def streams() -> dict[str, list[int]]:
    """100,000 tokens each: reasoning and an answer; tool calls; structure in any order."""
    text = Path("README.md").read_text(encoding="utf-8")
    prose = TOKENIZER.encode(text) * 100
    half = NUM_TOKENS // 2
    opening = o200k.ids_of("<|channel|>analysis<|message|>")
    middle = o200k.ids_of("<|end|><|start|>assistant<|channel|>final<|message|>")
    call = o200k.ids_of(
        '<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "Oslo"}'
        "<|call|><|start|>assistant"
    )
    pieces = o200k.ids_of(
        "<|start|><|end|><|message|><|channel|><|constrain|><|call|>analysis final"
    )
    chaos = random.Random(1).choices(pieces, k=NUM_TOKENS)
    return {
        "answer": [*opening, *prose[:half], *middle, *prose[:half]],
        "calls": (call * (NUM_TOKENS // len(call) + 1))[:NUM_TOKENS],
        "chaos": chaos,
    }


def parse(ids: list[int]) -> None:
    """As a server does: the events of every token."""
    parser = Parser(TOKENIZER)
    for token_id in ids:
        parser.feed(token_id)
    parser.finish()


def parse_officially(ids: list[int], encoding: official.HarmonyEncoding) -> None:
    """The same with the library: what each token adds to the content."""
    parser = official.StreamableParser(encoding, official.Role.ASSISTANT)
    for token_id in ids:
        parser.process(token_id).last_content_delta  # noqa: B018


def tokens_per_s(num_tokens: int, tasks: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Medians, the tasks by turns so that a drifting machine treats them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(NUM_RUNS):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - began)
    return {name: num_tokens / statistics.median(times) for name, times in seconds.items()}


def library() -> official.HarmonyEncoding:
    """The official encoding over the vocabulary that the test extra carries."""
    directory = o200k.write_tiktoken(Path(tempfile.mkdtemp()))
    os.environ["TIKTOKEN_ENCODINGS_BASE"] = str(directory)
    return official.load_harmony_encoding(official.HarmonyEncodingName.HARMONY_GPT_OSS)


def main() -> None:
    encoding, found = library(), streams()
    metrics: dict[str, object] = {}
    for name, ids in found.items():
        tasks: dict[str, Callable[[], object]] = {"gptoss": partial(parse, ids)}
        if name != "chaos":  # There the library raises.
            tasks["official"] = partial(parse_officially, ids, encoding)
        for who, speed in tokens_per_s(len(ids), tasks).items():
            metrics[f"parse_{name}_{who}_tokens_per_s"] = round(speed)
    parser = Parser(TOKENIZER)
    parser.feed_all(found["answer"])
    conversation = [Message(Role.USER, "q"), *parser.finish()[0]]
    theirs = official.Conversation.from_messages(
        [official.Message.from_dict(harmony.to_dict(message)) for message in conversation]
    )
    config = official.RenderConversationConfig(auto_drop_analysis=False)
    speeds = tokens_per_s(
        NUM_TOKENS,
        {
            "gptoss": lambda: harmony.render(conversation, TOKENIZER, keep_reasoning=True),
            "official": lambda: encoding.render_conversation(theirs, config=config),
        },
    )
    metrics |= {f"render_{who}_tokens_per_s": round(speed) for who, speed in speeds.items()}
    print(machine_name())
    for metric, value in metrics.items():
        print(f"{metric:40} {value:>12,}")
    append("harmony.csv", {"isa": "", "threads": 1, "model": "o200k", "precision": ""}, metrics)


if __name__ == "__main__":
    main()
