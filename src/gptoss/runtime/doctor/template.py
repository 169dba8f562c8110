"""The chat template, which other programs render conversations with, and which is not used here."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from gptoss.files.regular import read_file
from gptoss.runtime.doctor.finding import Finding, Level, Look
from gptoss.runtime.doctor.subject import TOKENIZER_CONFIG, Subject

GROUP = "tokenizer"
FILE = "chat_template.jinja"
_MOST_BYTES = 1 << 20
# Of openai/gpt-oss-20b and -120b since 10 August 2025.
_RELEASED = "a4c9919cbbd4acdd51ccffe22da049264b1b73e59055fa58811a99efbd7c8146"
_OURS = "gptoss does not use it"


def look_at_template(subject: Subject) -> Look[None]:
    """Whether there is one, and whether it is the released one."""
    path = subject.text_folder / FILE
    inside = _inside(subject.read_json(TOKENIZER_CONFIG) or {})
    texts: dict[str, bytes] = {} if inside is None else {TOKENIZER_CONFIG: inside}
    if os.path.lexists(path):
        try:
            texts[FILE] = read_file(path, _MOST_BYTES)
        except OSError as error:
            said = f"{FILE} cannot be read: {error.strerror or error}; {_OURS}, other programs do"
            yield Finding(GROUP, "template", Level.WARNING, said, subject.got_again(path))
            return
    # What is written into another file has lost the line feed at its end.
    contents = {text.strip() for text in texts.values()}
    if not texts:
        said = "none: harmony is written without one here, other programs need one"
        yield Finding(GROUP, "template", Level.NOTE, said)
    elif len(contents) > 1:
        said = f"{FILE} and the one in {TOKENIZER_CONFIG} differ: other programs take the first; {_OURS}"
        yield Finding(GROUP, "template", Level.NOTE, said)
    elif any(
        hashlib.sha256(text + b"\n" * ends).hexdigest() == _RELEASED
        for text in contents
        for ends in (0, 1)
    ):
        yield Finding(GROUP, "template", Level.OK, f"the released one; {_OURS}")
    else:
        said = f"not the one that is known as released; {_OURS}, other programs do"
        yield Finding(GROUP, "template", Level.NOTE, said)


def _inside(data: dict[str, Any]) -> bytes | None:
    found = data.get("chat_template")
    return found.encode("utf-8", "replace") if isinstance(found, str) else None
