"""`/v1/containers`, asked by the openai SDK over a real server, and with what is wrong."""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from gptoss.engine import EVERYBODY
from gptoss.server.containers import containers as containers_module
from gptoss.server.containers import routes
from gptoss.server.containers.containers import Containers
from gptoss.server.files.store import FileLimits, FileStore
from gptoss.server.wire_errors import ApiError
from gptoss.tools.chosen import ChosenTools
from gptoss.tools.sandbox import Limits, SandboxPool
from tests.server.conftest import KEY, LiveServer, MakeClient, MakeServer, keys_of, wait_until

OTHER = KEY + "-of-another"
PYTHON = ChosenTools(has_python=True)


def sdk(server: LiveServer, key: str = "none") -> openai.OpenAI:
    """A client of a server's."""
    return openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0)


@pytest.fixture
def server(make_server: MakeServer) -> LiveServer:
    """One that runs Python."""
    return make_server(tools=PYTHON)


@pytest.fixture
def held() -> Iterator[Containers]:
    """Containers without a server."""
    with (
        SandboxPool(most=2) as pool,
        contextlib.closing(FileStore(None, FileLimits(10_000, 10_000, 10))) as files,
    ):
        yield Containers(pool, files)


def told(call: Any, *given: Any, **more: Any) -> tuple[int, str | None, str | None]:
    """Status, code and field of the error that a call ends with."""
    with pytest.raises(openai.APIStatusError) as caught:
        call(*given, **more)
    return caught.value.status_code, caught.value.code, caught.value.param


class TestSdk:
    """Every call of `client.containers`."""

    def test_a_container(self, server: LiveServer) -> None:
        with sdk(server) as client:
            made = client.containers.create(
                name="sums",
                expires_after={"anchor": "last_active_at", "minutes": 5},
                memory_limit="1g",
                network_policy={"type": "disabled"},
            )
            assert made.id.startswith("cntr_")
            assert (made.object, made.name, made.status) == ("container", "sums", "running")
            assert made.expires_after is not None
            assert (made.expires_after.anchor, made.expires_after.minutes) == ("last_active_at", 5)
            assert made.network_policy is not None
            assert (made.memory_limit, made.network_policy.type) == ("1g", "disabled")
            assert client.containers.retrieve(made.id).id == made.id
            others = [client.containers.create(name=f"n{n}").id for n in range(3)]
            listed = [each.id for each in client.containers.list(limit=2, order="asc")]
            assert listed == [made.id, *others]
            assert [each.id for each in client.containers.list(limit=3)] == listed[::-1]
            assert [each.id for each in client.containers.list(name="sums")] == [made.id]
            assert client.containers.delete(made.id) is None
            for call in (client.containers.retrieve, client.containers.delete):
                assert told(call, made.id) == (404, "container_not_found", None)
            assert told(client.containers.list, after=made.id) == (400, "invalid_value", "after")

    def test_files(self, server: LiveServer) -> None:
        with sdk(server) as client:
            kept = client.files.create(file=("kept.csv", b"a,b\n1,2\n"), purpose="user_data")
            container = client.containers.create(name="files", file_ids=[kept.id])
            files = client.containers.files
            (first,) = files.list(container.id)
            assert (first.object, first.path, first.bytes, first.source) == (
                *("container.file", "/mnt/data/kept.csv", 8, "user"),
            )
            data = bytes(range(256)) * 5000
            sent = files.create(container.id, file=("../../grüße.bin", data))
            assert (sent.path, sent.bytes) == ("/mnt/data/grüße.bin", len(data))
            assert sent.container_id == container.id
            copied = client.files.create(file=("two.txt", b"two"), purpose="user_data")
            two = files.create(container.id, file_id=copied.id)
            assert files.retrieve(two.id, container_id=container.id).path == "/mnt/data/two.txt"
            listed = [each.id for each in files.list(container.id, limit=2, order="asc")]
            assert listed == [first.id, sent.id, two.id]
            assert files.content.retrieve(sent.id, container_id=container.id).content == data
            assert files.delete(two.id, container_id=container.id) is None
            for call in (files.retrieve, files.delete, files.content.retrieve):
                assert told(call, two.id, container_id=container.id) == (
                    404,
                    "file_not_found",
                    None,
                )
            assert client.files.content(copied.id).content == b"two"

    def test_the_code_sees_them_and_its_own_are_listed(self, server: LiveServer) -> None:
        containers = server.service.containers
        with sdk(server) as client:
            container = client.containers.create(name="code")
            files = client.containers.files
            assert list(files.list(container.id)) == []
            sent = files.create(container.id, file=("a.txt", b"abc"))
            found = containers.require(container.id, EVERYBODY)
            session = containers.session(found)
            code = "import os; os.mkdir('deep'); open('deep/b.txt', 'w').write(open('a.txt').read() * 2)"
            assert session.run(f"import os; os.chdir('/mnt/data'); {code}").reason == "finished"
            by_path = {each.path: each for each in files.list(container.id)}
            assert {p: (e.bytes, e.source) for p, e in by_path.items()} == {
                "/mnt/data/a.txt": (3, "user"),
                "/mnt/data/deep/b.txt": (6, "assistant"),
            }
            made = by_path["/mnt/data/deep/b.txt"]
            reply = files.content.retrieve(made.id, container_id=container.id)
            assert reply.content == b"abcabc"
            assert reply.response.headers["content-disposition"].endswith("''b.txt")
            # Ids stay, whatever is written into the files.
            session.run("open('a.txt', 'w').write('longer'); os.remove('deep/b.txt')")
            assert [(e.id, e.bytes) for e in files.list(container.id)] == [(sent.id, 6)]

    def test_names_that_are_no_text(self, server: LiveServer) -> None:
        """Code may give a file any bytes as its name; it is listed, read and removed as any other."""
        containers = server.service.containers
        with sdk(server) as client:
            container = client.containers.create(name="code")
            files = client.containers.files
            session = containers.session(containers.require(container.id, EVERYBODY))
            assert session.run("open(b'/mnt/data/\\xff.txt', 'w').write('a')").text()
            (found,) = files.list(container.id)
            assert found.path == "/mnt/data/\\udcff.txt"
            assert files.retrieve(found.id, container_id=container.id).path == found.path
            reply = files.content.retrieve(found.id, container_id=container.id)
            assert reply.content == b"a"
            assert reply.response.headers["content-disposition"].endswith("''%5Cudcff.txt")
            files.delete(found.id, container_id=container.id)
            assert list(files.list(container.id)) == []

    def test_to_another_key_nothing_is_there(self, make_server: MakeServer) -> None:
        server = make_server(keys=keys_of(KEY, OTHER), tools=PYTHON)
        with sdk(server, KEY) as mine, sdk(server, OTHER) as other:
            kept = mine.files.create(file=b"mine", purpose="user_data")
            container = mine.containers.create(name="mine", file_ids=[kept.id])
            (file,) = mine.containers.files.list(container.id)
            gone = (404, "container_not_found", None)
            assert list(other.containers.list()) == []
            for call in (
                other.containers.retrieve,
                other.containers.delete,
                other.containers.files.list,
            ):
                assert told(call, container.id) == gone
            files = other.containers.files
            for call in (files.retrieve, files.delete, files.content.retrieve):
                assert told(call, file.id, container_id=container.id) == gone
            assert told(files.create, container.id, file=b"x") == gone
            # Nor is a file of another key's put into a container of one's own.
            missing = (404, "file_not_found", None)
            assert told(other.containers.create, name="a", file_ids=[kept.id]) == missing
            assert list(other.containers.list()) == []
            own = other.containers.create(name="own")
            assert told(files.create, own.id, file_id=kept.id) == missing


class TestRefusals:
    """What there is not."""

    def test_a_server_without_python_says_what_to_do(self, make_client: MakeClient) -> None:
        client = make_client()
        one = "/v1/containers/cntr_0"
        asked: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/v1/containers", {"json": {"name": "a"}}),
            ("GET", "/v1/containers", {}),
            ("GET", one, {}),
            ("DELETE", one, {}),
            ("GET", f"{one}/files", {}),
            ("POST", f"{one}/files", {"files": {"file": b"x"}}),
            ("POST", f"{one}/files", {"json": {"file_id": "file-0"}}),
            ("GET", f"{one}/files/cfile_0", {}),
            ("GET", f"{one}/files/cfile_0/content", {}),
            ("DELETE", f"{one}/files/cfile_0", {}),
        ]
        for method, path, given in asked:
            reply = client.request(method, path, **given)
            message = reply.json()["error"]["message"]
            assert (reply.status_code, message) == (
                400,
                "this server runs no Python; start it with --tools python",
            )

    @pytest.mark.parametrize(
        ("given", "param", "code"),
        [
            ({}, "name", "missing_required_parameter"),
            ({"name": ""}, "name", "string_below_min_length"),
            ({"name": "a" * 300}, "name", "string_above_max_length"),
            ({"name": "a", "memory_limit": "4g"}, "memory_limit", "invalid_value"),
            (
                {"name": "a", "network_policy": {"type": "allowlist", "allowed_domains": ["a.b"]}},
                "network_policy",
                "unsupported_parameter",
            ),
            ({"name": "a", "skills": [{"type": "inline"}]}, "skills", "unsupported_parameter"),
            (
                {"name": "a", "expires_after": {"anchor": "last_active_at", "minutes": 0}},
                "expires_after.minutes",
                "integer_below_min_value",
            ),
            (
                {"name": "a", "expires_after": {"anchor": "created_at", "minutes": 1}},
                "expires_after.anchor",
                "invalid_value",
            ),
            ({"name": "a", "file_ids": ["f"] * 65}, "file_ids", "array_above_max_length"),
        ],
    )
    def test_bodies(
        self, make_client: MakeClient, given: dict[str, Any], param: str, code: str
    ) -> None:
        client = make_client(tools=PYTHON)
        reply = client.post("/v1/containers", json=given)
        error = reply.json()["error"]
        assert (reply.status_code, error["param"], error["code"]) == (400, param, code), error
        assert client.get("/v1/containers").json()["data"] == []

    def test_what_is_not_read_is_named(self, make_client: MakeClient) -> None:
        client = make_client(tools=PYTHON)
        reply = client.post("/v1/containers", json={"name": "a", "zzz": 1})
        assert reply.json()["gptoss"] == {"ignored": ["zzz"]}
        path = f"/v1/containers/{reply.json()['id']}/files"
        form = client.post(path, files={"file": ("a", b"x")}, data={"zzz": "1"})
        assert form.json()["gptoss"] == {"ignored": ["zzz"]}
        kept = client.post("/v1/files", files={"file": b"x"}, data={"purpose": "vision"}).json()
        copied = client.post(path, json={"file_id": kept["id"], "zzz": 1})
        assert copied.json()["gptoss"] == {"ignored": ["zzz"]}

    def test_files(self, server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
        pool = server.service.containers._pool
        assert pool is not None
        pool.limits = Limits(file_bytes=100_000)
        with sdk(server) as client, httpx.Client(base_url=server.url, timeout=60) as plain:
            container = client.containers.create(name="a")
            path = f"/v1/containers/{container.id}/files"
            for given, param, code in (
                ({"json": {}}, "file_id", "missing_required_parameter"),
                ({"json": {"file_id": 7}}, "file_id", "invalid_type"),
                ({"files": {"other": b"x"}}, "other", "unknown_parameter"),
                ({"files": {"file": ("..", b"x")}}, "file", "invalid_value"),
            ):
                error = plain.post(path, **given).json()["error"]
                assert (error["param"], error["code"]) == (param, code), error
            large = plain.post(path, files={"file": ("a", b"x" * 300_000)})
            assert large.status_code == 413
            assert list(client.containers.files.list(container.id)) == []

            def fail(*_: Any) -> None:
                raise containers_module.disk_error(OSError(errno.ENOSPC, "full"))

            monkeypatch.setattr(routes, "_write", fail)
            reply = plain.post(path, files={"file": ("a", b"x")})
            assert (reply.status_code, reply.json()["error"]["code"]) == (507, "storage_full")

    def test_while_code_runs_its_files_are_there(self, server: LiveServer) -> None:
        containers = server.service.containers
        with sdk(server) as client:
            made = client.containers.create(name="busy")
            session = containers.session(containers.require(made.id, EVERYBODY))
            cell = threading.Thread(target=session.run, args=("import time; time.sleep(60)",))
            cell.start()
            wait_until(lambda: session._current is not None)
            files = client.containers.files
            sent = files.create(made.id, file=("a", b"x"))
            assert [each.id for each in files.list(made.id)] == [sent.id]
            assert files.content.retrieve(sent.id, container_id=made.id).content == b"x"
            # Its end does not wait for the code's.
            began = time.monotonic()
            client.containers.delete(made.id)
            cell.join()
            assert time.monotonic() - began < 10


class TestEnds:
    """Containers that are gone."""

    def test_one_that_nobody_uses(self, held: Containers) -> None:
        made = held.create("me", idle_minutes=1)
        with open(__file__, "rb") as file:
            put = held.put_file(made, "a.py", file)
        _, reading = held.open_file(made, put.id)
        made.used -= 61
        assert held.of("me") == []
        with pytest.raises(ApiError, match="make another"):
            held.require(made.id, "me")
        # Whoever reads one of its files reads it to its end.
        with reading, open(__file__, "rb") as file:
            assert reading.read() == file.read()

    def test_one_whose_code_runs_is_in_use(self, held: Containers) -> None:
        made = held.create("me", idle_minutes=1)
        session = held.session(made)
        cell = threading.Thread(target=session.run, args=("import time; time.sleep(1)",))
        cell.start()
        wait_until(lambda: session.is_busy)
        made.used -= 61
        assert held.find(made.id, "me") is made
        cell.join()
        assert held.find(made.id, "me") is made

    def test_one_that_made_room_for_another_has_not_lost_its_files_in_silence(
        self, held: Containers
    ) -> None:
        made = [held.create("me") for _ in range(3)]
        for each in made:
            held.session(each)
        assert held.of("me") == made[1:]

    def test_so_many(self, held: Containers) -> None:
        for _ in range(32):
            held.create("me")
        with pytest.raises(ApiError) as caught:
            held.create("me")
        assert caught.value.status == 429
        held.create("another")
