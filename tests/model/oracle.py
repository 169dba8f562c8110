"""transformers' GptOssForCausalLM with the values of a random model: the numerical oracle.

Imported where it is used: it takes seconds, and most workers never do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gptoss.kernels import Float32
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.layouts import BF16
from tests.model.random_model import RandomModel, config_for

if TYPE_CHECKING:
    import torch


class Oracle:
    """The model in eager mode; computes in float32, or in bfloat16 throughout."""

    def __init__(self, model: RandomModel) -> None:
        import torch
        from transformers import GptOssConfig, GptOssForCausalLM

        data: dict[str, Any] = config_for(model, BF16)
        if model.config.swiglu_alpha == 1.702:
            data.pop("swiglu_alpha", None)
        config = GptOssConfig(**data, attn_implementation="eager", experts_implementation="eager")
        self.model = GptOssForCausalLM(config).eval()
        state = {
            name: torch.from_numpy(bf16_to_float32(bits))
            for name, (_, bits) in model.named(BF16).items()
        }
        self.model.load_state_dict(state)

    def logits(self, token_ids: NDArray[np.int64], dtype: torch.dtype | None = None) -> Float32:
        """(tokens, vocabulary) of one pass, in float32 where no other is named."""
        import torch

        with torch.no_grad():
            output = self.model.to(dtype or torch.float32)(
                torch.from_numpy(token_ids)[None]
            ).logits[0]
        self.model.float()
        result: Float32 = output.float().numpy()
        return result
