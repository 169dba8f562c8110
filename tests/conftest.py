"""Models for every layer's tests: a tiny random one, and one that says what it is told to."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

import gptoss
from gptoss import nano
from gptoss.engine import EngineOptions
from gptoss.kernels import Backend, Float32
from gptoss.model.batch import Batch
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import alternating_layers
from gptoss.model.layouts import PACKED
from gptoss.model.transformer import Transformer
from gptoss.runtime import LoadedModel
from gptoss.runtime.locating import MODEL_VARIABLE
from gptoss.runtime.packed_weights import CACHE_VARIABLE
from gptoss.tokenizer import Tokenizer
from tests import levels
from tests.model.random_model import SMALL, RandomModel, open_transformer

levels.register_profiles()
# Workers are as many as cores: PyTorch's own threads, and NumPy's in a worker, would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# No model of this machine's user is one of a test's: neither what a variable names, nor what lies where models lie.
NO_MODELS = Path(tempfile.gettempdir(), f"gptoss-no-models-{os.getpid()}")
for _name in (MODEL_VARIABLE, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
    os.environ.pop(_name, None)
for _name in ("HF_HOME", "OLLAMA_MODELS", "LLAMA_CACHE"):
    os.environ[_name] = str(NO_MODELS)

if importlib.util.find_spec("torch") is None:
    # Marked `torch`, but importing them already needs it.
    collect_ignore = [
        "train",
        "recipes",
        "model/test_parity.py",
        "model/test_mxfp4.py",
        "nano/test_transformers.py",
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Choose the cases of wide tests; what imports PyTorch comes first, so that few workers do."""
    levels.mark_wide(items)
    items.sort(key=lambda item: item.get_closest_marker("torch") is None)


@pytest.fixture(scope="session", autouse=True)
def weights_cache() -> Iterator[None]:
    """Packed weights are not left in the user's cache folder, nor behind: they take gigabytes."""
    with tempfile.TemporaryDirectory(prefix="gptoss-weights-") as folder:
        os.environ[CACHE_VARIABLE] = folder
        yield
        del os.environ[CACHE_VARIABLE]
    # Libraries may have made it.
    shutil.rmtree(NO_MODELS, ignore_errors=True)


Script = Callable[[str], LoadedModel]


class ScriptedModel(Protocol):
    """Makes a model that writes given markup."""

    def __call__(self, markup: str, pause_s: float = 0.0) -> LoadedModel: ...


@pytest.fixture(scope="session")
def nano_tokenizer() -> Tokenizer:
    return Tokenizer.from_directory(nano.checkpoint_path())


@pytest.fixture(scope="session")
def tiny_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of two layers and four experts, with nano's vocabulary beside it."""
    config = dataclasses.replace(SMALL, vocab_size=1100, layer_types=alternating_layers(2))
    directory = RandomModel.of(config, 0).write(tmp_path_factory.mktemp("tiny"), PACKED)
    shutil.copyfile(nano.checkpoint_path() / "tokenizer.json", directory / "tokenizer.json")
    return directory


@pytest.fixture
def tiny_model(tiny_directory: Path) -> Transformer:
    return open_transformer(tiny_directory, "bf16", Backend(threads=1))


@pytest.fixture(scope="session")
def random_model(tiny_directory: Path, nano_tokenizer: Tokenizer) -> Iterator[LoadedModel]:
    """Random weights: what it writes is noise, and as long as it may be."""
    with LoadedModel(
        "random",
        open_checkpoint(tiny_directory),
        nano_tokenizer,
        open_transformer(tiny_directory, "bf16", Backend(threads=1)),
    ) as model:
        yield model


@pytest.fixture(scope="session")
def nano_model() -> Iterator[LoadedModel]:
    with gptoss.load("nano", threads=1) as model:
        yield model


class ScriptedTransformer(Transformer):
    """Takes the place of arithmetic: the likeliest next tokens are those of a script, one after the other.

    For one sequence at a time.
    """

    def __init__(
        self, model: Transformer, tokenizer: Tokenizer, script: Sequence[int], pause_s: float
    ) -> None:
        self.__dict__.update(model.__dict__)
        self.tokenizer = tokenizer
        self.script = list(script)
        self.pause_s = pause_s

    def forward(self, batch: Batch) -> Float32:
        batch.reserve()
        batch.advance()
        time.sleep(self.pause_s)
        logits = np.zeros((len(batch.wanted), self.config.vocab_size), np.float32)
        if len(logits):
            self._skip_forced([int(token_id) for token_id in batch.token_ids])
        for row, place in zip(logits, batch.wanted, strict=True):
            # What is forced is scored as well: what comes behind such a token is known.
            behind = batch.token_ids[place + 1 : place + 2]
            row[int(behind[0]) if len(behind) else self.script.pop(0)] = 100.0
        return logits

    def _skip_forced(self, fed: list[int]) -> None:
        """What a guide forced after the last chosen token, or after the prompt, may stand in the script as well."""
        decode, script = self.tokenizer.decode, self.script
        ends = [self.tokenizer.special_id(name) for name in ("<|return|>", "<|call|>")]
        if "<|start|>assistant" in decode(fed) and script[0] in ends:
            # The end of the turn, or of the call, before was forced.
            del script[0]
        whole = decode(script)
        for count in range(len(fed) - 1, 0, -1):
            forced = decode(fed[-count:])
            if "\ufffd" not in forced and not whole.startswith(forced):
                # Otherwise the script would be read again for each token of a prompt.
                continue
            num = next(
                (n for n in range(len(script) + 1) if len(decode(script[:n])) >= len(forced)), 0
            )
            written = decode(script[:num])
            if num and written.startswith(forced):
                # The script may have cut the same text otherwise.
                self.script = self.tokenizer.encode(written[len(forced) :]) + script[num:]
                return


@pytest.fixture
def scripted_model(tiny_directory: Path, nano_tokenizer: Tokenizer) -> ScriptedModel:
    """From markup, in which spellings of special tokens stand for them, to a model that writes just that.

    `pause_s` is the time it takes for a token.
    """

    def make(markup: str, pause_s: float = 0.0) -> LoadedModel:
        script = ids_of(markup, nano_tokenizer)
        checkpoint = open_checkpoint(tiny_directory)
        plain = open_transformer(tiny_directory, "bf16", Backend(threads=1))
        transformer = ScriptedTransformer(plain, nano_tokenizer, script, pause_s)
        # A guess would take the script's next token for its own.
        options = EngineOptions(speculates=False)
        return LoadedModel("scripted", checkpoint, nano_tokenizer, transformer, options=options)

    return make


@pytest.fixture
def scripted_nano(nano_tokenizer: Tokenizer) -> Script:
    """As `scripted_model`, with room for long conversations."""

    return lambda markup: nano_that_writes(markup, nano_tokenizer)


def nano_that_writes(markup: str, tokenizer: Tokenizer) -> LoadedModel:
    """A model of nano's shape that writes that, one turn after the other."""
    directory = nano.checkpoint_path()
    plain = open_transformer(directory, "bf16", Backend(threads=1))
    transformer = ScriptedTransformer(plain, tokenizer, ids_of(markup, tokenizer), 0.0)
    options = EngineOptions(speculates=False)
    return LoadedModel(
        "scripted", open_checkpoint(directory), tokenizer, transformer, options=options
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
