"""The tables of the store of responses, and how those of earlier versions become them."""

from __future__ import annotations

import sqlite3

# The second has owners; the third knows what each of them takes, and has no key.
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
    is_live INTEGER NOT NULL, body TEXT NOT NULL, events BLOB, owner TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS items (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, data TEXT NOT NULL,
    owner TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, num_bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS items_by_id ON items (id);
CREATE TABLE IF NOT EXISTS uses (
    response INTEGER NOT NULL REFERENCES responses (number), position INTEGER NOT NULL,
    item INTEGER NOT NULL REFERENCES items (number), is_output INTEGER NOT NULL,
    PRIMARY KEY (response, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uses_by_item ON uses (item);
CREATE TABLE IF NOT EXISTS used_decisions (
    call TEXT NOT NULL, owner TEXT NOT NULL, used REAL NOT NULL, PRIMARY KEY (call, owner)
) WITHOUT ROWID;
"""
# Brings an earlier format up to date, after the statements that add its columns.
_COUNT_ALL = """
INSERT INTO owners SELECT owner, sum(size) FROM (
    SELECT owner, length(CAST(data AS BLOB)) AS size FROM items
    UNION ALL
    SELECT owner, length(CAST(body AS BLOB)) + coalesce(length(events), 0) FROM responses
) GROUP BY owner
"""
_OWN_ITEMS = """
UPDATE items SET owner = coalesce((
    SELECT owner FROM uses JOIN responses ON responses.number = response
    WHERE item = items.number LIMIT 1
), '')
"""
# What an owner takes is counted by the database itself, so that nothing can be forgotten.
_GROW = (
    "INSERT INTO owners VALUES ({owner}, {size}) "
    "ON CONFLICT DO UPDATE SET num_bytes = num_bytes + excluded.num_bytes"
)
_ITEM = "length(CAST({row}.data AS BLOB))"
_BODY = "length(CAST({row}.body AS BLOB)) + coalesce(length({row}.events), 0)"
_COUNTED = {
    "item_comes": ("AFTER INSERT ON items", "new.owner", _ITEM.format(row="new")),
    "item_goes": ("AFTER DELETE ON items", "old.owner", f"-({_ITEM.format(row='old')})"),
    "response_comes": ("AFTER INSERT ON responses", "new.owner", _BODY.format(row="new")),
    "response_goes": ("AFTER DELETE ON responses", "old.owner", f"-({_BODY.format(row='old')})"),
    "response_changes": (
        "AFTER UPDATE OF body, events ON responses",
        "new.owner",
        f"{_BODY.format(row='new')} - ({_BODY.format(row='old')})",
    ),
}


def prepare(database: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an earlier format up to date: wholly, or not at all.

    Raises sqlite3.Error, also for the format of another version.
    """
    database.executescript(_SCHEMA)
    with database:
        # Python begins no transaction by itself for statements that change tables.
        database.execute("BEGIN IMMEDIATE")
        stored = database.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
        number = _FORMAT if stored is None else int(stored[0])
        if not 1 <= number <= _FORMAT:
            raise sqlite3.DatabaseError("it was made by another version of this program")
        if number < 2:
            database.execute("ALTER TABLE responses ADD COLUMN owner TEXT NOT NULL DEFAULT ''")
        if number < 3:
            database.execute("ALTER TABLE items ADD COLUMN owner TEXT NOT NULL DEFAULT ''")
            database.execute(_OWN_ITEMS)
            database.execute(_COUNT_ALL)
            database.execute("DELETE FROM meta WHERE name = 'key'")
        # Only now: an earlier format has no such columns.
        for name, (when, owner, size) in _COUNTED.items():
            grow = _GROW.format(owner=owner, size=size)
            database.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {when} BEGIN {grow}; END")
        database.execute(
            "CREATE INDEX IF NOT EXISTS responses_by_owner ON responses (owner, is_live, number)"
        )
        database.execute(
            "INSERT OR REPLACE INTO meta VALUES ('format', ?)", (str(_FORMAT).encode(),)
        )
