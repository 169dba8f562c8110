"""The tokenizer: whether it is harmony's, and whether other programs read the same from its file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gptoss.errors import TokenizerError
from gptoss.files.json_text import read_object, shorten
from gptoss.harmony.names import Marker
from gptoss.model.config import Config
from gptoss.runtime.doctor.finding import Finding, Level, Look, some_of
from gptoss.runtime.doctor.shards import Shards
from gptoss.runtime.doctor.subject import TOKENIZER, TOKENIZER_CONFIG, Subject
from gptoss.tokenizer import Tokenizer
from gptoss.tokenizer.vocabulary import MAX_FILE_BYTES, MAX_VALUES, PATTERNS

GROUP = "tokenizer"
# The ids of o200k_harmony, which the released models were trained with.
_HARMONY = {
    Marker.END_OF_TEXT: 199_999,
    Marker.RETURN: 200_002,
    Marker.CONSTRAIN: 200_003,
    Marker.CHANNEL: 200_005,
    Marker.START: 200_006,
    Marker.END: 200_007,
    Marker.MESSAGE: 200_008,
    Marker.CALL: 200_012,
}
# Of a model's tokens; the rest may be rows that nothing was trained for.
_SHARE = 0.9
_SAMPLE = "Größe: 3,14 m² — naïve café\n\tif x != 10:  # 日本語 🙂\r\n<|start|>"


def look_at_tokenizer(
    subject: Subject, shards: Shards, config: Config | None
) -> Look[Tokenizer | None]:
    """Findings about the tokenizer; then the tokenizer, if it can be read."""
    try:
        if subject.is_gguf:
            if not shards.gguf:
                yield Finding(
                    GROUP, "reading", Level.NOTE, "not looked at: its file cannot be read"
                )
                return None
            tokenizer = Tokenizer.from_gguf(shards.gguf[0])
        else:
            tokenizer = Tokenizer.from_directory(subject.folder)
    except TokenizerError as error:
        yield Finding.of_error(GROUP, "reading", error)
        return None
    found = [*_specials(tokenizer, config), *_round_trip(tokenizer)]
    path = subject.text_folder / TOKENIZER
    if path.is_file():
        data = read_object(path, most_bytes=MAX_FILE_BYTES, most_values=MAX_VALUES)
        found += _steps(data, tokenizer)
    found += some_of(_disagreements(subject, tokenizer))
    yield from found
    if not found:
        said = (
            f"{tokenizer.vocab_size:,} tokens, harmony's among them; a sample reads back as it was"
        )
        yield Finding(GROUP, "reading", Level.OK, said)
    return tokenizer


def _specials(tokenizer: Tokenizer, config: Config | None) -> Iterator[Finding]:
    """Harmony's tokens, at the ids that the model was trained with."""
    remedy = f"take the {TOKENIZER} that was published with the weights"
    is_released = tokenizer.vocab_size >= _HARMONY[Marker.CALL]
    for name, wanted in _HARMONY.items():
        try:
            got = tokenizer.special_id(name)
        except TokenizerError as error:
            yield Finding.of_error(GROUP, "harmony", error)
            continue
        if is_released and got != wanted:
            said = f"{name} has the id {got}, and the model was trained with {wanted}"
            yield Finding(GROUP, "harmony", Level.ERROR, said, remedy)
    if config is not None:
        try:
            tokenizer.check_fits(config.vocab_size)
        except TokenizerError as error:
            yield Finding.of_error(GROUP, "size", error)
        if tokenizer.vocab_size < _SHARE * config.vocab_size:
            said = f"it has {tokenizer.vocab_size:,} tokens and the model {config.vocab_size:,}: it is another model's"
            yield Finding(GROUP, "size", Level.WARNING, said, remedy)


def _round_trip(tokenizer: Tokenizer) -> Iterator[Finding]:
    ids = tokenizer.encode(_SAMPLE)
    got = tokenizer.decode(ids)
    if got != _SAMPLE:
        said = f"a sample of text comes back as {shorten(got)}"
        remedy = f"take the {TOKENIZER} that was published with the weights"
        yield Finding(GROUP, "sample", Level.ERROR, said, remedy)


def _steps(data: dict[str, Any], tokenizer: Tokenizer) -> Iterator[Finding]:
    """Steps that change text or tokens in programs that take them, and that o200k_harmony lacks."""
    remedy = f"take the {TOKENIZER} that was published with the weights"

    def fault(name: str, said: str) -> Finding:
        return Finding(GROUP, name, Level.WARNING, f"{TOKENIZER} {said}", remedy)

    normalizer = data.get("normalizer")
    if normalizer is not None:
        said = f"has a normalizer ({_kind(normalizer)}): other programs change text before it is cut into tokens"
        yield fault("normalizer", f"{said}; gptoss does not, as the model was trained")
    steps = data["pre_tokenizer"].get("pretokenizers", [data["pre_tokenizer"]])
    if any(step.get("add_prefix_space") is True for step in steps):
        said = "has texts begin with a space that was not there, in other programs"
        yield fault("pre-tokenizer", said)
    pattern = next(step["pattern"]["Regex"] for step in steps if step["type"] == "Split")
    if tokenizer.vocab_size >= _HARMONY[Marker.CALL] and pattern != PATTERNS[0]:
        said = "cuts numbers into single digits, and o200k_harmony into three"
        yield fault("pre-tokenizer", said)
    after = data.get("post_processor")
    if isinstance(after, dict) and after.get("type") not in (None, "ByteLevel"):
        said = f"has a post-processor ({_kind(after)}): other programs put tokens around each text"
        yield fault("post-processor", said)
    model = data["model"]
    for key in ("dropout", "byte_fallback", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(key):
            said = f"has {key} = {shorten(model[key])}, which o200k_harmony lacks"
            yield fault("model", said)


def _kind(step: object) -> str:
    return shorten(step.get("type") if isinstance(step, dict) else step)


def _disagreements(subject: Subject, tokenizer: Tokenizer) -> Iterator[Finding]:
    """What tokenizer_config.json says of added tokens, against the tokenizer."""
    data = subject.read_json(TOKENIZER_CONFIG) or {}
    remedy = f"take {TOKENIZER} and {TOKENIZER_CONFIG} of one model"
    added = data.get("added_tokens_decoder")
    for key, value in added.items() if isinstance(added, dict) else ():
        name = value.get("content") if isinstance(value, dict) else None
        if not isinstance(name, str):
            continue
        try:
            got: int | str = tokenizer.special_id(name)
        except TokenizerError:
            got = "none"
        if str(got) != key:
            said = (
                f"{TOKENIZER_CONFIG} gives {shorten(name)} the id {shorten(key)}, {TOKENIZER} {got}"
            )
            yield Finding(GROUP, "added tokens", Level.WARNING, said, remedy)
