"""xgrammar as a worker: python xgrammar_worker.py VOCABULARY. Reads schemas with texts, times their masks.

VOCABULARY: a file with a token's bytes in hexadecimal on each line. A line of JSON in, one out. Runs in an environment
of its own, with nothing of gptoss.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import xgrammar


def main() -> None:
    """Answer every line with the seconds to compile and those of each mask, or with what is wrong."""
    lines = Path(sys.argv[1]).read_text(encoding="ascii").splitlines()
    pieces = [bytes.fromhex(line) for line in lines]
    info = xgrammar.TokenizerInfo(
        pieces, xgrammar.VocabType.RAW, stop_token_ids=[len(pieces) - 1], add_prefix_space=False
    )
    compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
    bitmask = xgrammar.allocate_token_bitmask(1, len(pieces))
    print(json.dumps({"version": version("xgrammar")}), flush=True)
    for line in sys.stdin:
        try:
            answer = _time(compiler, bitmask, **json.loads(line))
        except Exception as error:
            answer = {"error": str(error)[:200]}
        print(json.dumps(answer), flush=True)


def _time(
    compiler: Any, bitmask: Any, schema: dict[str, Any], token_ids: list[int]
) -> dict[str, Any]:
    began = time.perf_counter()
    compiled = compiler.compile_json_schema(json.dumps(schema), any_whitespace=True)
    matcher = xgrammar.GrammarMatcher(compiled)
    compile_s = time.perf_counter() - began
    masks, accepted = [], 0
    for token_id in token_ids:
        began = time.perf_counter()
        matcher.fill_next_token_bitmask(bitmask)
        masks.append(time.perf_counter() - began)
        if not matcher.accept_token(token_id):
            break
        accepted += 1
    return {"compile_s": compile_s, "masks_s": masks, "accepted": accepted}


if __name__ == "__main__":
    main()
