"""The store of responses: sharing, room, age, restarts; and the seal on thoughts that leave the server."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptoss.errors import ServerError
from gptoss.server.responses.items import excerpt_of
from gptoss.server.responses.seal import Seal
from gptoss.server.responses.seal_key import seal_key
from gptoss.server.responses.store import KeptItem, ResponseStore
from gptoss.server.responses.types.response import Response
from gptoss.server.responses.types.tools import DeclaredFunction
from gptoss.server.wire_errors import ApiError
from tests.server.kept_responses import kept, read, response, said

DAY = 86400.0
ME = "me"


class Clock:
    """Says what time it is made to be."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def keep(store: ResponseStore, made: Response, context: list[KeptItem]) -> None:
    store.add(made, context, ME)
    store.finish(made)


def opened(path: Path | None = None, most_bytes: int = 1 << 30, clock: Clock | None = None) -> Any:
    return ResponseStore(path, DAY, most_bytes, clock or Clock())


def input_ids(store: ResponseStore, response_id: str) -> list[object]:
    page, has_more = store.inputs(response_id, ME, limit=100, after=None, is_newest_first=False)
    assert not has_more
    return [each.id for each in page]


def num_items(store: ResponseStore) -> int:
    return int(store._db.execute("SELECT count(*) FROM items").fetchone()[0])


def test_responses_share_their_items() -> None:
    store = opened()
    keep(store, response("r0", [said("b")]), [kept("a")])
    keep(store, response("r1", [said("d")]), [*store.context("r0", ME), kept("c")])
    assert [each.id for each in store.context("r1", ME)] == ["a", "b", "c", "d"]
    assert input_ids(store, "r1") == ["a", "b", "c"]
    assert num_items(store) == 4
    store.delete("r0", ME)
    assert num_items(store) == 4
    assert [each.id for each in store.context("r1", ME)] == ["a", "b", "c", "d"]
    store.delete("r1", ME)
    assert num_items(store) == 0
    store.close()


def test_what_was_deleted_in_between_is_kept_with_what_goes_on_from_it() -> None:
    store = opened()
    keep(store, response("r0", [said("b")]), [kept("a")])
    context = store.context("r0", ME)
    store.delete("r0", ME)
    keep(store, response("r1"), context)
    assert input_ids(store, "r1") == ["a", "b"]
    store.close()


def test_what_a_response_says_is_not_taken_for_its_items() -> None:
    """Its items are put where it has none, and such words may stand elsewhere in it."""
    store = opened()
    made = response("r0", [said("b", '"output":[]'), said("c")])
    made.instructions = '"output":[], {"output":[]}'
    made.metadata = {"output": "[]", '"output":[]': '"output":[]'}
    made.tools = [
        DeclaredFunction(
            type="function",
            name="f",
            description=None,
            parameters={"output": []},
            strict=None,
        )
    ]
    keep(store, made, [kept("a")])
    assert read(store, "r0", ME) == json.loads(made.written())
    store.close()


def test_one_that_was_deleted_while_it_ran_stays_deleted() -> None:
    store = opened()
    store.add(response("r0", status="queued"), [], ME)
    store.delete("r0", ME)
    store.finish(response("r0", [said("b")]))
    with pytest.raises(ApiError):
        store.response("r0", ME)
    assert num_items(store) == 0
    store.close()


def test_the_oldest_make_room(tmp_path: Path) -> None:
    path = tmp_path / "store"
    most = 400_000
    store = opened(path, most)
    for number in range(40):
        keep(store, response(f"r{number}"), [kept(f"i{number}", "x" * 30_000)])
        assert store._num_bytes() <= most
    assert read(store, "r39", ME)["id"] == "r39"
    with pytest.raises(ApiError):
        store.response("r0", ME)
    store.close()
    assert path.stat().st_size <= most
    # A smaller limit holds from the start.
    smaller = opened(path, 200_000)
    assert smaller._num_bytes() <= 200_000
    assert read(smaller, "r39", ME)["id"] == "r39"
    smaller.close()


def test_an_owner_pushes_out_its_own() -> None:
    store = opened(most_bytes=400_000)
    store.add(response("mine"), [kept("i", "x" * 30_000)], ME)
    store.finish(response("mine"))
    for number in range(40):
        store.add(response(f"r{number}"), [kept("j", "x" * 30_000)], "another")
        store.finish(response(f"r{number}"))
    assert read(store, "mine", ME)["id"] == "mine"
    assert read(store, "r39", "another")["id"] == "r39"
    with pytest.raises(ApiError):
        store.response("r0", "another")
    assert store._num_bytes() <= 400_000
    store.close()


def test_a_conversation_that_grew_too_long_is_not_gone_on_from() -> None:
    """What is never read by the model has a limit too."""
    store = opened()
    for number in range(3):
        context = store.context(f"r{number - 1}", ME) if number else []
        keep(store, response(f"r{number}"), [*context, kept(f"i{number}", "x" * 4000)])
    with pytest.raises(ApiError, match="wanted at most 10,000") as caught:
        store.context("r2", ME, 10_000)
    assert caught.value.status == 400
    assert len(store.context("r1", ME, 10_000)) == 2
    store.close()


def test_what_runs_makes_no_room() -> None:
    store = opened(most_bytes=200_000)
    store.add(response("live", status="in_progress"), [], ME)
    for number in range(20):
        keep(store, response(f"r{number}"), [kept("i", "x" * 30_000)])
    assert read(store, "live", ME)["status"] == "in_progress"
    store.close()


def test_what_is_old_goes() -> None:
    clock = Clock()
    store = opened(clock=clock)
    keep(store, response("r0", at=1000.0), [kept("a")])
    clock.now += DAY / 2
    keep(store, response("r1", at=clock.now), [kept("b")])
    clock.now += DAY / 2 + 1
    with pytest.raises(ApiError) as caught:
        store.context("r0", ME)
    assert caught.value.status == 404
    assert store.item("a", ME) is None
    assert read(store, "r1", ME)["id"] == "r1"
    store.close()


def test_it_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "a" / "store"
    store = opened(path)
    keep(store, response("r0", [said("b", "世界")]), [kept("a")])
    store.add(response("r1", status="in_progress"), [], ME)
    with pytest.raises(ServerError):
        opened(path)
    store.close()
    again = opened(path)
    assert read(again, "r0", ME)["output"] == [said("b", "世界").model_dump()]
    assert read(again, "r1", ME)["status"] == "failed"
    again.close()


def test_a_file_that_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(ServerError):
        opened(path)
    with pytest.raises(ServerError):
        opened(tmp_path)
    assert path.read_bytes() == b"something else" * 1000


def test_the_first_item_of_an_id_stays_it() -> None:
    store = opened()
    keep(store, response("r0"), [kept("a", "true")])
    keep(store, response("r1"), [kept("a", "false")])
    found = store.item("a", ME)
    assert found is not None
    assert found.text == kept("a", "true").text
    store.close()


def test_many_threads() -> None:
    store = opened()

    def work(name: str) -> None:
        for number in range(20):
            keep(store, response(f"{name}{number}", [said("o")]), [kept("i")])
            store.context(f"{name}{number}", ME)
            if number % 2:
                store.delete(f"{name}{number}", ME)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert num_items(store) == 2 * 40
    store.close()


class TestSealKey:
    def test_lies_beside_the_store_and_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "store"
        key = seal_key(None, path)
        assert seal_key(None, path) == key
        assert (tmp_path / "a" / "store.key").stat().st_mode & 0o777 == 0o600
        assert seal_key(None, None) != seal_key(None, None)

    def test_of_a_file_is_that_of_all_who_have_it(self, tmp_path: Path) -> None:
        first, second = tmp_path / "first", tmp_path / "second"
        for path in (first, second):
            path.write_text("k" * 40 + "\n")
            path.chmod(0o400)
        assert seal_key(first, None) == seal_key(second, tmp_path / "store")
        assert not (tmp_path / "store.key").exists()

    @pytest.mark.parametrize(
        ("text", "mode", "said"),
        [
            ("k" * 40, 0o640, "others can read it"),
            ("k" * 40, 0o666, "others may write to it"),
            ("k" * 31, 0o600, "31 bytes"),
            (None, 0, "No such file"),
        ],
    )
    def test_that_is_none(self, tmp_path: Path, text: str | None, mode: int, said: str) -> None:
        path = tmp_path / "key"
        if text is not None:
            path.write_text(text)
            path.chmod(mode)
        with pytest.raises(ServerError, match=said):
            seal_key(path, None)

    def test_a_link_beside_the_store_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "store.key").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ServerError, match="cannot use"):
            seal_key(None, tmp_path / "store")
        assert not (tmp_path / "elsewhere").exists()


@given(st.text())
def test_a_seal_gives_back_what_was_closed(text: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return
    seal = Seal(b"k" * 32)
    sealed = seal.close(ME, text)
    assert seal.open(ME, sealed) == text
    for other, owner in ((Seal(b"j" * 32), ME), (seal, "another"), (seal, "")):
        assert other.open(owner, sealed) is None


def test_a_seal_that_was_changed_opens_nothing() -> None:
    seal = Seal(b"k" * 32)
    sealed = seal.close(ME, "I think.")
    # The last letter of Base64 may have bits that mean nothing.
    for index in range(len(sealed.rstrip("=")) - 1):
        letter = "A" if sealed[index] != "A" else "B"
        assert seal.open(ME, sealed[:index] + letter + sealed[index + 1 :]) is None
    for wrong in (
        "",
        "gptoss2.",
        "gptoss2.AAAA",
        "gptoss1.AAAA",
        sealed[:-20],
        f"{sealed}AAAA",
        "é",
    ):
        assert seal.open(ME, wrong) is None


@pytest.mark.parametrize(
    ("text", "num", "excerpt"),
    [
        ("", 1, ""),
        ("One. Two. Three. Four.", 1, "One."),
        ("One. Two. Three. Four.", 3, "One. Two. Three."),
        ("It is 3.5 e.g. so. Then more.", 1, "It is 3.5 e.g. so."),
        ("No end", 3, "No end"),
        ("First line\n\nSecond", 1, "First line"),
        ("Why? Because!", 1, "Why?"),
    ],
)
def test_an_excerpt(text: str, num: int, excerpt: str) -> None:
    assert excerpt_of(text, num) == excerpt


def test_an_excerpt_is_short() -> None:
    assert len(excerpt_of("word " * 10_000, 1)) < 610


@pytest.mark.parametrize("part", ["input", "output"])
def test_one_that_is_larger_than_the_store_is_told_and_pushes_nobody_out(part: str) -> None:
    store = opened(most_bytes=400_000)
    keep(store, response("small"), [kept("i", "x" * 1000)])
    large = "x" * 500_000
    context = [kept("j", large)] if part == "input" else []
    output = [said("k", large)] if part == "output" else []
    is_kept = store.add(response("large", output), context, ME)
    if part == "output":
        is_kept = is_kept and store.finish(response("large", output))
    assert not is_kept
    with pytest.raises(ApiError):
        store.response("large", ME)
    assert read(store, "small", ME)["id"] == "small"
    assert num_items(store) == 1
    assert store.add(response("next"), [], ME)
    assert store.finish(response("next"))
    # What its owner deleted meanwhile is nothing to tell of.
    store.delete("next", ME)
    assert store.finish(response("next"))
    store.close()
