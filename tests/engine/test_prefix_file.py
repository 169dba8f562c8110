"""Prefixes that outlive their engine, and files that must not be believed."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gptoss
from gptoss.engine import Engine, EngineOptions, Owner, Request, SamplingParams
from gptoss.engine.prefix_file import PrefixFile
from gptoss.errors import OutputError, PrefixFileError
from gptoss.files import whole
from gptoss.model.config import LayerType
from gptoss.model.safetensors import SafetensorsFile
from gptoss.model.transformer import Transformer

IDENTITY = {"model": "tiny", "version": "1"}
PROMPT = [n * 7 % 90 for n in range(150)]


def ask(engine: Engine, prompt: list[int], owner: Owner | None = None) -> tuple[list[int], int]:
    """Greedy tokens, and how much of the prompt was cached."""
    greedy = SamplingParams(temperature=0)
    request = Request(prompt, greedy, max_tokens=8, owner=owner or Owner())
    sequence = engine.add(request)
    while sequence.finish_reason is None:
        engine.step()
    return sequence.token_ids[len(prompt) :], sequence.timings.cached_tokens


@pytest.fixture
def engine(tiny_model: Transformer) -> Engine:
    return Engine(tiny_model, EngineOptions(context=512))


@pytest.fixture
def file(tmp_path: Path, engine: Engine) -> PrefixFile:
    """Written by an engine that has seen two prompts."""
    made = PrefixFile(tmp_path / "kept", "tiny", IDENTITY)
    ask(engine, PROMPT)
    ask(engine, [*PROMPT[:100], *PROMPT[:40]])
    assert made.save(engine.prefixes) == engine.prefixes.num_tokens
    return made


def test_the_next_engine_goes_on_with_the_same_tokens(
    file: PrefixFile, engine: Engine, tiny_model: Transformer
) -> None:
    other = Engine(tiny_model, EngineOptions(context=512))
    assert file.restore(other.prefixes) == engine.prefixes.num_tokens
    wanted, _ = ask(Engine(tiny_model, EngineOptions(context=512)), [*PROMPT, 5, 6])
    assert ask(other, [*PROMPT, 5, 6]) == (wanted, len(PROMPT))
    assert ask(other, [*PROMPT[:100], *PROMPT[:40], 1])[1] == 140
    other.prefixes.clear()
    for kind in LayerType:
        pool = other.cache.pool(kind)
        assert pool.num_free == pool.num_pages


def test_owners_find_their_own_again(tmp_path: Path, tiny_model: Transformer) -> None:
    """What is shared too, and nothing of another's."""
    engine, made = Engine(tiny_model, EngineOptions(context=512)), PrefixFile(tmp_path, "t", {})
    a, b = Owner("a", 64), Owner("b", 64)
    for owner in (a, b, Owner("ö" * 33)):
        ask(engine, PROMPT, owner)
    made.save(engine.prefixes)
    other = Engine(tiny_model, EngineOptions(context=512))
    # A name that is too long is not kept.
    assert made.restore(other.prefixes) < engine.prefixes.num_tokens
    assert ask(other, PROMPT, Owner("c", 64))[1] == 64
    assert ask(other, PROMPT, Owner("d"))[1] == 0
    assert ask(other, PROMPT, a)[1] == ask(other, PROMPT, b)[1] == len(PROMPT) - 1


def test_what_was_used_last_is_still_that(
    file: PrefixFile, engine: Engine, tiny_model: Transformer
) -> None:
    other = Engine(tiny_model, EngineOptions(context=512))
    file.restore(other.prefixes)
    ways = [[node.tokens.data for node in e.prefixes.nodes_by_use()] for e in (engine, other)]
    assert ways[0] == ways[1]
    # Asked again, the older prompt becomes the newer one in both.
    for each in (engine, other):
        ask(each, PROMPT)
    ways = [[node.tokens.data for node in e.prefixes.nodes_by_use()] for e in (engine, other)]
    assert ways[0] == ways[1]


def test_only_the_newest_fit_into_a_small_file(file: PrefixFile, engine: Engine) -> None:
    num_tokens = file.save(engine.prefixes, max_bytes=file.path.stat().st_size // 2)
    assert 0 < num_tokens < engine.prefixes.num_tokens


def test_a_small_cache_takes_what_fits(file: PrefixFile, tiny_model: Transformer) -> None:
    small = Engine(
        tiny_model, EngineOptions(context=64, cache_tokens=64, max_running=1, spare_tokens=0)
    )
    assert 0 < file.restore(small.prefixes) <= 64
    assert len(ask(small, PROMPT[:50])[0]) == 8


def test_no_file_is_nothing(tmp_path: Path, engine: Engine) -> None:
    assert PrefixFile(tmp_path, "tiny", IDENTITY).restore(engine.prefixes) == 0


def test_another_model_has_another_file(file: PrefixFile, tmp_path: Path) -> None:
    other = PrefixFile(tmp_path / "kept", "tiny", {**IDENTITY, "version": "2"})
    assert not other.path.exists()
    file.path.rename(other.path)
    with pytest.raises(PrefixFileError, match="another model, version or way to run"):
        other.restore(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", [0.3, 0.5, 0.9, 0.999])
def test_a_changed_byte_is_noticed(file: PrefixFile, place: float, tiny_model: Transformer) -> None:
    data = bytearray(file.path.read_bytes())
    data[int(len(data) * place)] ^= 4
    file.path.write_bytes(data)
    fresh = Engine(tiny_model, EngineOptions(context=512))
    with pytest.raises(PrefixFileError, match="damaged"):
        file.restore(fresh.prefixes)
    assert fresh.prefixes.num_tokens == 0


@pytest.mark.parametrize("size", [0, 7, 500, -100])
def test_a_file_cut_short_is_refused(file: PrefixFile, size: int, tiny_model: Transformer) -> None:
    data = file.path.read_bytes()
    file.path.write_bytes(data[:size])
    with pytest.raises(PrefixFileError):
        file.restore(Engine(tiny_model, EngineOptions(context=512)).prefixes)


def test_pages_of_another_shape_are_refused(file: PrefixFile, tiny_model: Transformer) -> None:
    from gptoss.model.precision import CacheType

    options = EngineOptions(context=512, cache_type=CacheType.FLOAT32)
    with pytest.raises(PrefixFileError, match="another shape"):
        file.restore(Engine(tiny_model, options).prefixes)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((0, 10_000), (0, -2), (0, 5), (1, 10_000), (1, 0), (2, 7), (3, 0), (3, 33)),
        *((-1, -1), (-1, 1), (4, -1), (4, 2**31), (4, 2**63 - 1), (3, -(2**63))),
    ],
)
def test_a_tree_that_makes_no_sense_is_refused(
    file: PrefixFile, engine: Engine, column: int, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gptoss.engine import prefix_file

    made = prefix_file._tree

    def broken(nodes: list[object], owners: list[str]) -> np.ndarray:
        tree = made(nodes, owners)  # type: ignore[arg-type]
        tree[2, column] = value
        return tree

    monkeypatch.setattr(prefix_file, "_tree", broken)
    file.save(engine.prefixes)
    with pytest.raises(PrefixFileError, match="makes no sense"):
        file.restore(engine.prefixes)


def test_a_folder_that_cannot_be_written(tmp_path: Path, engine: Engine) -> None:
    ask(engine, PROMPT)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        PrefixFile(tmp_path / "file", "tiny", IDENTITY).save(engine.prefixes)


def test_siblings_that_are_the_same_are_refused(
    file: PrefixFile, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gptoss.engine import prefix_file

    made = prefix_file._tree

    def doubled(nodes: list[object], owners: list[str]) -> np.ndarray:
        tree = made(nodes, owners)  # type: ignore[arg-type]
        tree[2, 0], tree[2, 3:] = tree[1, 0], tree[1, 3:]
        return tree

    monkeypatch.setattr(prefix_file, "_tree", doubled)
    file.save(engine.prefixes)
    with pytest.raises(PrefixFileError, match="makes no sense"):
        file.restore(engine.prefixes)


def num_free(engine: Engine) -> list[int]:
    return [engine.cache.pool(kind).num_free for kind in LayerType]


def require_refused(file: PrefixFile, engine: Engine, said: str | None = None) -> None:
    """One short line, and the cache is as it was."""
    before = num_free(engine)
    with pytest.raises(PrefixFileError, match=said) as caught:
        file.restore(engine.prefixes)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert engine.prefixes.num_tokens == 0
    assert num_free(engine) == before


@pytest.fixture
def fresh(tiny_model: Transformer) -> Engine:
    return Engine(tiny_model, EngineOptions(context=512))


class TestDamage:
    def test_any_bytes_changed(self, file: PrefixFile, fresh: Engine) -> None:
        content = file.path.read_bytes()
        length = int.from_bytes(content[:8], "little")
        chance = random.Random(5)
        # Most of the file are pages: the header, where more can go wrong, gets half of all changes.
        for _ in range(200):
            changed = bytearray(content)
            for _ in range(chance.randint(1, 4)):
                end = chance.choice((8 + length, len(content)))
                changed[chance.randrange(end)] = chance.randrange(256)
            file.path.write_bytes(changed)
            if changed != content and json_of(bytes(changed)) != json_of(content):
                require_refused(file, fresh)

    @pytest.mark.parametrize("place", ["length", "header", "tree", "full", "sliding", "checksum"])
    def test_cut_at_every_boundary(self, file: PrefixFile, fresh: Engine, place: str) -> None:
        content = file.path.read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        starts = SafetensorsFile(file.path)._header.starts
        at = {"length": 8, "header": end, **starts}[place]
        for size in (at - 1, at, at + 1):
            file.path.write_bytes(content[:size])
            require_refused(file, fresh, "damaged")

    @pytest.mark.parametrize(
        "change",
        [
            lambda header: header["tree"].update(dtype="F64"),
            lambda header: header["tree"].update(dtype="U64"),
            lambda header: header["tree"].update(shape=[]),
            lambda header: header["tree"].update(shape=[-1, 36]),
            lambda header: header["tree"].update(shape=[2**62, 36]),
            lambda header: header["tree"].update(shape=header["tree"]["shape"][::-1]),
            lambda header: header["full"].update(dtype="I8"),
            lambda header: header["full"].update(data_offsets=[0, 8]),
            lambda header: header["sliding"].update(shape=[header["sliding"]["shape"][0], 1, 1]),
            lambda header: header["checksum"].update(shape=[4, 8]),
            lambda header: header.update(other=header.pop("checksum")),
            lambda header: header.pop("sliding"),
            lambda header: header.update(__metadata__=[]),
            lambda header: header.update(__metadata__={"model": 3}),
            lambda header: header["__metadata__"].update(model="other"),
            lambda header: header["__metadata__"].pop("gptoss_prefixes"),
        ],
    )
    def test_each_field_of_the_header(
        self, file: PrefixFile, fresh: Engine, change: Callable[[dict[str, Any]], object]
    ) -> None:
        content = file.path.read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:end])
        change(header)
        text = json.dumps(header).encode()
        file.path.write_bytes(len(text).to_bytes(8, "little") + text + content[end:])
        require_refused(file, fresh)

    @pytest.mark.parametrize(
        "text",
        [
            *(b"", b"{", b"[]", b"null", b"\xff", b'{"a":NaN}', b'{"a":1e999}', b"{} {}"),
            *(b'{"tree":1,"tree":2}', b"[" * 100_000, b'{"a":' * 500 + b"1" + b"}" * 500),
        ],
    )
    def test_what_is_no_header(self, file: PrefixFile, fresh: Engine, text: bytes) -> None:
        file.path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(64))
        require_refused(file, fresh, "header cannot be read")

    @pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**24 + 1, 10**7])
    def test_a_header_of_any_length(self, file: PrefixFile, fresh: Engine, length: int) -> None:
        file.path.write_bytes(length.to_bytes(8, "little") + file.path.read_bytes()[8:])
        require_refused(file, fresh, "header claims")

    def test_a_file_that_shrinks_while_it_is_read(
        self, file: PrefixFile, fresh: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from gptoss.engine import prefix_file

        taken = prefix_file._Places._take

        def shrink(places: Any, kind: LayerType) -> int | None:
            os.truncate(file.path, 5000)
            return taken(places, kind)

        monkeypatch.setattr(prefix_file._Places, "_take", shrink)
        require_refused(file, fresh, "it ends early")

    def test_a_file_that_is_far_too_large(self, file: PrefixFile, fresh: Engine) -> None:
        os.truncate(file.path, 1 << 42)
        require_refused(file, fresh, "more than are ever written")


def json_of(content: bytes) -> object:
    """Header and values; spaces between them do not count."""
    end = 8 + int.from_bytes(content[:8], "little")
    with contextlib.suppress(ValueError):
        return json.loads(content[8:end]), content[end:]
    return content


class TestOwner:
    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
    def test_prompts_are_readable_by_their_user_alone(
        self, tmp_path: Path, engine: Engine, umask: int
    ) -> None:
        ask(engine, PROMPT)
        before = os.umask(umask)
        try:
            file = PrefixFile(tmp_path / "above" / "kept", "tiny", IDENTITY)
            file.make_folder()
            file.save(engine.prefixes)
        finally:
            os.umask(before)
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
        assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]

    def test_files_of_earlier_versions_are_closed(self, file: PrefixFile, fresh: Engine) -> None:
        other = file.path.with_name("other-prefixes-0123.safetensors")
        other.write_bytes(b"what somebody said")
        for path in (file.path, other):
            path.chmod(0o644)
        file.make_folder()
        assert {stat.S_IMODE(p.stat().st_mode) for p in (file.path, other)} == {0o600}
        assert file.restore(fresh.prefixes) > 0

    @pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
    def test_what_others_may_write_is_not_believed(
        self, file: PrefixFile, fresh: Engine, mode: int
    ) -> None:
        file.path.chmod(mode)
        require_refused(file, fresh, "others may write to it")

    def test_what_another_user_made_is_not_believed(
        self, file: PrefixFile, fresh: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if os.geteuid() == 0:
            os.chown(file.path, 1234, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 1234)
        require_refused(file, fresh, "it belongs to user")

    @pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "FIFO", "device"])
    def test_what_is_no_file_is_not_opened(
        self, file: PrefixFile, fresh: Engine, engine: Engine, kind: str, tmp_path: Path
    ) -> None:
        away = tmp_path / "elsewhere"
        file.path.rename(away)
        content = away.read_bytes()
        put_in_place(file.path, kind, away)
        require_refused(file, fresh, f"it is a {kind.removeprefix('dangling ')}")
        if kind in ("folder", "device"):
            with pytest.raises(OutputError, match=f"there is a {kind} of that name"):
                file.save(engine.prefixes)
            return
        # It is made anew, and nothing is written through it.
        file.save(engine.prefixes)
        assert stat.S_ISREG(file.path.lstat().st_mode)
        assert away.read_bytes() == content
        assert file.restore(fresh.prefixes) > 0


def put_in_place(path: Path, kind: str, target: Path) -> None:
    if kind == "link":
        path.symlink_to(target)
    elif kind == "dangling link":
        path.symlink_to(target.with_name("nothing"))
    elif kind == "folder":
        path.mkdir()
    elif kind == "FIFO":
        os.mkfifo(path)
    elif os.geteuid() == 0:
        # That of /dev/null.
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    else:
        pytest.skip("only root can make devices")


class TestModel:
    """A model starts whatever is in the folder, with a line for what it does not use."""

    def test_a_damaged_file_costs_a_line_and_is_made_anew(self, tmp_path: Path) -> None:
        folder = tmp_path / "kept"
        for _ in range(2):
            with gptoss.load("nano", prefix_cache=folder) as model:
                list(model.submit(PROMPT, SamplingParams(temperature=0), max_tokens=1))
        (path,) = folder.iterdir()
        good = path.read_bytes()
        path.write_bytes(good[:-100])
        with (
            pytest.warns(UserWarning, match="is not used, and made anew") as caught,
            gptoss.load("nano", prefix_cache=folder) as model,
        ):
            list(model.submit(PROMPT, SamplingParams(temperature=0), max_tokens=1))
        assert len(caught) == 1
        with gptoss.load("nano", prefix_cache=folder):
            pass

    def test_a_folder_that_vanishes(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with (
            caplog.at_level(logging.WARNING),
            gptoss.load("nano", prefix_cache=tmp_path / "kept") as model,
        ):
            list(model.submit(PROMPT, SamplingParams(temperature=0), max_tokens=1))
            (tmp_path / "kept").rmdir()
            (tmp_path / "kept").write_text("in its place")
        assert caplog.text.count("prefixes are not kept") == 1

    def test_a_full_disk(
        self, file: PrefixFile, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = file.path.read_bytes()

        def fail(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(whole.os, "fsync", fail)
        with pytest.raises(OutputError, match="No space left on device"):
            file.save(engine.prefixes)
        assert [(p.name, p.read_bytes()) for p in file.path.parent.iterdir()] == [
            (file.path.name, before)
        ]
