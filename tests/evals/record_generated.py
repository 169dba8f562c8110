"""Records what generated suites ask and take for right: python -m tests.evals.record_generated.

A digest that changes on purpose goes with a greater `version` of its suite: runs of two versions are not compared.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from gptoss.evals.generated.catalog import GENERATED
from gptoss.evals.generated.generated_suite import GeneratedSuite
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.question import Question
from tests.evals.answering import asked

DIGESTS = Path("tests/golden/evals/generated/digests.json")
SIZE = 40


def digest_of(name: str) -> dict[str, object]:
    """Version of a suite, and a hash of its first samples, of all that they ask and of the right answers."""
    suite = GENERATED[name](GeneratedOptions(size=SIZE, context=10_000))
    digest = hashlib.sha256()
    for sample in suite.samples():
        said = [sample.id, sample.category, sample.data]
        questions: list[Question] = asked(suite, sample)
        said += [question.to_dict() for question in questions]
        said += [answer.to_dict() for answer in suite.reference(sample)]
        digest.update(json.dumps(said, sort_keys=True).encode())
    kind: type[GeneratedSuite] = GENERATED[name]
    return {"version": kind.version, "sha256": digest.hexdigest()}


if __name__ == "__main__":
    made = {name: digest_of(name) for name in GENERATED}
    DIGESTS.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
