"""llama.cpp as a worker, through the package llama-cpp-python: python llama_worker.py FILE THREADS.

Runs in an environment of its own, where the package was compiled for this machine; imports nothing else of ours than
the protocol beside it.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import llama_cpp as llama

sys.path.insert(0, str(Path(__file__).parent))
from protocol import serve  # type: ignore[import-not-found]

# As llama-bench has them.
BATCH, MICRO_BATCH = 2048, 512
MAX_SEQUENCES, CONTEXT = 16, 32768


class Llama:
    """A context of llama.cpp; weights in memory, not mapped, so that they are laid out anew for this machine."""

    def __init__(self, file: str, threads: int) -> None:
        llama.llama_backend_init()
        model_parameters = llama.llama_model_default_params()
        model_parameters.load_mode = llama.LLAMA_LOAD_MODE_NONE
        self._model = llama.llama_model_load_from_file(file.encode(), model_parameters)
        if not self._model:
            raise SystemExit(f"llama.cpp cannot load {file}")
        parameters = llama.llama_context_default_params()
        parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = CONTEXT, BATCH, MICRO_BATCH
        parameters.n_seq_max = MAX_SEQUENCES
        parameters.kv_unified = True
        parameters.n_threads = parameters.n_threads_batch = threads
        self._context = llama.llama_init_from_model(self._model, parameters)
        if not self._context:
            raise SystemExit("llama.cpp cannot make a context")
        self._batch = llama.llama_batch_init(BATCH, 0, MAX_SEQUENCES)

    def prefill(self, prompts: list[list[int]]) -> None:
        llama.llama_memory_clear(llama.llama_get_memory(self._context), True)
        self._lengths = [0] * len(prompts)
        for sequence, prompt in enumerate(prompts):
            for start in range(0, len(prompt), BATCH):
                piece = prompt[start : start + BATCH]
                is_last = start + BATCH >= len(prompt)
                self._run([(token_id, sequence) for token_id in piece], only_last=is_last)

    def decode(self, token_ids: list[int]) -> None:
        self._run(
            [(token_id, sequence) for sequence, token_id in enumerate(token_ids)], only_last=None
        )

    def _run(self, tokens: list[tuple[int, int]], *, only_last: bool | None) -> None:
        """`only_last`: whether the last token's logits are wanted; None: all tokens' are."""
        batch: Any = self._batch
        batch.n_tokens = len(tokens)
        for index, (token_id, sequence) in enumerate(tokens):
            batch.token[index] = token_id
            batch.pos[index] = self._lengths[sequence]
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            is_wanted = only_last is None or (only_last and index == len(tokens) - 1)
            batch.logits[index] = ctypes.c_int8(is_wanted).value
            self._lengths[sequence] += 1
        result = llama.llama_decode(self._context, batch)
        if result != 0:
            raise SystemExit(f"llama_decode failed: {result}")
        llama.llama_synchronize(self._context)


if __name__ == "__main__":
    serve(Llama(sys.argv[1], int(sys.argv[2])))
