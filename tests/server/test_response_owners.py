"""What one key keeps is not there for another."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gptoss.engine import EVERYBODY
from gptoss.errors import ServerError
from gptoss.server.responses import store_format
from gptoss.server.responses.store import ResponseStore
from gptoss.server.responses.store_format import _COUNTED
from gptoss.server.responses.types.events import ResponseChanged
from gptoss.server.settings import Keys
from gptoss.server.wire_errors import ApiError
from tests.conftest import ScriptedModel
from tests.server.conftest import KEY, MakeClient, keys_of
from tests.server.kept_responses import kept, read, response, said
from tests.server.responses_shapes import asked, require_items, require_response

OTHER_KEY = "sk-another-key-of-the-tests"
MINE, OTHERS = ({"authorization": f"Bearer {key}"} for key in (KEY, OTHER_KEY))
ENDLESS = "<|channel|>final<|message|>" + "word " * 400


@pytest.fixture
def shared(make_client: MakeClient) -> TestClient:
    return make_client(keys=keys_of(KEY, OTHER_KEY))


def made_by(client: TestClient, headers: dict[str, str], **fields: Any) -> Any:
    return client.post("/v1/responses", json=asked(**fields), headers=headers)


def test_another_key_finds_nothing(shared: TestClient) -> None:
    made = require_response(made_by(shared, MINE).json())
    path = f"/v1/responses/{made['id']}"
    for method, place in (
        ("GET", path),
        ("GET", f"{path}?stream=true"),
        ("GET", f"{path}/input_items"),
        ("POST", f"{path}/cancel"),
        ("DELETE", path),
    ):
        reply = shared.request(method, place, headers=OTHERS)
        assert reply.status_code == 404, (method, place)
        missing = shared.request(method, place.replace(made["id"], "resp_no"), headers=OTHERS)
        assert reply.text == missing.text.replace("resp_no", made["id"])
    # It is all there for the one who made it, by whichever header the key comes.
    assert shared.get(path, headers={"x-api-key": KEY}).json() == made
    assert require_items(shared.get(f"{path}/input_items", headers=MINE).json())
    assert shared.delete(path, headers=MINE).status_code == 200


def test_another_key_cannot_go_on_from_it(shared: TestClient) -> None:
    made = made_by(shared, MINE, given="Remember 7.").json()
    following = {"given": "And?", "previous_response_id": made["id"]}
    reply = made_by(shared, OTHERS, **following)
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "previous_response_not_found"
    for place in ("render", "input_tokens"):
        path = f"/v1/responses/{place}"
        assert shared.post(path, json=asked(**following), headers=OTHERS).status_code == 404
        assert shared.post(path, json=asked(**following), headers=MINE).status_code == 200
    reference = {"type": "item_reference", "id": made["output"][-1]["id"]}
    given = [reference, {"role": "user", "content": "And?"}]
    reply = made_by(shared, OTHERS, given=given)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "item_not_found")
    assert made_by(shared, MINE, given=given).status_code == 200
    assert made_by(shared, MINE, **following).status_code == 200


def test_what_runs_is_its_owners(make_client: MakeClient, scripted_model: ScriptedModel) -> None:
    client = make_client(scripted_model(ENDLESS, 0.005), keys=keys_of(KEY, OTHER_KEY))
    made = made_by(client, MINE, background=True).json()
    path = f"/v1/responses/{made['id']}"
    for method, place in (
        ("GET", path),
        ("GET", f"{path}?stream=true"),
        ("POST", f"{path}/cancel"),
        ("DELETE", path),
    ):
        assert client.request(method, place, headers=OTHERS).status_code == 404
    assert client.get(path, headers=MINE).json()["status"] in ("queued", "in_progress")
    assert client.post(f"{path}/cancel", headers=MINE).json()["status"] == "cancelled"


def test_without_keys_there_is_one_owner(client: TestClient) -> None:
    made = made_by(client, MINE).json()
    assert client.get(f"/v1/responses/{made['id']}", headers=OTHERS).json() == made


def test_no_key_is_kept(make_client: MakeClient, tmp_path: Path) -> None:
    path = tmp_path / "store"
    client = make_client(keys=keys_of(KEY), store=path)
    assert made_by(client, MINE).status_code == 200
    kept = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    owner = keys_of(KEY).owner_of(KEY)
    assert owner.encode() in kept
    assert KEY.encode() not in kept
    assert keys_of(KEY).digests[0].hex().encode() not in kept


def test_names_of_owners() -> None:
    keys = keys_of(KEY, OTHER_KEY)
    assert keys.owner_of(KEY) == keys_of(KEY).owner_of(KEY)
    assert keys.owner_of(KEY) != keys.owner_of(OTHER_KEY)
    assert Keys().owner_of(KEY) == Keys().owner_of(None) == EVERYBODY


def test_a_file_that_knew_no_owners(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store = ResponseStore(path, 1e12, 1 << 30)
    store.add(response("r0"), [], EVERYBODY)
    store.finish(response("r0", [said("i")]))
    store.close()
    _make_older(path)
    # Twice: it is brought up to date once.
    for _ in range(2):
        again = ResponseStore(path, 1e12, 1 << 30)
        assert again.context("r0", EVERYBODY)[0].id == "i"
        assert again.item("i", EVERYBODY) is not None
        assert again.item("i", "me") is None
        with pytest.raises(ApiError):
            again.response("r0", "me")
        again.add(response("r1"), [kept("j")], "me")
        again.delete("r1", "me")
        again.close()
    _set_format(path, b"4")
    with pytest.raises(ServerError, match="another version"):
        ResponseStore(path, 1e12, 1 << 30)


def test_a_migration_that_is_cut_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store"
    store = ResponseStore(path, 1e12, 1 << 30)
    store.add(response("r0"), [], EVERYBODY)
    store.close()
    _make_older(path)
    with monkeypatch.context() as patch:
        patch.setattr(store_format, "_COUNT_ALL", "nothing like SQL")
        with pytest.raises(ServerError):
            ResponseStore(path, 1e12, 1 << 30)
    again = ResponseStore(path, 1e12, 1 << 30)
    assert read(again, "r0", EVERYBODY)["id"] == "r0"
    assert _num_counted(again) == _num_there(again)
    again.close()


def test_what_an_owner_takes_is_counted_whatever_becomes_of_it() -> None:
    """Items that a later response still uses count when the one that brought them is deleted; in bytes."""
    store = ResponseStore(None, 1e12, 1 << 30)
    for number in range(5):
        made = response(f"r{number}", [said(f"o{number}")])
        context = store.context(f"r{number - 1}", "me") if number else []
        store.add(made, [*context, kept(f"i{number}", "世界" * 1000)], "me")
        ended = ResponseChanged(type="response.completed", response=made, sequence_number=0)
        store.finish(made, events=[ended])
        if number:
            store.delete(f"r{number - 1}", "me")
        assert _num_counted(store) == _num_there(store) > 6000 * (number + 1)
    store.delete("r4", "me")
    assert _num_counted(store) == 0
    store.close()


def test_an_owner_cannot_hide_what_it_takes() -> None:
    """Going on from responses that are deleted pushes out nobody else's."""
    store = ResponseStore(None, 1e12, 600_000)
    store.add(response("mine"), [], "me")
    for number in range(40):
        try:
            context = store.context(f"r{number - 1}", "other") if number else []
        except ApiError:
            context = []
        store.add(response(f"r{number}"), [*context, kept(f"i{number}", "x" * 30_000)], "other")
        if number:
            with contextlib.suppress(ApiError):
                store.delete(f"r{number - 1}", "other")
    assert read(store, "mine", "me")["id"] == "mine"
    store.close()


def test_a_store_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "new" / "store"
    ResponseStore(path, 1e12, 1 << 30).close()
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    path.chmod(0o644)
    ResponseStore(path, 1e12, 1 << 30).close()
    assert path.stat().st_mode & 0o777 == 0o600
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(ServerError):
        ResponseStore(link, 1e12, 1 << 30)


def _num_counted(store: ResponseStore) -> int:
    return int(store._db.execute("SELECT coalesce(sum(num_bytes), 0) FROM owners").fetchone()[0])


def _num_there(store: ResponseStore) -> int:
    items = store._db.execute("SELECT data FROM items").fetchall()
    responses = store._db.execute("SELECT body, events FROM responses").fetchall()
    sizes = [len(data.encode()) for (data,) in items]
    return sum(sizes) + sum(len(body.encode()) + len(events or b"") for body, events in responses)


def _make_older(path: Path) -> None:
    """As the program wrote it before."""
    database = sqlite3.connect(path)
    database.execute("DROP INDEX responses_by_owner")
    for name in _COUNTED:
        database.execute(f"DROP TRIGGER {name}")
    database.execute("DROP TABLE owners")
    database.execute("ALTER TABLE responses DROP COLUMN owner")
    database.execute("ALTER TABLE items DROP COLUMN owner")
    database.execute("INSERT INTO meta VALUES ('key', 'x')")
    database.commit()
    database.close()
    _set_format(path, b"1")


def _set_format(path: Path, number: bytes) -> None:
    database = sqlite3.connect(path)
    database.execute("UPDATE meta SET value = ? WHERE name = 'format'", (number,))
    database.commit()
    database.close()
