"""Responses that are kept, with all that led to them: one SQLite file, or memory."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gptoss.errors import ServerError, shown
from gptoss.server.chat.reply import Json
from gptoss.server.wire_errors import ApiError

LIVE = ("queued", "in_progress")
# The second has owners; the third knows what each response takes, and has no key.
_FORMAT = 3
_SCHEMA = """
PRAGMA auto_vacuum = FULL;
PRAGMA secure_delete = ON;
PRAGMA foreign_keys = ON;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS responses (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created REAL NOT NULL,
    is_live INTEGER NOT NULL, body TEXT NOT NULL, events BLOB, owner TEXT NOT NULL DEFAULT '',
    num_bytes INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS items (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS items_by_id ON items (id);
CREATE TABLE IF NOT EXISTS uses (
    response INTEGER NOT NULL REFERENCES responses (number), position INTEGER NOT NULL,
    item INTEGER NOT NULL REFERENCES items (number), is_output INTEGER NOT NULL,
    PRIMARY KEY (response, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uses_by_item ON uses (item);
"""
# What each response brought, as near as an older format lets know it.
_SIZES = """
UPDATE responses SET num_bytes = length(body) + coalesce(length(events), 0) + coalesce((
    SELECT sum(length(data)) FROM uses JOIN items ON items.number = item
    WHERE response = responses.number AND is_output
), 0)
"""
_OLDEST_OF_LARGEST = """
SELECT number FROM responses WHERE NOT is_live AND owner = (
    SELECT owner FROM responses WHERE NOT is_live
    GROUP BY owner ORDER BY sum(num_bytes) DESC, min(number) LIMIT 1
) ORDER BY number LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class KeptItem:
    """An item of a conversation; `number`: its place in the store, if it has one. Responses share their items."""

    data: Json
    number: int | None = None


class ResponseStore:
    """Keeps responses for a time, within a size. From any thread, and slow: not for event loops.

    Where room is needed, it is made by the oldest of the owner who takes most, so that nobody's are pushed out by
    another's. To all but their owner they are not there; who that is, `Keys.owner_of` says. Those of a file that knew
    no owners are everybody's, where no keys are asked for. Opening it says of every response that was live in another
    process that it failed.
    """

    def __init__(
        self,
        path: Path | None,
        keep_s: float,
        most_bytes: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raises ServerError for a file that cannot be used, or that another server uses."""
        self._keep_s = keep_s
        self._most_bytes = most_bytes
        self._now = now
        self._lock = threading.Lock()
        try:
            self._db = _connect(path)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise ServerError(
                f"cannot use {path} as the store of responses: {error}; give another file, "
                "or end the server that uses it"
            ) from None
        with self._lock, self._db:
            self._end_live()
            self._make_room()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def add(self, response: Json, context: Iterable[KeptItem], owner: str) -> None:
        """Keep a response, and the items that it answers."""
        with self._lock, self._db:
            body = _dumps({**response, "output": []})
            cursor = self._db.execute(
                "INSERT INTO responses (id, created, is_live, body, owner) VALUES (?, ?, ?, ?, ?)",
                (response["id"], response["created_at"], _is_live(response), body, owner),
            )
            number = int(cursor.lastrowid or 0)
            size = len(body)
            for position, item in enumerate(context):
                size += self._use(number, position, item, is_output=False)
            self._grow(number, size)
            self._make_room()

    def finish(self, response: Json, events: Sequence[Json] | None = None) -> None:
        """Bring one that was added to its end, unless it was deleted; `events`: its stream, to be read again."""
        output = response["output"]
        assert isinstance(output, list)
        with self._lock, self._db:
            self._make_room()
            found = self._db.execute(
                "SELECT number FROM responses WHERE id = ?", (response["id"],)
            ).fetchone()
            if found is None:
                return
            number = int(found[0])
            body = _dumps({**response, "output": []})
            packed = None if events is None else zlib.compress(_dumps(events).encode(), 6)
            self._db.execute(
                "UPDATE responses SET is_live = ?, body = ?, events = ? WHERE number = ?",
                (_is_live(response), body, packed, number),
            )
            first = self._db.execute("SELECT count(*) FROM uses WHERE response = ?", (number,))
            start = int(first.fetchone()[0])
            size = len(packed or b"")
            for position, item in enumerate(output, start):
                size += self._use(number, position, KeptItem(item), is_output=True)
            self._grow(number, size)
            self._make_room()

    def response(self, response_id: str, owner: str) -> Json:
        """One response. Raises ApiError 404."""
        with self._lock, self._db:
            number, body, _ = self._required(response_id, owner)
            made: Json = json.loads(body)
            made["output"] = [item.data for item in self._items(number, outputs=(1,))]
            return made

    def inputs(self, response_id: str, owner: str) -> list[KeptItem]:
        """All items that a response answers, those of the responses before it too. Raises ApiError 404."""
        with self._lock, self._db:
            return self._items(self._required(response_id, owner)[0], outputs=(0,))

    def context(self, response_id: str, owner: str) -> list[KeptItem]:
        """What the next response goes on from. Raises ApiError 404, and 400 for one that is not finished."""
        with self._lock, self._db:
            row = self._row(response_id, owner)
            if row is None:
                raise ApiError(
                    404,
                    f"got previous_response_id {shown(response_id, 200)}, which is not kept here: "
                    "it was never stored, was deleted, or is too old; send the whole conversation as input",
                    param="previous_response_id",
                    code="previous_response_not_found",
                )
            number, body, _ = row
            if json.loads(body)["status"] in LIVE:
                raise ApiError(
                    400,
                    f"got previous_response_id {shown(response_id, 200)}, which is in progress; "
                    "wait until it is finished",
                    param="previous_response_id",
                )
            return self._items(number, outputs=(0, 1))

    def events(self, response_id: str, owner: str) -> list[Json] | None:
        """The stream of one that ran in the background. Raises ApiError 404."""
        with self._lock, self._db:
            packed = self._required(response_id, owner)[2]
        return None if packed is None else list(json.loads(zlib.decompress(packed)))

    def item(self, item_id: str, owner: str) -> KeptItem | None:
        """An item that is kept with some response; the first of that id, which no later one can replace."""
        with self._lock, self._db:
            self._make_room()
            row = self._db.execute(
                "SELECT items.number, data FROM items JOIN uses ON item = items.number "
                "JOIN responses ON responses.number = response "
                "WHERE items.id = ? AND owner = ? ORDER BY items.number LIMIT 1",
                (item_id, owner),
            ).fetchone()
        return None if row is None else KeptItem(json.loads(row[1]), int(row[0]))

    def delete(self, response_id: str, owner: str) -> None:
        """Forget a response, and the items that no other one uses. Raises ApiError 404."""
        with self._lock, self._db:
            self._delete(self._required(response_id, owner)[0])

    def _prepare(self) -> None:
        """Make the tables, or bring those of an earlier format up to date."""
        with self._db:
            self._db.executescript(_SCHEMA)
            stored = self._db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
            number = _FORMAT if stored is None else int(stored[0])
            if not 1 <= number <= _FORMAT:
                raise sqlite3.DatabaseError("it was made by another version of this program")
            if number < 2:
                self._db.execute("ALTER TABLE responses ADD COLUMN owner TEXT NOT NULL DEFAULT ''")
            if number < 3:
                self._db.execute(
                    "ALTER TABLE responses ADD COLUMN num_bytes INTEGER NOT NULL DEFAULT 0"
                )
                self._db.execute(_SIZES)
                self._db.execute("DELETE FROM meta WHERE name = 'key'")
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('format', ?)", (str(_FORMAT).encode(),)
            )
            # Only now: an earlier format has no such columns.
            self._db.execute(
                "CREATE INDEX IF NOT EXISTS responses_by_owner ON responses (owner, is_live, num_bytes)"
            )

    def _end_live(self) -> None:
        rows = self._db.execute("SELECT number, body FROM responses WHERE is_live").fetchall()
        for number, body in rows:
            error = {
                "code": "server_error",
                "message": "the server ended before the response was finished",
            }
            failed = _dumps({**json.loads(body), "status": "failed", "error": error})
            self._db.execute(
                "UPDATE responses SET is_live = 0, body = ? WHERE number = ?", (failed, number)
            )

    def _num_bytes(self) -> int:
        """Of all that is kept, with what SQLite needs to find it."""
        pages, free, size = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _row(self, response_id: str, owner: str) -> tuple[int, str, bytes | None] | None:
        """Number, body and events."""
        self._make_room()
        row: tuple[int, str, bytes | None] | None = self._db.execute(
            "SELECT number, body, events FROM responses WHERE id = ? AND owner = ?",
            (response_id, owner),
        ).fetchone()
        return row

    def _required(self, response_id: str, owner: str) -> tuple[int, str, bytes | None]:
        row = self._row(response_id, owner)
        if row is None:
            raise ApiError(
                404, f"got the response {shown(response_id, 200)}, which is not kept here"
            )
        return row

    def _items(self, number: int, outputs: tuple[int, ...]) -> list[KeptItem]:
        rows = self._db.execute(
            "SELECT items.number, data, is_output FROM uses JOIN items ON items.number = item "
            "WHERE response = ? ORDER BY position",
            (number,),
        )
        return [
            KeptItem(json.loads(data), int(item))
            for item, data, is_out in rows
            if is_out in outputs
        ]

    def _grow(self, number: int, num_bytes: int) -> None:
        """Count what a response brought into the store."""
        self._db.execute(
            "UPDATE responses SET num_bytes = num_bytes + ? WHERE number = ?", (num_bytes, number)
        )

    def _use(self, response: int, position: int, item: KeptItem, *, is_output: bool) -> int:
        """Have a response use an item; how many bytes that brings. Those that are there already cost nothing."""
        number, size = item.number, 0
        if number is not None:
            # The response it came with may have been deleted since.
            row = self._db.execute("SELECT 1 FROM items WHERE number = ?", (number,)).fetchone()
            number = number if row else None
        if number is None:
            data = _dumps(item.data)
            size = len(data)
            cursor = self._db.execute(
                "INSERT INTO items (id, data) VALUES (?, ?)", (item.data["id"], data)
            )
            number = int(cursor.lastrowid or 0)
        self._db.execute(
            "INSERT INTO uses VALUES (?, ?, ?, ?)", (response, position, number, is_output)
        )
        return size

    def _make_room(self) -> None:
        """Forget what is too old; of what is too much, the oldest of the owner who has most."""
        oldest = "SELECT number, created FROM responses WHERE NOT is_live ORDER BY number LIMIT 1"
        while row := self._db.execute(oldest).fetchone():
            if row[1] >= self._now() - self._keep_s:
                break
            self._delete(int(row[0]))
        while self._num_bytes() > self._most_bytes:
            row = self._db.execute(_OLDEST_OF_LARGEST).fetchone()
            if row is None:
                return
            self._delete(int(row[0]))

    def _delete(self, number: int) -> None:
        items = [
            int(row[0])
            for row in self._db.execute(
                "SELECT DISTINCT item FROM uses WHERE response = ?", (number,)
            )
        ]
        self._db.execute("DELETE FROM uses WHERE response = ?", (number,))
        self._db.execute("DELETE FROM responses WHERE number = ?", (number,))
        self._db.executemany(
            "DELETE FROM items WHERE number = ? AND NOT EXISTS (SELECT 1 FROM uses WHERE item = items.number)",
            [(item,) for item in items],
        )


def _connect(path: Path | None) -> sqlite3.Connection:
    if path is None:
        return sqlite3.connect(":memory:", check_same_thread=False)
    path = path.expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    # What people said is for the server's own user alone.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return sqlite3.connect(path, timeout=0.5, check_same_thread=False)


def _is_live(response: Json) -> bool:
    return response["status"] in LIVE


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
