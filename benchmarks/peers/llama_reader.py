"""Asks llama.cpp for ids and logits of a GGUF file: python llama_reader.py FILE. A line of JSON in, one out.

{"texts": [...]} is answered by token ids, from the vocabulary alone; {"ids": [...], "file": PATH} by logits in that
file, (tokens, vocabulary) float32. Runs in an environment of its own, with nothing of gptoss.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import llama_cpp as llama
import numpy as np


def opened(path: str, *, vocabulary_only: bool) -> Any:
    parameters = llama.llama_model_default_params()
    parameters.vocab_only = vocabulary_only
    model = llama.llama_model_load_from_file(path.encode(), parameters)
    if not model:
        raise SystemExit(f"llama.cpp cannot load {path}")
    return model


def encoded(model: Any, text: str) -> list[int]:
    """Ids without what begins a text, and with special tokens as the text that they are spelled with."""
    data = text.encode("utf-8")
    room = (llama.llama_token * (len(data) + 8))()
    vocabulary = llama.llama_model_get_vocab(model)
    count = llama.llama_tokenize(vocabulary, data, len(data), room, len(room), False, False)
    if count < 0:
        raise SystemExit(f"llama_tokenize failed: {count}")
    return list(room[:count])


def logits(model: Any, ids: list[int]) -> np.ndarray[Any, Any]:
    parameters = llama.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = max(256, len(ids))
    parameters.n_threads = parameters.n_threads_batch = 1
    context = llama.llama_init_from_model(model, parameters)
    batch = llama.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for at, token_id in enumerate(ids):
        batch.token[at], batch.pos[at] = token_id, at
        batch.n_seq_id[at], batch.seq_id[at][0] = 1, 0
        batch.logits[at] = True
    result = llama.llama_decode(context, batch)
    if result != 0:
        raise SystemExit(f"llama_decode failed: {result}")
    num_tokens = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    rows = [
        np.ctypeslib.as_array(llama.llama_get_logits_ith(context, at), (num_tokens,)).copy()
        for at in range(len(ids))
    ]
    llama.llama_batch_free(batch)
    llama.llama_free(context)
    return np.stack(rows)


def main() -> None:
    """Answer every line."""
    path = sys.argv[1]
    llama.llama_backend_init()
    vocabulary = opened(path, vocabulary_only=True)
    model = opened(path, vocabulary_only=False)
    for line in sys.stdin:
        asked = json.loads(line)
        if "texts" in asked:
            print(json.dumps([encoded(vocabulary, text) for text in asked["texts"]]), flush=True)
        else:
            np.save(asked["file"], logits(model, asked["ids"]))
            print(json.dumps(asked["file"]), flush=True)


if __name__ == "__main__":
    main()
