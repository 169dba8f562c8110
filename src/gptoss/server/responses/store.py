"""Responses that are kept, with all that led to them: one SQLite file, or memory."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from gptoss.errors import ServerError, shown
from gptoss.files.private import make_private, make_private_folder
from gptoss.server.responses.kept_events import KeptEvent, packed, unpacked
from gptoss.server.responses.store_format import prepare
from gptoss.server.responses.types.events import ResponseEvent
from gptoss.server.responses.types.items import AnyItem, item_of
from gptoss.server.responses.types.response import Response, ResponseFailure, ResponseStatus
from gptoss.server.responses.used_decisions import UsedDecisions
from gptoss.server.wire_errors import ApiError

# Of a conversation that is gone on from: as much as a request may be.
MOST_CONTEXT_BYTES = 10_000_000
LIVE = ("queued", "in_progress")


class KeptState(BaseModel):
    """The part of a kept response that the server itself reads."""

    status: ResponseStatus
    background: bool = False


@dataclass(frozen=True, slots=True)
class KeptItem:
    """An item of a conversation. Responses share their items.

    made    the item, or how the store has it written
    number  its place in the store, if it has one
    """

    id: str
    made: AnyItem | str
    number: int | None = None

    @property
    def item(self) -> AnyItem:
        """The item itself."""
        return item_of(self.made) if isinstance(self.made, str) else self.made

    @property
    def text(self) -> str:
        """The item, written as JSON."""
        return self.made if isinstance(self.made, str) else self.made.written().decode()


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
            try:
                prepare(self._db)
            except BaseException:
                self._db.close()
                raise
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

    def used_decisions(self, owner: str) -> UsedDecisions:
        """The decisions of an owner that calls have been run on."""
        return UsedDecisions(self._db, self._lock, owner)

    def add(self, response: Response, context: Iterable[KeptItem], owner: str) -> bool:
        """Keep a response, and the items that it answers. False where it takes more than all may: then it is not."""
        with self._lock, self._db:
            cursor = self._db.execute(
                "INSERT INTO responses (id, created, is_live, body, owner) VALUES (?, ?, ?, ?, ?)",
                (response.id, response.created_at, _is_live(response), _body(response), owner),
            )
            number = int(cursor.lastrowid or 0)
            for position, item in enumerate(context):
                self._use(number, owner, position, item, is_output=False)
            return self._fits(number)

    def finish(self, response: Response, events: Sequence[ResponseEvent] | None = None) -> bool:
        """Bring one that was added to its end, unless it was deleted; `events`: its stream, to be read again.

        False where it takes more than all may: then it is not kept.
        """
        with self._lock, self._db:
            self._make_room()
            found = self._db.execute(
                "SELECT number, owner FROM responses WHERE id = ?", (response.id,)
            ).fetchone()
            if found is None:
                return True
            number, owner = int(found[0]), str(found[1])
            stream = None if events is None else packed(events)
            self._db.execute(
                "UPDATE responses SET is_live = ?, body = ?, events = ? WHERE number = ?",
                (_is_live(response), _body(response), stream, number),
            )
            first = self._db.execute("SELECT count(*) FROM uses WHERE response = ?", (number,))
            start = int(first.fetchone()[0])
            for position, item in enumerate(response.output, start):
                self._use(number, owner, position, KeptItem(item.id, item), is_output=True)
            return self._fits(number)

    def response(self, response_id: str, owner: str) -> bytes:
        """One response, written as JSON. Raises ApiError 404."""
        with self._lock, self._db:
            number, body, _ = self._required(response_id, owner)
            outputs = self._rows(number, outputs=(1,))
        return with_items(body, "output", outputs)

    def state(self, response_id: str, owner: str) -> KeptState:
        """The state of one response. Raises ApiError 404."""
        with self._lock, self._db:
            body = self._required(response_id, owner)[1]
        return KeptState.model_validate_json(body)

    def inputs(
        self, response_id: str, owner: str, *, limit: int, after: str | None, is_newest_first: bool
    ) -> tuple[list[KeptItem], bool]:
        """A page of the items that a response answers, and whether there are more.

        Those of the responses before it are among them. Raises ApiError 404, and 400 for `after` that is none of them.
        """
        order, beyond = ("DESC", "<") if is_newest_first else ("ASC", ">")
        with self._lock, self._db:
            number = self._required(response_id, owner)[0]
            start = None if after is None else self._position(number, after)
            rows = self._db.execute(
                "SELECT id, data, item FROM uses JOIN items ON items.number = item "
                "WHERE response = ? AND NOT is_output "
                f"AND (? IS NULL OR position {beyond} ?) ORDER BY position {order} LIMIT ?",
                (number, start, start, limit + 1),
            ).fetchall()
        return [KeptItem(*row) for row in rows[:limit]], len(rows) > limit

    def _position(self, number: int, item_id: str) -> int:
        row = self._db.execute(
            "SELECT position FROM uses JOIN items ON items.number = item "
            "WHERE response = ? AND NOT is_output AND id = ? ORDER BY position LIMIT 1",
            (number, item_id),
        ).fetchone()
        if row is None:
            raise ApiError(
                400, f"got after {shown(item_id, 200)}, wanted the id of an item", param="after"
            )
        return int(row[0])

    def context(
        self, response_id: str, owner: str, most_bytes: int = MOST_CONTEXT_BYTES
    ) -> list[KeptItem]:
        """The items that the next response goes on from.

        Raises ApiError 404, and 400 for one that is not finished, or that is longer than what may be sent at once.
        """
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
            if KeptState.model_validate_json(body).status in LIVE:
                raise ApiError(
                    400,
                    f"got previous_response_id {shown(response_id, 200)}, which is in progress; "
                    "wait until it is finished",
                    param="previous_response_id",
                )
            size = self._db.execute(
                "SELECT sum(length(data)) FROM uses JOIN items ON items.number = item WHERE response = ?",
                (number,),
            ).fetchone()[0]
            if (size or 0) > most_bytes:
                raise ApiError(
                    400,
                    f"got a conversation of {size:,} characters before this, wanted at most {most_bytes:,}; "
                    "send what is needed of it as input",
                    param="previous_response_id",
                )
            return self._rows(number, outputs=(0, 1))

    def events(self, response_id: str, owner: str) -> list[KeptEvent] | None:
        """The stream of one that ran in the background. Raises ApiError 404."""
        with self._lock, self._db:
            stream = self._required(response_id, owner)[2]
        return None if stream is None else unpacked(stream)

    def item(self, item_id: str, owner: str) -> KeptItem | None:
        """An item that is kept with some response; the first of that id, which no later one can replace."""
        with self._lock, self._db:
            self._make_room()
            row = self._db.execute(
                "SELECT id, data, number FROM items WHERE id = ? AND owner = ? ORDER BY number LIMIT 1",
                (item_id, owner),
            ).fetchone()
        return None if row is None else KeptItem(*row)

    def delete(self, response_id: str, owner: str) -> None:
        """Forget a response, and the items that no other one uses. Raises ApiError 404."""
        with self._lock, self._db:
            self._delete(self._required(response_id, owner)[0])

    def _end_live(self) -> None:
        rows = self._db.execute("SELECT number, body FROM responses WHERE is_live").fetchall()
        error = ResponseFailure(
            code="server_error", message="the server ended before the response was finished"
        )
        changed = {"status": "failed", "error": error.model_dump()}
        for number, body in rows:
            failed = json.dumps(
                {**json.loads(body), **changed}, ensure_ascii=False, separators=(",", ":")
            )
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
                404,
                f"got the response {shown(response_id, 200)}, which is not kept here",
                code="response_not_found",
            )
        return row

    def _rows(self, number: int, outputs: tuple[int, ...]) -> list[KeptItem]:
        """The items that a response uses."""
        rows = self._db.execute(
            "SELECT id, data, items.number, is_output FROM uses JOIN items ON items.number = item "
            "WHERE response = ? ORDER BY position",
            (number,),
        )
        return [KeptItem(*row) for *row, is_output in rows if is_output in outputs]

    def _use(
        self, response: int, owner: str, position: int, item: KeptItem, *, is_output: bool
    ) -> None:
        number = item.number
        if number is not None:
            # The response it came with may have been deleted since.
            row = self._db.execute("SELECT 1 FROM items WHERE number = ?", (number,)).fetchone()
            number = number if row else None
        if number is None:
            cursor = self._db.execute(
                "INSERT INTO items (id, data, owner) VALUES (?, ?, ?)",
                (item.id, item.text, owner),
            )
            number = int(cursor.lastrowid or 0)
        self._db.execute(
            "INSERT INTO uses VALUES (?, ?, ?, ?)", (response, position, number, is_output)
        )

    def _make_room(self) -> None:
        """Forget what is too old; of what is too much, the oldest of the owner who has most."""
        oldest = "SELECT number, created FROM responses WHERE NOT is_live ORDER BY number LIMIT 1"
        while row := self._db.execute(oldest).fetchone():
            if row[1] >= self._now() - self._keep_s:
                break
            self._delete(int(row[0]))
        while self._num_bytes() > self._most_bytes:
            number = self._oldest_of_largest()
            if number is None:
                return
            self._delete(number)

    def _fits(self, number: int) -> bool:
        """Make room for a response, or forget it where that alone takes more than all may.

        Nobody else's make room for what cannot be kept all the same.
        """
        (size,) = self._db.execute(
            "SELECT length(body) + coalesce(length(events), 0) + (SELECT coalesce(sum(length(data)), 0) FROM uses "
            "JOIN items ON items.number = item WHERE response = responses.number) FROM responses WHERE number = ?",
            (number,),
        ).fetchone()
        if size > self._most_bytes:
            self._delete(number)
            return False
        self._make_room()
        row = self._db.execute("SELECT 1 FROM responses WHERE number = ?", (number,)).fetchone()
        return row is not None

    def _oldest_of_largest(self) -> int | None:
        """The oldest response of the owner who takes most, of those that have one that has ended."""
        owners = self._db.execute("SELECT owner FROM owners ORDER BY num_bytes DESC, owner")
        for (owner,) in owners.fetchall():
            row = self._db.execute(
                "SELECT number FROM responses WHERE owner = ? AND NOT is_live ORDER BY number LIMIT 1",
                (owner,),
            ).fetchone()
            if row is not None:
                return int(row[0])
        return None

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
    # What people said is for the server's own user alone.
    make_private_folder(path.parent)
    make_private(path)
    return sqlite3.connect(path, timeout=0.5, check_same_thread=False)


def _is_live(response: Response) -> bool:
    return response.status in LIVE


def _body(response: Response) -> str:
    """The response without its items, which are kept one by one."""
    return response.model_copy(update={"output": []}).written().decode()


def with_items(written: str, field: str, items: Iterable[KeptItem]) -> bytes:
    """An object with items put into its list, which was written empty, and before which there is no other of its name.

    The items are sent as they are kept: nothing is parsed, however much it is.
    """
    # No text has this in it, since quotes are escaped there.
    before, after = written.split(f'"{field}":[]', 1)
    return f'{before}"{field}":[{",".join(item.text for item in items)}]{after}'.encode()
