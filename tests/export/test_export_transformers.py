"""transformers opens what is exported, as its own code reads published folders: same ids, same logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gptoss import nano
from gptoss.kernels import Float32
from gptoss.tokenizer import Tokenizer
from tests.export.conftest import TEMPLATE, Sources, exported
from tests.model.random_model import RandomModel, random_ids

pytestmark = pytest.mark.torch

TEXT = "What is 48213 + 9077? abc\n"


def their_logits(folder: Path, ids: np.ndarray) -> Float32:
    import torch
    from transformers import GptOssForCausalLM

    model, info = GptOssForCausalLM.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation="eager",
        experts_implementation="eager",
        output_loading_info=True,
    )
    # Every tensor was found under its name, and none was left over.
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[kind], (kind, info[kind])
    with torch.no_grad():
        logits: Float32 = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    return logits


@pytest.mark.parametrize("form", ["mxfp4", "bf16"])
@pytest.mark.parametrize("name", ["packed", "llama.cpp"])
def test_logits(source: Sources, name: str, form: str, model: RandomModel, tmp_path: Path) -> None:
    from tests.model.oracle import Oracle

    ids = random_ids(model.config, 20)
    found = their_logits(exported(source(name), tmp_path / "out", form), ids)
    np.testing.assert_array_equal(found, Oracle(model).logits(ids))


@pytest.mark.parametrize("form", ["mxfp4", "bf16"])
def test_tokenizer_and_stop_ids(form: str, tmp_path: Path) -> None:
    """Of nano, also where all that is known of its tokenizer is what a GGUF file has."""
    from transformers import AutoTokenizer, GenerationConfig

    direct = exported(nano.checkpoint_path(), tmp_path / "direct", form)
    inside = exported(nano.checkpoint_path(), tmp_path / "model.gguf", "gguf")
    for folder in (direct, exported(inside, tmp_path / "again", form)):
        theirs = AutoTokenizer.from_pretrained(folder)
        assert theirs(TEXT)["input_ids"] == Tokenizer.from_directory(folder).encode(TEXT)
        assert (theirs.eos_token, theirs.pad_token) == ("<|return|>", "<|endoftext|>")
        generation = GenerationConfig.from_pretrained(folder)
        assert generation.eos_token_id == [1017, 1016, 1023]
        assert (generation.bos_token_id, generation.pad_token_id) == (1015, 1016)


def test_chat_template(source: Sources, tmp_path: Path) -> None:
    """That of the folder, and the same by way of a GGUF file."""
    from transformers import AutoTokenizer

    file = exported(source("packed"), tmp_path / "model.gguf", "gguf")
    for at, path in enumerate((source("packed"), file)):
        folder = exported(path, tmp_path / str(at), "mxfp4")
        theirs = AutoTokenizer.from_pretrained(folder)
        assert theirs.chat_template == TEMPLATE
        messages = [{"role": "user", "content": "hi"}]
        assert theirs.apply_chat_template(messages, tokenize=False) == "hi"
