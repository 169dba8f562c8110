"""The embedded checkpoint is one that the Hugging Face libraries open as it is."""

from __future__ import annotations

import numpy as np
import pytest

import gptoss
from gptoss import nano

pytestmark = pytest.mark.torch


def test_same_ids_and_logits_in_transformers() -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    directory = str(nano.checkpoint_path())
    text = "What is 48213 + 9077?"
    ids = AutoTokenizer.from_pretrained(directory)(text)["input_ids"]
    ours = gptoss.load("nano", precision="float32")
    assert ours.tokenizer.encode(text) == ids
    theirs = AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager"
    )
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits[0].float().numpy()
    np.testing.assert_allclose(ours.logits(ids), expected, rtol=0, atol=1e-3)
