"""The hub as a source of files: what a revision holds, and its bytes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import quote

from huggingface_hub.utils import build_hf_headers

from gptoss.errors import PullError, UnreachableError, shown
from gptoss.files.json_text import parse_object
from gptoss.hub import transport
from gptoss.hub.listing import HubFile, Listing, file_of, make_listing
from gptoss.hub.store import SourceInterrupted, wait_before

# The 120b's takes 20 kB.
_MOST_LISTING_BYTES = 16 << 20
_TRIES = 3


class Hub:
    """The hub at $HF_ENDPOINT, asked with the token that its library finds."""

    def __init__(self, repo: str) -> None:
        # It prints what servers say, as they say it.
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        self._endpoint = endpoint.rstrip("/")
        self._repo = repo
        self._commit = ""
        self._headers = build_hf_headers(library_name="gptoss")

    def listing(self, revision: str) -> Listing:
        """The files of a revision, whose commit is the one read from then on. Raises PullError, UnreachableError."""
        url = f"{self._endpoint}/api/models/{self._repo}/revision/{quote(revision, safe='')}?blobs=true"
        try:
            data = _patiently(url, self._headers)
        except transport.Refused as error:
            self._refuse(error, revision)
        found = read_listing(data, self._repo, revision, self._endpoint)
        self._commit = found.commit
        return found

    @contextmanager
    def read(self, file: HubFile, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Where the bytes begin, at `start` or at 0, and the bytes. Raises PullError, SourceInterrupted."""
        url = f"{self._endpoint}/{self._repo}/resolve/{self._commit}/{quote(file.name)}"
        try:
            with transport.read_file(url, self._headers, file, start) as found:
                yield found
        except transport.Refused as error:
            self._refuse(error, self._commit)

    def _refuse(self, error: transport.Refused, revision: str) -> NoReturn:
        code, status = error.code, error.status
        if code == "RevisionNotFound":
            said = f"{self._repo} has no revision {shown(revision)}; leave --revision out for main"
        elif code == "GatedRepo":
            said = (
                f"{self._repo} is given to those who accept its terms: accept them on {self._endpoint}/{self._repo}, "
                "then set HF_TOKEN, or log in with `hf auth login`"
            )
        elif status in (401, 403) and "authorization" in self._headers:
            said = (
                f"{self._endpoint} does not take the token for {self._repo} ({status}); set HF_TOKEN to another, or "
                "log in with `hf auth login`"
            )
        elif status in (401, 403, 404):
            said = (
                f"{self._endpoint} has no {self._repo} for everybody ({status}); see its spelling, or set HF_TOKEN "
                "if it is private"
            )
        else:
            raise error
        raise PullError(said) from None


def read_listing(data: bytes, repo: str, revision: str, origin: str) -> Listing:
    """What a hub says that a revision holds. Raises PullError for what is no listing."""
    try:
        answer = parse_object(data)
    except ValueError as error:
        raise PullError(
            f"{origin} answers no listing of {repo}: {error}; is HF_ENDPOINT a hub?"
        ) from None
    siblings = answer.get("siblings")
    if not isinstance(siblings, list):
        raise PullError(
            f"{origin} lists no files of {repo}, wanted siblings; is HF_ENDPOINT a hub?"
        )
    files = [_file(entry, origin) for entry in siblings]
    return make_listing(repo, revision, answer.get("sha"), files, origin)


def _patiently(url: str, headers: dict[str, str]) -> bytes:
    for tried in range(_TRIES):
        try:
            return transport.read_all(url, headers, _MOST_LISTING_BYTES)
        except SourceInterrupted as error:
            if tried == _TRIES - 1:
                raise UnreachableError(
                    f"cannot reach the hub: {error}; see the network, HF_ENDPOINT and HTTPS_PROXY, "
                    "or take a mirror: `gptoss pull --from DIR|URL`"
                ) from None
            wait_before(tried, error.wait_s)
    raise AssertionError("not reached")


def _file(entry: Any, origin: str) -> HubFile:
    """A file as the hub lists it: large ones have their sha256 in `lfs`."""
    if not isinstance(entry, dict):
        raise PullError(f"{origin} lists {shown(entry)}, wanted a file")
    large = entry.get("lfs")
    size, blob = entry.get("size"), entry.get("blobId")
    if isinstance(large, dict):
        size, blob = large.get("size", size), large.get("sha256")
    return file_of({"name": entry.get("rfilename"), "size": size, "blob": blob}, origin)
