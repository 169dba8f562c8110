"""Looks at a machine and a model, one thing after the other; whatever is wrong becomes a finding."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from gptoss.errors import GptossError
from gptoss.files.regular import kind_of
from gptoss.model.checkpoint_files import INDEX
from gptoss.model.config import Config
from gptoss.runtime.doctor import configuration, ends, room, shards, vocabulary, weights
from gptoss.runtime.doctor.finding import Finding, Level, Look, worst_of
from gptoss.runtime.doctor.hashes import PublishedHashes
from gptoss.runtime.doctor.machine import look_at_machine
from gptoss.runtime.doctor.shards import Shards
from gptoss.runtime.doctor.subject import (
    CONFIG,
    GENERATION,
    TOKENIZER,
    TOKENIZER_CONFIG,
    Subject,
    find_subject,
)
from gptoss.runtime.doctor.template import FILE as TEMPLATE
from gptoss.runtime.doctor.template import look_at_template
from gptoss.runtime.locating import MODEL_VARIABLE
from gptoss.tokenizer import Tokenizer

GROUP = "model"
_Result = TypeVar("_Result")
_BESIDE_WEIGHTS = (CONFIG, GENERATION, INDEX)
_SMALL = (*_BESIDE_WEIGHTS, TOKENIZER, TOKENIZER_CONFIG, TEMPLATE)


class Examination:
    """One look at a machine and a model.

    `findings` has what was found so far, `subject` the model, once it was found.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        quick: bool = False,
        weights_cache: str | Path | None = None,
        on_reading: Callable[[int, int], object] | None = None,
    ) -> None:
        """`quick` leaves out what reads all weights; `on_reading` hears of bytes read and bytes in all otherwise."""
        self._model = model
        self._quick = quick
        self._weights_cache = weights_cache
        self._on_reading = on_reading
        self.subject: Subject | None = None
        self.findings: list[Finding] = []

    @property
    def worst(self) -> Level:
        """The worst level of all findings."""
        return worst_of(self.findings)

    def run(self) -> Iterator[Finding]:
        """Each finding as soon as it is there. Raises nothing that a machine or a file could be the reason of."""
        for finding in self._run():
            self.findings.append(finding)
            yield finding

    def of_model(self) -> Iterator[Finding]:
        """As `run`, without the machine."""
        for finding in self._look_at_model():
            self.findings.append(finding)
            yield finding

    def _run(self) -> Iterator[Finding]:
        yield from _guarded("machine", "machine", look_at_machine)
        yield from self._look_at_model()

    def _look_at_model(self) -> Iterator[Finding]:
        self.subject = yield from _guarded(GROUP, "which", self._find)
        if self.subject is None:
            return
        subject = self.subject
        found = yield from _guarded(shards.GROUP, "weights", lambda: shards.look_at_shards(subject))
        files = Shards() if found is None else found
        published = yield from _guarded(shards.GROUP, "hashes", lambda: _look_at_small(subject))
        is_whole = found is not None and not self._lacks_files()
        config = None
        if not subject.is_gguf:
            config = yield from _guarded(
                configuration.GROUP, "config", lambda: configuration.look_at_config(subject)
            )
        checkpoint = yield from _guarded(
            configuration.GROUP,
            "tensors",
            lambda: configuration.look_at_opening(subject, config, is_whole=is_whole),
        )
        if checkpoint is not None:
            config = checkpoint.config
        tokenizer = yield from _guarded(
            vocabulary.GROUP,
            "reading",
            lambda: vocabulary.look_at_tokenizer(subject, files, config),
        )
        yield from _guarded(
            ends.GROUP, ends.NAME, lambda: _look_at_ends(subject, config, tokenizer)
        )
        if not subject.is_gguf:
            yield from _guarded(vocabulary.GROUP, "template", lambda: look_at_template(subject))
        if checkpoint is None:
            yield room.skipped("the model cannot be opened")
        else:
            opened = checkpoint
            yield from _guarded(
                room.GROUP, "room", lambda: room.look_at_room(subject, opened, self._weights_cache)
            )
        yield from self._look_at_weights(subject, files, published)

    def _find(self) -> Look[Subject]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            subject = find_subject(self._model)
        for warning in caught:
            # Why it is not one of those that come before it.
            said, _, remedy = str(warning.message).rpartition("; ")
            yield Finding(GROUP, "which", Level.WARNING, said, remedy)
        named = ""
        if self._model is None:
            by_variable = bool(os.environ.get(MODEL_VARIABLE))
            named = (
                f" (by ${MODEL_VARIABLE})"
                if by_variable
                else " (none is named: commands take it without --model)"
            )
        yield Finding(
            GROUP, "which", Level.OK, f"{subject.name}{named}, in {subject.path.absolute()}"
        )
        return subject

    def _lacks_files(self) -> bool:
        """Whether weights or their index are not there, or cannot be read; a wrong hash may be one of a good file."""
        return any(
            each.group == shards.GROUP and each.level is Level.ERROR and each.name != "hashes"
            for each in self.findings
        )

    def _look_at_weights(
        self, subject: Subject, files: Shards, published: PublishedHashes | None
    ) -> Iterator[Finding]:
        if not files.files or published is None:
            yield Finding(
                weights.GROUP, "values", Level.NOTE, "not looked at: no file of them can be read"
            )
        elif self._quick:
            said = "not read: hashes and values are looked at without --quick"
            yield Finding(weights.GROUP, "values", Level.NOTE, said)
        else:
            yield from _guarded(
                weights.GROUP,
                "values",
                lambda: weights.look_at_weights(subject, files, published, self._on_reading),
            )


def _look_at_small(subject: Subject) -> Look[PublishedHashes]:
    """Hashes of the small files, and what is known of all."""
    published = PublishedHashes(subject)
    num_right = 0
    for name in _SMALL:
        folder = subject.folder if name in _BESIDE_WEIGHTS else subject.text_folder
        path = folder / name
        if not path.is_file():
            yield from _absent(subject, path, published)
            continue
        try:
            known = published.of(path)
            problem = None if known is None else weights.hash_problem(path, known)
        except OSError as error:
            said = f"{name} cannot be read: {error.strerror or error}"
            yield Finding(shards.GROUP, "hashes", Level.ERROR, said, subject.got_again(path))
            continue
        if problem is not None:
            yield weights.differs(subject, path, problem, shards.GROUP)
        elif known is not None:
            num_right += 1
    if num_right:
        said = f"{num_right} small files are as published"
        yield Finding(shards.GROUP, "hashes", Level.OK, said)
    return published


def _absent(subject: Subject, path: Path, published: PublishedHashes) -> Iterator[Finding]:
    """What is wrong where a small file is none, of those that no other look needs."""
    if path.name not in (GENERATION, TOKENIZER_CONFIG, TEMPLATE):
        return
    if path.exists():
        what = f"is a {kind_of(path.stat().st_mode)}"
    elif path.is_symlink():
        what = "leads nowhere"
    elif published.lists(path):
        what = "is missing, and was published"
    else:
        return
    said = f"{path.name} {what}: gptoss runs without it, other programs may not"
    yield Finding(shards.GROUP, "hashes", Level.WARNING, said, subject.got_again())


def _look_at_ends(
    subject: Subject, config: Config | None, tokenizer: Tokenizer | None
) -> Look[None]:
    if tokenizer is None:
        said = "not looked at: the tokenizer cannot be read"
        yield Finding(ends.GROUP, ends.NAME, Level.NOTE, said)
    elif not subject.is_gguf:
        yield from ends.look_at_ends(subject, tokenizer)
    elif config is not None:
        yield from ends.look_at_gguf_ends(config.eos_token_ids, tokenizer)


def _guarded(group: str, name: str, look: Callable[[], Look[_Result]]) -> Look[_Result | None]:
    """The findings of one look, and what it returns; an error that ends it is a finding as well, and None."""
    try:
        return (yield from look())
    except GptossError as error:
        yield Finding.of_error(group, name, error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        said = f"cannot be looked at: {where}{error.strerror or error}"
        yield Finding(group, name, Level.ERROR, said, "see who may read it, and the disk's health")
    except Exception as error:
        # A fault of ours must not keep the rest from being looked at, nor be taken for one of the files.
        said = f"this look failed by itself ({type(error).__name__}: {error})"
        yield Finding(
            group, name, Level.ERROR, said, "please report it with the model's small files"
        )
    return None
