"""A stand-in of the hub on loopback: its routes, parts of files, redirects, and what goes wrong, on demand."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

REPO = "openai/gpt-oss-20b"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
_RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")
_INFO = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)/revision/(?P<revision>[^/]+)")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@dataclass
class Request:
    """What was asked for."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def begins(self) -> int:
        """The first byte asked for."""
        wanted = self.headers.get("range", "bytes=0-")
        return int(wanted.removeprefix("bytes=").split("-")[0])


@dataclass
class StandIn:
    """A hub with one model, or the storage that another one leads to."""

    files: dict[str, bytes]
    repo: str = REPO
    commit: str = COMMIT
    # Another one that serves large files.
    storage: StandIn | None = None
    # After so many bytes the connection ends, one number a request for a large file.
    cuts: list[int] = field(default_factory=list)
    has_ranges: bool = True
    # Of a file: what is served in the first so many requests instead of what is listed.
    instead: dict[str, list[bytes]] = field(default_factory=dict)
    packed: bool = False
    # Packs what goes on with a file.
    packs_rest: bool = False
    # Added to the Content-Length that is said.
    length_error: int = 0
    chunked: bool = False
    # Of a path, by a part of it: status and headers, for the first so many requests.
    refusals: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)
    # A whole answer to the question for the listing.
    listing: bytes | None = None
    requests: list[Request] = field(default_factory=list)
    # Refuses whoever goes on with a file.
    has_ended_token: bool = False
    # A large file waits for it after so many bytes.
    gate: threading.Event | None = None
    before_gate: int = 0

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def is_large(self, name: str) -> bool:
        """Whether its hash is sha256, as that of a file in large storage."""
        return name.endswith((".safetensors", "tokenizer.json"))

    def etag(self, name: str) -> str:
        data = self.files[name]
        return sha256(data) if self.is_large(name) else blob_id(data)

    def info(self) -> bytes:
        siblings: list[dict[str, Any]] = []
        for name, data in self.files.items():
            entry: dict[str, Any] = {
                "rfilename": name,
                "size": len(data),
                "blobId": blob_id(data),
            }
            if self.is_large(name):
                entry["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 135}
            siblings.append(entry)
        return json.dumps(
            {"id": self.repo, "modelId": self.repo, "sha": self.commit, "siblings": siblings}
        ).encode()

    def asked(self, ending: str) -> list[Request]:
        """The requests for bytes of such files."""
        return [r for r in self.requests if r.method == "GET" and r.path.endswith(ending)]

    def counts(self) -> Counter[str]:
        return Counter(r.path.rpartition("/")[2] for r in self.requests if r.method == "GET")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that has gone is nothing to tell of."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written apart, and the second would wait for the first's acknowledgement.
    disable_nagle_algorithm = True
    hub: StandIn

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        # As a proxy it is asked for whole addresses.
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append(Request(self.command, path, headers))
        for refusal in self.hub.refusals:
            part, status, more = refusal
            if part in path:
                self.hub.refusals.remove(refusal)
                self._say(status, b"no", more)
                return
        if match := _INFO.fullmatch(path):
            self._list(match["repo"], match["revision"])
        elif match := _RESOLVE.fullmatch(path):
            self._resolve(match["repo"], match["revision"], match["name"])
        else:
            # The storage, or a plain mirror.
            self._serve(path.removeprefix("/"), {})

    def _list(self, repo: str, revision: str) -> None:
        if repo != self.hub.repo:
            # As the hub says it to who is not logged in.
            self._say(401, b"", {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", self.hub.commit):
            self._say(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif self.hub.listing is not None:
            self._say(200, self.hub.listing, {"Content-Type": "application/json"})
        else:
            self._say(200, self.hub.info(), {"Content-Type": "application/json"})

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        if (repo, revision) not in [(self.hub.repo, r) for r in ("main", self.hub.commit)]:
            self._say(404, b"", {"X-Error-Code": "RepoNotFound"})
            return
        if name not in self.hub.files:
            self._say(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"X-Repo-Commit": self.hub.commit, "ETag": f'"{self.hub.etag(name)}"'}
        if self.hub.storage is not None and self.hub.is_large(name):
            headers |= {
                "X-Linked-Etag": f'"{self.hub.etag(name)}"',
                "X-Linked-Size": str(len(self.hub.files[name])),
                "Location": f"{self.hub.storage.url}/{name}?signature=secret",
            }
            self._say(302, b"", headers)
        else:
            self._serve(name, headers)

    def _serve(self, name: str, headers: dict[str, str]) -> None:
        hub = self.hub
        if name not in hub.files:
            self._say(404, b"", {})
            return
        data = hub.files[name]
        if self.command == "GET" and hub.instead.get(name):
            data = hub.instead[name].pop(0)
        status, begin = 200, hub.requests[-1].begins if hub.has_ranges else 0
        if self.headers.get("Range") and hub.has_ranges:
            if begin >= len(data):
                self._say(416, b"", {})
                return
            status = 206
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        if hub.packed or (hub.packs_rest and begin):
            headers["Content-Encoding"] = "gzip"
            data = gzip.compress(data)
        large = hub.is_large(name)
        if begin and hub.has_ended_token:
            self._say(403, b"", {})
            return
        cut = hub.cuts.pop(0) if hub.cuts and large and self.command == "GET" else None
        self._say(status, data[begin:], headers, cut, is_large=large)

    def _say(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str],
        cut: int | None = None,
        *,
        is_large: bool = False,
    ) -> None:
        error = self.hub.length_error if is_large else 0
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        chunked = self.hub.chunked and status in (200, 206) and self.command == "GET"
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            self.send_header("Content-Length", str(len(body) + error))
        self.close_connection = self.close_connection or cut is not None
        self.end_headers()
        if self.command == "GET":
            body = body if cut is None else body[:cut]
            if self.hub.gate is not None and is_large:
                self.wfile.write(body[: self.hub.before_gate])
                self.hub.gate.wait(30)
                body = body[self.hub.before_gate :]
            self.wfile.write(body)
            if error:
                self.close_connection = True


def _handler(of: StandIn) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"hub": of})
