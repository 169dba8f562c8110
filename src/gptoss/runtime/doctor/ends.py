"""The tokens that end a turn, as the configuration, the generation settings and the tokenizer name them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from gptoss.files.json_text import shorten
from gptoss.harmony.names import Marker
from gptoss.runtime.doctor.finding import Finding, Level, Look, Mending
from gptoss.runtime.doctor.subject import CONFIG, GENERATION, TOKENIZER_CONFIG, Subject
from gptoss.tokenizer import Tokenizer

GROUP, NAME = "tokenizer", "end tokens"
_KEY, _PAD = "eos_token_id", "pad_token_id"
# As the released generation_config.json has them: the end of an answer, of a text, of a tool call.
_ENDS = (Marker.RETURN, Marker.END_OF_TEXT, Marker.CALL)


def look_at_ends(subject: Subject, tokenizer: Tokenizer) -> Look[None]:
    """Each file on its own, against the tokenizer. Raises TokenizerError where that lacks one of the tokens."""
    wanted = {str(name): tokenizer.special_id(name) for name in _ENDS}
    found = list(_of_generation(subject, wanted, tokenizer))
    found += _of_config(subject, wanted, tokenizer)
    found += _of_tokenizer(subject)
    found += _padding(subject, wanted, tokenizer)
    if found:
        yield from found
    else:
        ids = ", ".join(f"{token_id} {name}" for name, token_id in wanted.items())
        yield Finding(GROUP, NAME, Level.OK, f"all files name the same tokens: {ids}")


def look_at_gguf_ends(ids: tuple[int, ...], tokenizer: Tokenizer) -> Look[None]:
    """The ids in a GGUF file's metadata, which mostly names one. Raises TokenizerError."""
    wanted = {str(name): tokenizer.special_id(name) for name in _ENDS}
    level, problem = _wrong_ends(ids, wanted, tokenizer)
    if problem is not None:
        said = f"the metadata {problem}"
        yield Finding(GROUP, NAME, level, said, "get another conversion of the model")
    elif wanted[Marker.RETURN] not in ids:
        said = f"the metadata does not name {wanted[Marker.RETURN]} {Marker.RETURN}, the end of an answer"
        yield Finding(GROUP, NAME, Level.NOTE, f"{said}; gptoss stops there all the same")
    else:
        yield Finding(GROUP, NAME, Level.OK, f"the metadata names {_shown(ids, tokenizer)}")


def _of_generation(
    subject: Subject, wanted: dict[str, int], tokenizer: Tokenizer
) -> Iterator[Finding]:
    data = subject.read_json(GENERATION)
    if data is None or data.get(_KEY) is None:
        return
    ids = _ids(data[_KEY])
    missing = [name for name, token_id in wanted.items() if token_id not in ids]
    level, problem = _wrong_ends(ids, wanted, tokenizer)
    if problem is None and missing:
        # gptoss knows the tokens itself.
        lacking = " and ".join(f"{wanted[name]} {name}" for name in missing)
        problem = f"lacks {lacking}: other programs write on after it"
    if problem is not None:
        ends = list(wanted.values())
        yield _finding(subject, GENERATION, level, problem, _with(data, GENERATION, ends))


def _of_config(subject: Subject, wanted: dict[str, int], tokenizer: Tokenizer) -> Iterator[Finding]:
    data = subject.read_json(CONFIG)
    if data is None or data.get(_KEY) is None:
        return
    ids = _ids(data[_KEY])
    level, problem = _wrong_ends(ids, wanted, tokenizer)
    if (subject.read_json(GENERATION) or {}).get(_KEY) is not None:
        # Then those count.
        level = Level.WARNING
    if problem is None and wanted[Marker.RETURN] not in ids:
        problem = f"lacks {wanted[Marker.RETURN]} {Marker.RETURN}, the end of an answer"
    if problem is not None:
        mending = _with(data, CONFIG, wanted[Marker.RETURN])
        yield _finding(subject, CONFIG, level, problem, mending)


def _of_tokenizer(subject: Subject) -> Iterator[Finding]:
    data = subject.read_json(TOKENIZER_CONFIG)
    if data is None:
        return
    got = _token(data.get("eos_token"))
    if got is not None and got not in (Marker.RETURN, Marker.END_OF_TEXT):
        said = f"{TOKENIZER_CONFIG} says that a text ends with {shorten(got)}, wanted '{Marker.RETURN}'"
        remedy = f"take the {TOKENIZER_CONFIG} that was published with the weights"
        yield Finding(GROUP, NAME, Level.WARNING, f"{said}; gptoss does not read it", remedy)


def _padding(subject: Subject, wanted: dict[str, int], tokenizer: Tokenizer) -> Iterator[Finding]:
    """Padding that is the end of an answer: programs that train leave padding out, and the end with it."""
    ends = {wanted[Marker.RETURN], wanted[Marker.CALL]}
    remedy = f"name {wanted[Marker.END_OF_TEXT]} {Marker.END_OF_TEXT} there before training"
    for name in (CONFIG, GENERATION):
        got = (subject.read_json(name) or {}).get(_PAD)
        if type(got) is int and got in ends:
            said = f"{name} has {_shown([got], tokenizer)} as padding: a model trained with it never learns to stop"
            yield Finding(GROUP, "padding", Level.WARNING, said, remedy)
    padding = _token((subject.read_json(TOKENIZER_CONFIG) or {}).get("pad_token"))
    if padding in (Marker.RETURN, Marker.CALL):
        said = f"{TOKENIZER_CONFIG} has {padding} as padding: a model trained with it never learns to stop"
        yield Finding(GROUP, "padding", Level.WARNING, said, remedy)


def _wrong_ends(
    ids: Sequence[Any], wanted: dict[str, int], tokenizer: Tokenizer
) -> tuple[Level, str | None]:
    """What is wrong with tokens at which turns would end, and how bad that is."""
    wrong = [token_id for token_id in ids if token_id not in wanted.values()]
    if not wrong:
        return Level.WARNING, None
    # Nothing writes what is no token, and after the end of a message gptoss goes on.
    harmless = {tokenizer.special_id(Marker.END)}
    cuts = any(_is_token(each, tokenizer) and each not in harmless for each in wrong)
    problem = f"has turns end at {_shown(wrong, tokenizer)}, which does not end one"
    return Level.ERROR if cuts else Level.WARNING, problem


def _is_token(token_id: object, tokenizer: Tokenizer) -> bool:
    return type(token_id) is int and 0 <= token_id < tokenizer.vocab_size


def _finding(subject: Subject, name: str, level: Level, problem: str, mending: Mending) -> Finding:
    remedy = f"{subject.repair_command()}, or take the {name} that was published with the weights"
    return Finding(GROUP, NAME, level, f"{name} {problem}", remedy, mending)


def _with(data: dict[str, Any], name: str, ends: object) -> Mending:
    """The file with other ends, and everything else as it was."""
    text = json.dumps({**data, _KEY: ends}, indent=2, ensure_ascii=False) + "\n"
    return Mending(name, text.encode("utf-8", "surrogatepass"), f"{_KEY} of {name}: {ends}")


def _ids(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _shown(ids: Sequence[Any], tokenizer: Tokenizer) -> str:
    """Some ids, each with the token that it is."""
    names = []
    for token_id in ids[:4]:
        text = "(no token)"
        if _is_token(token_id, tokenizer):
            text = tokenizer.decode([token_id])
            text = text if token_id in tokenizer.special_ids else shorten(text)
        names.append(f"{shorten(token_id)} {text}")
    return ", ".join(names) + (", ..." if len(ids) > 4 else "")


def _token(value: object) -> str | None:
    """A token in tokenizer_config.json: its text, or an object with that."""
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None
