"""`/v1/files`, asked by the openai SDK over a real server, and by clients that mean no good."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from gptoss.engine import EVERYBODY
from gptoss.errors import ServerError
from gptoss.server.files import store as store_module
from gptoss.server.files.store import FileLimits, FileStore, NewFile
from gptoss.server.service import Service
from gptoss.server.settings import ServerSettings
from gptoss.server.uploads import uploads as uploads_module
from tests.server.conftest import KEY, LiveServer, MakeClient, MakeServer, keys_of, wait_until

OTHER = KEY + "-of-another"
LIMITS = FileLimits(1000, 10_000, 100)
BOUNDARY = "gptoss-boundary"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
USER_DATA = {"purpose": "user_data"}


def sdk(server: LiveServer, key: str = "none") -> openai.OpenAI:
    """A client of a server's."""
    return openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0)


def form(*parts: str, end: str = "--") -> bytes:
    """A form by hand: each part is its head and its body, with an empty line between."""
    text = "".join(f"--{BOUNDARY}\r\n{part}\r\n" for part in parts) + f"--{BOUNDARY}{end}\r\n"
    return text.encode("utf-8", "surrogateescape")


def field(name: str, value: str) -> str:
    """A part that is text."""
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


def file_part(name: str = "a.txt", content: str = "x", field_name: str = "file") -> str:
    """A part that is a file."""
    return (
        f'Content-Disposition: form-data; name="{field_name}"; filename="{name}"\r\n\r\n{content}'
    )


PURPOSE = field("purpose", "user_data")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[FileStore]:
    """A store with small limits."""
    made = FileStore(tmp_path / "files", LIMITS)
    yield made
    made.close()


def contents(folder: Path) -> list[str]:
    """What is in a folder, but for the database."""
    return sorted(name for name in os.listdir(folder) if not name.startswith("files.sqlite"))


def add(
    store: FileStore, data: bytes = b"x", owner: str = "me", **more: Any
) -> store_module.KeptFile:
    """Keep a file."""
    new = store.begin(owner)
    new.write(data)
    return new.keep("a.txt", "user_data", **more)


class TestSdk:
    """Every call of `client.files`."""

    def test_a_file_comes_is_listed_read_and_goes(self, make_server: MakeServer) -> None:
        server = make_server()
        with sdk(server) as client:
            data = os.urandom(3_000_000)
            made = client.files.create(file=('grüße "1".bin', data), purpose="user_data")
            assert (made.object, made.bytes, made.status) == ("file", len(data), "processed")
            assert made.filename == "grüße %221%22.bin"
            assert made.expires_at is None
            assert client.files.retrieve(made.id) == made
            reply = client.files.content(made.id)
            assert reply.content == data
            assert reply.response.headers["content-type"] == "application/octet-stream"
            assert reply.response.headers["content-disposition"].startswith(
                "attachment; filename*=UTF-8''gr%C3%BC"
            )
            assert reply.response.headers["x-content-type-options"] == "nosniff"
            assert list(client.files.list()) == [made]
            assert client.files.wait_for_processing(made.id) == made
            gone = client.files.delete(made.id)
            assert (gone.id, gone.object, gone.deleted) == (made.id, "file", True)
            for call in (client.files.retrieve, client.files.content, client.files.delete):
                with pytest.raises(openai.NotFoundError) as caught:
                    call(made.id)
                assert caught.value.code == "file_not_found"

    def test_purposes_and_expiry(self, make_server: MakeServer) -> None:
        with sdk(make_server()) as client:
            for purpose in ("assistants", "batch", "fine-tune", "vision", "user_data", "evals"):
                made = client.files.create(file=b"{}", purpose=purpose)
                assert made.purpose == purpose
                assert (made.expires_at is not None) == (purpose == "batch")
            made = client.files.create(
                file=b"a",
                purpose="user_data",
                expires_after={"anchor": "created_at", "seconds": 3600},
            )
            assert made.expires_at == made.created_at + 3600
            assert [each.purpose for each in client.files.list(purpose="batch")] == ["batch"]
            for seconds, code in (
                (3599, "integer_below_min_value"),
                (9**9, "integer_above_max_value"),
            ):
                with pytest.raises(openai.BadRequestError) as caught:
                    client.files.create(
                        file=b"a",
                        purpose="user_data",
                        expires_after={"anchor": "created_at", "seconds": seconds},
                    )
                assert (caught.value.param, caught.value.code) == ("expires_after.seconds", code)
            with pytest.raises(openai.BadRequestError) as caught:
                client.files.create(file=b"a", purpose="fun")  # type: ignore[arg-type]
            assert (caught.value.param, caught.value.code) == ("purpose", "invalid_value")

    def test_pages(self, make_server: MakeServer) -> None:
        with sdk(make_server()) as client:
            ids = [client.files.create(file=b"a", purpose="vision").id for _ in range(5)]
            assert [each.id for each in client.files.list(limit=2, order="asc")] == ids
            assert [each.id for each in client.files.list(limit=2)] == ids[::-1]
            page = client.files.list(limit=2, order="asc", after=ids[2])
            assert ([each.id for each in page.data], page.has_more) == (ids[3:], False)
            with pytest.raises(openai.BadRequestError) as caught:
                client.files.list(after="file-none")
            assert caught.value.param == "after"

    def test_to_another_key_nothing_is_there(self, make_server: MakeServer) -> None:
        server = make_server(keys=keys_of(KEY, OTHER))
        with sdk(server, KEY) as mine, sdk(server, OTHER) as other:
            made = mine.files.create(file=b"mine", purpose="user_data")
            assert list(other.files.list()) == []
            for call in (other.files.retrieve, other.files.content, other.files.delete):
                with pytest.raises(openai.NotFoundError) as caught:
                    call(made.id)
                assert caught.value.code == "file_not_found"
            with pytest.raises(openai.BadRequestError):
                other.files.list(after=made.id)
            assert mine.files.content(made.id).content == b"mine"


class TestForms:
    """What a form may be, and what is said to one that is none."""

    @pytest.mark.parametrize(
        ("body", "param", "code"),
        [
            (b"", None, "invalid_multipart"),
            (b"no form", None, "invalid_multipart"),
            (form(PURPOSE, file_part(), end=""), None, "invalid_multipart"),
            (form(PURPOSE, file_part())[:-20], None, "invalid_multipart"),
            (form(PURPOSE, "X-A: b\r\n\r\nx"), None, "invalid_multipart"),
            (form(PURPOSE, "X-A: " + "b" * 9000 + "\r\n\r\nx"), None, "invalid_multipart"),
            (
                form(PURPOSE, "".join(f"X-{n}: b\r\n" for n in range(50)) + "\r\nx"),
                None,
                "invalid_multipart",
            ),
            (form(*[field(f"f{n}", "x") for n in range(50)]), None, "invalid_multipart"),
            (form(PURPOSE, file_part("\udcff.txt")), None, "invalid_multipart"),
            (form(field("purpose", "\udcff"), file_part()), None, "invalid_multipart"),
            (form(PURPOSE), "file", "missing_required_parameter"),
            (form(file_part()), "purpose", "missing_required_parameter"),
            (form(PURPOSE, field("file", "text")), "file", "invalid_value"),
            (form(PURPOSE, file_part(), file_part()), "file", "duplicate_item"),
            (form(PURPOSE, PURPOSE, file_part()), "purpose", "duplicate_item"),
            (form(PURPOSE, file_part(field_name="more")), "more", "unknown_parameter"),
            (form(field("purpose", "x" * 5000), file_part()), "purpose", "string_above_max_length"),
            (
                form(field("purpose", "x" * 1025), file_part()),
                "purpose",
                "string_above_max_length",
            ),
            (form(PURPOSE, file_part("a" * 10_000)), None, "invalid_multipart"),
            (form(PURPOSE, file_part("a" * 300)), "file", "string_above_max_length"),
            (form(PURPOSE, file_part("a\x00b")), "file", "invalid_value"),
            (form(PURPOSE, file_part("..")), "file", "invalid_value"),
            (form(PURPOSE, file_part("a/")), "file", "invalid_value"),
            (form(PURPOSE, file_part("")), "file", "invalid_value"),
            (
                form(PURPOSE, field("expires_after", "1"), file_part()),
                "expires_after",
                "invalid_type",
            ),
            (
                form(
                    PURPOSE,
                    field("expires_after", "1"),
                    field("expires_after[anchor]", "1"),
                    file_part(),
                ),
                "expires_after",
                "duplicate_item",
            ),
            (
                form(PURPOSE, field("expires_after[seconds]", "٣٦٠٠"), file_part()),
                "expires_after.anchor",
                "missing_required_parameter",
            ),
        ],
    )
    def test_wrong_ones_are_told_by_what_is_wrong(
        self, make_client: MakeClient, body: bytes, param: str | None, code: str, tmp_path: Path
    ) -> None:
        client = make_client(files=tmp_path / "files")
        reply = client.post("/v1/files", content=body, headers=FORM)
        error = reply.json()["error"]
        assert (reply.status_code, error["param"], error["code"]) == (400, param, code), error
        assert contents(tmp_path / "files") == []
        assert client.get("/v1/files").json()["data"] == []

    @pytest.mark.parametrize(
        ("sent", "name"),
        [
            ("/etc/passwd", "passwd"),
            ("..\\\\..\\\\a.txt", "a.txt"),
            ("C:\\\\a b.txt", "a b.txt"),
            ("a" * 255, "a" * 255),
            ("-rf", "-rf"),
            ("😀.txt", "😀.txt"),
        ],
    )
    def test_a_name_is_no_path(self, make_client: MakeClient, sent: str, name: str) -> None:
        reply = make_client().post(
            "/v1/files", content=form(file_part(sent), PURPOSE), headers=FORM
        )
        assert reply.json()["filename"] == name

    def test_what_is_not_read_is_named(self, make_client: MakeClient) -> None:
        body = form(PURPOSE, field("zzz", "1"), file_part())
        reply = make_client().post("/v1/files", content=body, headers=FORM).json()
        assert reply["gptoss"] == {"ignored": ["zzz"]}

    @pytest.mark.parametrize(
        "kind",
        [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=" + "b" * 71,
        ],
    )
    def test_a_boundary_is_wanted(self, make_client: MakeClient, kind: str) -> None:
        reply = make_client().post(
            "/v1/files", content=form(PURPOSE), headers={"content-type": kind}
        )
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_multipart")

    def test_what_is_no_form(self, make_client: MakeClient) -> None:
        client = make_client()
        for given in (
            {"json": {"purpose": "batch"}},
            {"content": b"a", "headers": {"content-type": "text/plain"}},
        ):
            reply = client.post("/v1/files", **given)
            assert reply.status_code == 415
            assert "multipart/form-data" in reply.json()["error"]["message"]
        packed = {**FORM, "content-encoding": "gzip"}
        assert client.post("/v1/files", content=b"a", headers=packed).status_code == 415

    def test_a_file_looks_like_a_boundary(self, make_client: MakeClient) -> None:
        """Whatever is in it, and however it is cut."""
        data = f"\r\n--{BOUNDARY[:-1]}\r\n--\r\n\r" * 20_000
        client = make_client()
        body = form(PURPOSE, file_part(content=data))
        for size in (1, 7, 4096, len(body)):
            if size == 1:
                small = form(PURPOSE, file_part(content=data[:300]))
                chunks, wanted = [small[n : n + 1] for n in range(len(small))], data[:300]
            else:
                chunks, wanted = [body[n : n + size] for n in range(0, len(body), size)], data
            made = client.post("/v1/files", content=iter(chunks), headers=FORM).json()
            assert client.get(f"/v1/files/{made['id']}/content").text == wanted


class TestLimits:
    """Sizes, numbers, times, and a disk that is full."""

    def test_a_file_that_is_too_large(self, make_server: MakeServer, tmp_path: Path) -> None:
        server = make_server(max_file_bytes=300_000, files=tmp_path / "files")
        with httpx.Client(base_url=server.url, timeout=60) as client:
            head = form(PURPOSE, file_part(content=""))[: -len(BOUNDARY) - 8]
            for chunks in (None, [head, *[b"x" * 50_000] * 100]):
                given: Any = (
                    {"files": {"file": b"x" * 1_000_000}, "data": USER_DATA}
                    if chunks is None
                    else {"content": iter(chunks), "headers": FORM}
                )
                reply = client.post("/v1/files", **given)
                error = reply.json()["error"]
                assert (reply.status_code, error["param"], error["code"]) == (
                    413,
                    "file",
                    "request_too_large",
                )
        assert contents(tmp_path / "files") == []

    def test_a_body_may_be_larger_than_that_of_other_requests(
        self, make_client: MakeClient
    ) -> None:
        client = make_client(max_body_bytes=1000, max_held_bytes=1000)
        made = client.post("/v1/files", files={"file": b"x" * 2_000_000}, data=USER_DATA)
        assert made.json()["bytes"] == 2_000_000

    def test_room_is_shared_out(self, tmp_path: Path) -> None:
        with contextlib.closing(FileStore(tmp_path, FileLimits(1000, 3000, 9))) as store:
            made = [add(store, b"x" * 1000, "a"), add(store, b"x" * 1000, "a")]
            new = store.begin("a")
            with pytest.raises(store_module.ApiError) as caught:
                new.write(b"x" * 1000)
            new.abandon()
            assert (caught.value.status, caught.value.code) == (400, "storage_full")
            add(store, b"x" * 1000, "b")
            store.delete(made[0].id, "a")
            add(store, b"x" * 300, "a")
            files = [add(store, b"", "c") for _ in range(4)]
            with pytest.raises(store_module.ApiError, match="delete files"):
                store.begin("c")
            assert len(files) == 4

    def test_a_client_that_is_slow(self, make_server: MakeServer, tmp_path: Path) -> None:
        server = make_server(body_s=0.2, files=tmp_path / "files")
        with socket.create_connection(("127.0.0.1", server.port), 10) as client:
            client.sendall(self._head(100_000) + form(PURPOSE, file_part())[:60])
            assert b" 408 " in client.recv(4096)
        assert contents(tmp_path / "files") == []

    def test_a_client_that_leaves(self, make_server: MakeServer, tmp_path: Path) -> None:
        folder = tmp_path / "files"
        server = make_server(files=folder)
        with socket.create_connection(("127.0.0.1", server.port), 10) as client:
            client.sendall(
                self._head(9_000_000) + form(PURPOSE, file_part(content="x" * 600_000))[:-90]
            )
            wait_until(lambda: len(contents(folder)) == 1, 10)
        wait_until(lambda: contents(folder) == [], 10)
        assert server.service.files._files.total() == server.service.files._bytes.total() == 0

    def test_places_are_shared_out(
        self, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uploads_module, "_MOST_UPLOADS", 0)
        reply = make_client().post("/v1/files", files={"file": b"x"}, data=USER_DATA)
        assert (reply.status_code, reply.json()["error"]["code"]) == (429, "queue_full")
        assert reply.headers["retry-after"] == "1"

    @pytest.mark.parametrize("fails", ["write", "keep"])
    def test_a_disk_that_is_full(
        self, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, fails: str, tmp_path: Path
    ) -> None:
        client = make_client(files=tmp_path / "files")
        full = OSError(errno.ENOSPC, "No space left on device")

        def fail(*_: Any) -> Any:
            raise full

        if fails == "write":
            begun = NewFile.__init__

            def begin(self: NewFile, *given: Any) -> None:
                begun(self, *given)
                self._file = FullFile(self._file)  # type: ignore[assignment]

            monkeypatch.setattr(NewFile, "__init__", begin)
        else:
            monkeypatch.setattr(os, "fsync", fail)
        reply = client.post("/v1/files", files={"file": b"x"}, data=USER_DATA)
        error = reply.json()["error"]
        assert (reply.status_code, error["code"], error["type"]) == (
            507,
            "storage_full",
            "server_error",
        )
        assert "delete files" in error["message"]
        assert contents(tmp_path / "files") == []
        monkeypatch.undo()
        assert client.post("/v1/files", files={"file": b"x"}, data=USER_DATA).status_code == 200

    @staticmethod
    def _head(length: int) -> bytes:
        kind = FORM["content-type"]
        head = ("POST /v1/files HTTP/1.1", "Host: localhost", f"Content-Type: {kind}")
        return "\r\n".join((*head, f"Content-Length: {length}", "", "")).encode()


class FullFile:
    """A file on a disk that has no room."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, _: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


class TestStore:
    """The folder, over restarts and in bad company."""

    def test_it_is_there_after_a_restart(self, tmp_path: Path) -> None:
        folder = tmp_path / "deep" / "files"
        store = FileStore(folder, LIMITS)
        made = add(store, b"abc", expires_s=5000.0)
        store.close()
        assert os.stat(folder).st_mode & 0o777 == 0o700
        assert {os.stat(folder / name).st_mode & 0o777 for name in os.listdir(folder)} == {0o600}
        (folder / ("file-" + "0" * 24)).write_bytes(b"left by a server that was killed")
        (folder / "mine.txt").write_bytes(b"none of the server's")
        with contextlib.closing(FileStore(folder, LIMITS)) as store:
            found, file = store.open(made.id, "me")
            with file:
                assert (found, file.read()) == (made, b"abc")
            assert contents(folder) == [made.id, "mine.txt"]
            assert (store._bytes["me"], store._files["me"]) == (3, 1)
            with pytest.raises(ServerError, match="end the server that uses it"):
                FileStore(folder, LIMITS)

    def test_without_a_folder_it_ends_with_the_server(self) -> None:
        store = FileStore(None, LIMITS)
        add(store)
        folder = store._folder
        assert os.stat(folder).st_mode & 0o777 == 0o700
        store.close()
        assert not folder.exists()

    def test_what_is_too_old_is_gone(self, tmp_path: Path) -> None:
        times = [1000.0]
        with contextlib.closing(FileStore(tmp_path, LIMITS, lambda: times[0])) as store:
            made = add(store, b"abc", expires_s=3600.0)
            _, file = store.open(made.id, "me")
            times[0] += 3600
            with pytest.raises(store_module.ApiError, match="too old"):
                store.find(made.id, "me")
            # Whoever reads it reads it to its end.
            with file:
                assert file.read() == b"abc"
            assert contents(tmp_path) == []
            assert store._bytes.total() == 0

    @pytest.mark.parametrize("kind", ["link", "pipe", "gone"])
    def test_what_somebody_put_in_its_place_is_not_read(
        self, kept: FileStore, tmp_path: Path, kind: str
    ) -> None:
        made = add(kept)
        place, secret = tmp_path / "files" / made.id, tmp_path / "secret"
        secret.write_text("secret")
        place.unlink()
        if kind == "link":
            place.symlink_to(secret)
        elif kind == "pipe":
            os.mkfifo(place)
        with pytest.raises(store_module.ApiError) as caught:
            kept.open(made.id, "me")
        assert caught.value.status == (500 if kind == "link" else 404)

    def test_a_folder_that_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "files").write_text("")
        with pytest.raises(ServerError, match="give another folder"):
            Service(ServerSettings(files=tmp_path / "files"), lambda: None)  # type: ignore[arg-type, return-value]

    def test_many(self, tmp_path: Path, make_client: MakeClient) -> None:
        limits = FileLimits(1000, 1 << 30, 20_000)
        with contextlib.closing(FileStore(tmp_path, limits)) as store, store._opened() as db:
            rows = [
                (f"file-{n:024x}", "a.txt", "batch", 0, 1.0, None, "everybody")
                for n in range(10_000)
            ]
            db.executemany(
                "INSERT INTO files (id, name, purpose, num_bytes, created, expires, owner) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(*row[:6], EVERYBODY) for row in rows],
            )
            for row in rows:
                (tmp_path / row[0]).touch()
        client = make_client(files=tmp_path)
        reply = client.get("/v1/files").json()
        assert (len(reply["data"]), reply["has_more"]) == (10_000, False)
        assert reply["data"][0]["id"] == f"file-{9999:024x}"
        assert client.post("/v1/files", files={"file": b"x"}, data=USER_DATA).status_code == 200
        assert client.get("/v1/files").json()["has_more"]
