"""Whole turns of models that know nothing: shuffled weights, and random ones with the real vocabulary."""

from __future__ import annotations

import dataclasses
import json
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from gptoss import harmony, nano
from gptoss.chat import Reply, TurnFinished, tool_set
from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.turn import begin_turns
from gptoss.engine import EngineOptions, FinishReason, SamplingParams
from gptoss.harmony import Message, Role, ToolDescription
from gptoss.kernels import Backend
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import alternating_layers
from gptoss.model.layouts import PACKED
from gptoss.runtime import LoadedModel
from gptoss.structured import Answer, AnswerKind, ToolChoice, ToolRule, TurnRules
from gptoss.tokenizer import Tokenizer
from tests import o200k
from tests.levels import rounds
from tests.model.random_model import SMALL, RandomModel, open_transformer
from tests.structured.forms import Schema, made_schema
from tests.structured.schemas import CASES
from tests.structured.walks import require_valid

# Half of them with each model.
NUM_TOGETHER = 2000
BATCH = 16
SCHEMAS: list[Schema] = [case.schema for case in CASES] + [made_schema(n) for n in range(240)]
# A strict tool whose arguments can be no object is refused.
OBJECTS = [each for each in SCHEMAS if isinstance(each, dict) and each.get("type") == "object"]
CONVERSATION = [Message(Role.USER, "Hi")]


@dataclass(frozen=True)
class Ask:
    """One turn that is asked for."""

    rules: TurnRules
    schemas: dict[str, Schema]
    limits: TurnLimits


def draw_ask(rng: np.random.Generator) -> Ask:
    """Tools, choice and answer at random."""

    def schema() -> Schema:
        return SCHEMAS[int(rng.integers(len(SCHEMAS)))]

    num_tools = int(rng.integers(0, 4))
    schemas = {
        f"functions.tool_{n}": OBJECTS[int(rng.integers(len(OBJECTS)))] for n in range(num_tools)
    }
    tools = [ToolRule(name, parameters, is_strict=True) for name, parameters in schemas.items()]
    if rng.random() < 0.2:
        tools.append(ToolRule("python", is_built_in=True, takes_text=True))
    choice = ToolChoice.AUTO
    if tools:
        choice = list(ToolChoice)[int(rng.integers(3))]
    allowed = None
    if tools and rng.random() < 0.3:
        allowed = (tools[int(rng.integers(len(tools)))].recipient,)
    answer = Answer()
    if rng.random() < 0.6:
        schemas["answer"] = schema()
        answer = Answer(AnswerKind.JSON_SCHEMA, schemas["answer"])
    rules = TurnRules(
        tuple(tools), choice, allowed, bool(rng.random() < 0.3), answer, bool(rng.random() < 0.8)
    )
    return Ask(rules, schemas, TurnLimits(300, int(rng.integers(0, 8))))


def check(reply: Reply, ask: Ask) -> bool:
    """Everything that is promised of a turn; whether it came to its end."""
    if reply.finish_reason is FinishReason.LENGTH:
        return False
    assert reply.repairs == ()
    calls = [message for message in reply.messages if message.is_tool_call]
    for call in calls:
        assert call.recipient in {tool.recipient for tool in ask.rules.callable}
        if call.recipient in ask.schemas:
            require_valid(call.text, ask.schemas[call.recipient])
    assert len(calls) <= 1 or ask.rules.is_parallel
    last = reply.messages[-1]
    assert last.is_final or last.is_tool_call
    assert last.is_tool_call or ask.rules.choice is not ToolChoice.REQUIRED
    assert not calls or ask.rules.choice is not ToolChoice.NONE
    if last.is_final and "answer" in ask.schemas:
        require_valid(last.text, ask.schemas["answer"])
    if not ask.rules.reasons:
        assert not reply.reasoning
    return True


def generate(model: LoadedModel, count: int, seed: int) -> float:
    """The share of so many random turns that came to their end; all are checked."""
    rng = np.random.default_rng(seed)
    tokenizer = model.tokenizer
    # What ends strings, objects and messages is liked a little, so that most turns do end.
    bias = 1.2 * float(np.log(tokenizer.vocab_size))
    ids = [tokenizer.encode(text)[0] for text in ('"', "}", "]", '"}')]
    ids += [tokenizer.special_id(name) for name in ("<|end|>", "<|return|>", "<|call|>")]
    closing = dict.fromkeys(ids, bias)
    num_finished = 0
    for start in range(0, count, BATCH):
        running = []
        for index in range(start, min(start + BATCH, count)):
            ask = draw_ask(rng)
            sampling = SamplingParams(temperature=1.5, seed=index, logit_bias=closing)
            compiled = model.turns.compile(ask.rules)
            request = TurnRequest(messages=CONVERSATION, sampling=sampling, limits=ask.limits)
            running.append((ask, begin_turns(model, request, compiled)))
        for ask, (turn,) in running:
            *_, last = turn.events()
            assert isinstance(last, TurnFinished)
            num_finished += check(last.reply, ask)
    return num_finished / count


@pytest.fixture(scope="module")
def shuffled_nano(
    tmp_path_factory: pytest.TempPathFactory, nano_tokenizer: Tokenizer
) -> Iterator[LoadedModel]:
    """The embedded model with the values of every tensor in another order."""
    folder = tmp_path_factory.mktemp("shuffled")
    source = nano.checkpoint_path()
    for file in source.iterdir():
        shutil.copyfile(file, folder / file.name)
    (weights,) = source.glob("*.safetensors")
    data = bytearray(weights.read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    rng = np.random.default_rng(0)
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            dtype = {"BF16": np.uint16, "U8": np.uint8, "F32": np.float32}[entry["dtype"]]
            values = np.frombuffer(data, dtype, (end - begin) // np.dtype(dtype).itemsize, begin)
            rng.shuffle(values)
    (folder / weights.name).write_bytes(data)
    transformer = open_transformer(folder, "bf16", Backend(threads=2))
    with LoadedModel(
        "shuffled",
        open_checkpoint(folder),
        nano_tokenizer,
        transformer,
        options=EngineOptions(context=2048),
    ) as model:
        yield model


@pytest.fixture(scope="module")
def random_real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedModel]:
    """Random weights with the real vocabulary."""
    config = dataclasses.replace(
        SMALL, vocab_size=o200k.VOCAB_SIZE, layer_types=alternating_layers(2), max_positions=2048
    )
    folder = RandomModel.of(config, 0).write(tmp_path_factory.mktemp("real"), PACKED)
    transformer = open_transformer(folder, "bf16", Backend(threads=2))
    with LoadedModel("real", open_checkpoint(folder), o200k.tokenizer(), transformer) as model:
        yield model


def test_shuffled_weights(shuffled_nano: LoadedModel) -> None:
    assert generate(shuffled_nano, rounds(96), 1) > 0.5


def test_the_real_vocabulary(random_real: LoadedModel) -> None:
    assert generate(random_real, rounds(24), 2) > 0.5


@pytest.mark.slow
def test_two_thousand_turns(shuffled_nano: LoadedModel, random_real: LoadedModel) -> None:
    for seed, model in ((3, shuffled_nano), (4, random_real)):
        share = generate(model, NUM_TOGETHER // 2, seed)
        print(f"{model.name}: {share:.1%} came to their end")
        assert share > 0.5


def test_tools_that_are_told_of_are_those_that_may_be_called(shuffled_nano: LoadedModel) -> None:
    """From declarations to calls."""
    tools = harmony.functions([ToolDescription("a", parameters=CASES[31].schema)])
    request = TurnRequest(
        messages=CONVERSATION,
        tools=tool_set([tools]),
        tool_choice="required",
        reasons=False,
        sampling=SamplingParams(temperature=1.5, seed=1),
        limits=TurnLimits(200),
    )
    (turn,) = begin_turns(shuffled_nano, request)
    *_, last = turn.events()
    assert isinstance(last, TurnFinished)
    assert [message.recipient for message in last.reply.messages if message.is_tool_call] in (
        ["functions.a"],
        [],
    )
