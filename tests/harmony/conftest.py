"""The official library over the real vocabulary, as the oracle of bytes."""

from __future__ import annotations

import openai_harmony
import pytest

from tests import o200k


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> openai_harmony.HarmonyEncoding:
    directory = o200k.write_tiktoken(tmp_path_factory.mktemp("tiktoken"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_ENCODINGS_BASE", str(directory))
        return openai_harmony.load_harmony_encoding(
            openai_harmony.HarmonyEncodingName.HARMONY_GPT_OSS
        )
