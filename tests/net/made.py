"""All that the net knows of the package's insides: how a server is made, and what its model is asked and says.

A change that moves these moves them here too; the cases and goldens stay.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import itertools
import re
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import typer
from starlette.types import ASGIApp

import gptoss.cli.main as cli_module
import gptoss.server.app as app_module
from gptoss import nano
from gptoss.engine import EngineOptions, FinishReason, Generation, Request, SamplingParams, Token
from gptoss.kernels import Backend, Float32
from gptoss.model.batch import Batch
from gptoss.model.checkpoint import Checkpoint, open_checkpoint
from gptoss.model.transformer import Transformer
from gptoss.runtime import LoadedModel
from gptoss.server.service import Service
from gptoss.server.settings import Keys, ServerSettings
from gptoss.structured import TurnCompiler
from gptoss.tokenizer import Tokenizer
from tests.model.random_model import open_transformer

# Between one logit and the next.
_STEP = 200.0
# In a script: see there.
PAUSE, HOLD = "<pause>", "<hold>"
_PAUSE_S, _MOST_S = 0.5, 20.0
_ENDS = ("<|return|>", "<|call|>", "<|end|>", "<|message|>", "<|channel|>")
_USUAL = "<|channel|>final<|message|>As usual.<|return|>"
# Settings that change an answer, and none of time.
_TOLD = (
    "host",
    "hosts",
    "origins",
    "served_names",
    "has_page",
    "shared_instructions",
    "max_body_bytes",
    "max_held_bytes",
    "max_answers",
    "max_messages",
    "store_bytes",
)


class Watched:
    """A service of the tests."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def settings(self) -> dict[str, Any]:
        """Those that differ from the defaults, as JSON has them."""
        given, usual = self._service.settings, ServerSettings()
        told: dict[str, Any] = {
            name: value for name in _TOLD if (value := getattr(given, name)) != getattr(usual, name)
        }
        if given.keys.digests:
            told["keys"] = [digest.hex() for digest in given.keys.digests]
        return told

    def model(self) -> dict[str, Any] | None:
        """What is told of the model; None where it is not open."""
        try:
            model = self._service.model
        except Exception:
            return None
        return {"name": model.name, "context": model.context}


def watch(
    on_app: Callable[[ASGIApp, Watched], ASGIApp], on_turn: Callable[[Callable[[], str]], None]
) -> None:
    """Call `on_app` for each application that is made, and `on_turn` with what tells a turn's text in the end."""
    create = app_module.create_app
    submit_all = LoadedModel.submit_all

    def watched(service: Service) -> Any:
        app = create(service)
        listening = on_app(type(app).__call__.__get__(app), Watched(service))

        class Listening(type(app)):  # type: ignore[misc]
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                await listening(scope, receive, send)

        app.__class__ = Listening
        return app

    def submitted(self: LoadedModel, requests: Any) -> list[Generation]:
        generations = submit_all(self, requests)
        for generation in generations:
            on_turn(lambda generation=generation: _written(self, generation))
        return generations

    app_module.create_app = watched
    LoadedModel.submit_all = submitted  # type: ignore[method-assign]


def _written(model: LoadedModel, generation: Generation) -> str:
    sequence = generation._sequence
    if sequence is None:
        return ""
    ids = sequence.token_ids[len(generation.request.token_ids) :]
    return model.tokenizer.decode(ids)


@dataclasses.dataclass(frozen=True, slots=True)
class Begun:
    """What the model was asked for one answer."""

    token_ids: tuple[int, ...]
    text: str
    asks: str
    """How it is to go on: sampling and most tokens, all that differ from the defaults."""


class ScriptedModel(LoadedModel):
    """Says what it is told to, whatever it reads, and writes down what it was asked.

    A turn has ended when it has begun, so that nothing depends on which thread is faster.
    """

    def __init__(self, name: str, context: int) -> None:
        super().__init__(
            name,
            _checkpoint(),
            _tokenizer(),
            _Flat(_transformer()),
            # A guess would depend on how fast a step is.
            options=EngineOptions(context=context, speculates=False),
        )
        # Grammars take long to compile, and are the same for all.
        self.__dict__["turns"] = _turns()
        self.writes: deque[str] = deque()
        self.begun: list[Begun] = []

    def submit_all(self, requests: Iterable[Request]) -> list[Generation]:
        """As every model does, each request with its script."""
        asked = list(requests)
        scripts = [
            Script(
                self.writes.popleft() if self.writes else _USUAL,
                len(request.token_ids),
                self.tokenizer,
            )
            for request in asked
        ]
        generations = super().submit_all(
            dataclasses.replace(request, processors=(script, *request.processors))
            for request, script in zip(asked, scripts, strict=True)
        )
        self.begun += [self._begun(request) for request in asked]
        for generation, script in zip(generations, scripts, strict=True):
            _read(generation, script)
        return generations

    def _begun(self, request: Request) -> Begun:
        ids = tuple(int(token_id) for token_id in request.token_ids)
        usual = SamplingParams()
        asks = [
            f"{field.name}={getattr(request.sampling, field.name)!r}"
            for field in dataclasses.fields(usual)
            if getattr(request.sampling, field.name) != getattr(usual, field.name)
        ]
        if request.max_tokens is not None:
            asks.append(f"max_tokens={request.max_tokens}")
        return Begun(ids, self.tokenizer.decode(ids), " ".join(asks))


class Script:
    """A logits processor that writes a text, and then ends the turn; a mask that follows may want something else.

    Logits are so far apart that every way of sampling takes the highest one. In a text with PAUSE in it, nothing more
    is written there before the reader has waited a while; with HOLD, before the turn is cancelled.
    """

    def __init__(self, text: str, num_prompt: int, tokenizer: Tokenizer) -> None:
        self.is_held, mark = HOLD in text, HOLD if HOLD in text else PAUSE
        first, found, rest = text.partition(mark)
        self._text, self._num_prompt, self._tokenizer = first + rest, num_prompt, tokenizer
        self._ids = [*ids_of(first, tokenizer), *ids_of(rest, tokenizer)]
        self.stops_at = len(ids_of(first, tokenizer)) if found else None
        self.goes_on = threading.Event()
        ends = [tokenizer.special_id(name) for name in _ENDS]
        # What a script leaves open is closed: headers and JSON.
        self._ends = [*ends, *(tokenizer.encode(each)[0] for each in ('"', "}", "]"))]

    def __call__(self, token_ids: Sequence[int], logits: Float32) -> Float32:
        """The logits, overwritten."""
        if len(token_ids) - self._num_prompt == self.stops_at:
            self.goes_on.wait(_MOST_S)
        logits[:] = _falling(len(logits))
        wanted = [*self._next(list(token_ids[self._num_prompt :])), *self._ends]
        for rank, token_id in reversed(list(enumerate(wanted))):
            logits[token_id] = _STEP * (len(wanted) - rank)
        return logits

    def _next(self, written: list[int]) -> list[int]:
        count = len(written)
        if written == self._ids[:count]:
            return self._ids[count : count + 1]
        # A guide has cut the same text otherwise.
        text = self._tokenizer.decode(written)
        if self._text.startswith(text):
            return ids_of(self._text[len(text) :], self._tokenizer)[:1]
        return []


class _Flat(Transformer):
    """Takes the place of arithmetic: each token is less likely than the one before it, everywhere.

    So far apart that logprobs are whole numbers on every machine.
    """

    def __init__(self, model: Transformer) -> None:
        self.__dict__.update(model.__dict__)

    def forward(self, batch: Batch) -> Float32:
        batch.reserve()
        batch.advance()
        return np.tile(_falling(self.config.vocab_size), (len(batch.wanted), 1))


def _falling(count: int) -> Float32:
    return -_STEP * np.arange(count, dtype=np.float32)


def _read(generation: Generation, script: Script) -> None:
    """Wait for its end, or where its script stops, then give its tokens one by one to whoever reads it."""
    reading = generation.tokens()
    tokens: list[Token] = []
    failure: Exception | None = None
    try:
        tokens += itertools.islice(reading, script.stops_at)
    except Exception as error:
        failure = error

    async def batches(*, at_end: bool = False) -> AsyncGenerator[list[Token], None]:
        for token in tokens:
            yield [token]
        if script.stops_at is not None:
            if not script.is_held:
                await asyncio.sleep(_PAUSE_S)
                script.goes_on.set()
            for token in await asyncio.to_thread(list, reading):
                yield [token]
        if failure is not None:
            raise failure

    finish = generation.finish

    def finish_held(reason: FinishReason) -> None:
        finish(reason)
        # When the reply is made, which counts the tokens that there are.
        threading.Timer(_PAUSE_S, script.goes_on.set).start()

    generation.batches_async = batches  # type: ignore[method-assign]
    if script.is_held:
        generation.finish = finish_held  # type: ignore[method-assign]


@functools.cache
def _checkpoint() -> Checkpoint:
    return open_checkpoint(nano.checkpoint_path())


@functools.cache
def _turns() -> TurnCompiler:
    return TurnCompiler(_tokenizer())


@functools.cache
def _tokenizer() -> Tokenizer:
    return Tokenizer.from_directory(nano.checkpoint_path())


@functools.cache
def _transformer() -> Transformer:
    return open_transformer(
        nano.checkpoint_path(), "bf16", Backend(isa="baseline", threads=1, bf16_pairs=False)
    )


def ids_of(markup: str, tokenizer: Tokenizer) -> list[int]:
    """Token ids of text in which the spellings of special tokens stand for those tokens."""
    ids: list[int] = []
    for piece in re.split(r"(<\|\w+\|>)", markup):
        if piece.startswith("<|"):
            ids.append(tokenizer.special_id(piece))
        else:
            ids += tokenizer.encode(piece)
    return ids


class Server:
    """A server's application with a scripted model, or with one that is not open."""

    def __init__(self, settings: Mapping[str, Any], model: Mapping[str, Any]) -> None:
        given = dict(settings)
        keys = Keys(tuple(bytes.fromhex(digest) for digest in given.pop("keys", ())))
        lists = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in given.items()
        }
        self._told = model
        self._closed = threading.Event()
        self.model = self._new_model()
        self._service = Service(ServerSettings(**lists, keys=keys), self._open)
        self.app: ASGIApp = app_module.create_app(self._service)

    @property
    def is_settled(self) -> bool:
        """Whether it answers as it will from now on."""
        return {
            "open": self._service.is_ready,
            "opening": True,
            "failed": self._service.failure is not None,
        }[self._state]

    def renew_model(self) -> None:
        """Give it a model that has read nothing yet."""
        if self._state == "open":
            self.model.close()
            # Making a server takes a tenth of a second, most of it for routes that do not change.
            self.model = self._service._model = self._new_model()

    def close(self) -> None:
        """Let go of a model that nobody opens."""
        self._closed.set()

    @property
    def _state(self) -> str:
        return str(self._told.get("state", "open"))

    def _open(self) -> LoadedModel:
        if self._state == "opening":
            self._closed.wait()
        if self._state != "open":
            raise RuntimeError("there is no such folder")
        return self.model

    def _new_model(self) -> ScriptedModel:
        return ScriptedModel(self._told["name"], self._told["context"])


def commands() -> list[str]:
    """Names of the program's commands."""
    return sorted(typer.main.get_group(cli_module.app).commands)
