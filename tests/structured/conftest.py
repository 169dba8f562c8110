"""Compilers over both vocabularies: nano's, and the real one."""

from __future__ import annotations

import pytest

from gptoss.structured import TurnCompiler
from gptoss.tokenizer import Tokenizer
from tests import o200k


@pytest.fixture(scope="session")
def nano_turns(nano_tokenizer: Tokenizer) -> TurnCompiler:
    return TurnCompiler(nano_tokenizer)


@pytest.fixture(scope="session")
def real_turns() -> TurnCompiler:
    return TurnCompiler(o200k.tokenizer())
