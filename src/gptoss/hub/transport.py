"""Bytes over HTTP through the hub's library, which knows tokens, proxies and offline mode; bounded and never unpacked.

The library asks for what a server packs as it likes, and reads a listing of any length. Here both are refused. A token
goes to the hub alone: the library's client takes it off where it is led to another host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import get_session

from gptoss.errors import PullError, UnreachableError, shown
from gptoss.hub.listing import HubFile
from gptoss.hub.store import SourceInterrupted

_LONGEST_WAIT_S = 60
_FOR_A_WHILE = frozenset({408, 425, 429, 500, 502, 503, 504})
_SECONDS = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)")


class Refused(PullError):
    """The server has an answer, and it is no."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def read_all(url: str, headers: Mapping[str, str], most: int) -> bytes:
    """A whole small answer. Raises PullError, also for more than `most` bytes; SourceInterrupted."""
    with _get(url, headers) as response:
        parts, size = [], 0
        for part in response.iter_raw():
            size += len(part)
            if size > most:
                raise PullError(f"{_shown(url)} answers more than {most:,} bytes; is it the hub?")
            parts.append(part)
        return b"".join(parts)


@contextmanager
def read_file(
    url: str, headers: Mapping[str, str], file: HubFile, start: int
) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Where a file's bytes begin, at `start` or at 0, and the bytes. Raises PullError, SourceInterrupted."""
    ranged = {**headers, "Range": f"bytes={start}-"} if start else headers
    with _get(url, ranged) as response:
        # As they come: pieces of a size would be held back, and lost when the connection is cut.
        yield _begin(response, file, start), response.iter_raw()


@contextmanager
def _get(url: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
    plain = {**headers, "Accept-Encoding": "identity"}
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    try:
        with get_session().stream("GET", url, headers=plain, timeout=timeout) as response:
            _require_success(response)
            packed = response.headers.get("content-encoding", "identity").lower()
            if packed != "identity":
                raise PullError(
                    f"{_shown(response.url)} sends it packed ({shown(packed)}), wanted it as it is; is a proxy between?"
                )
            yield response
    except OfflineModeIsEnabled:
        raise UnreachableError(
            f"cannot ask {_shown(url)}: HF_HUB_OFFLINE is set; unset it, or take a mirror: `gptoss pull --from DIR`"
        ) from None
    except httpx2.ProxyError as error:
        raise PullError(
            f"the proxy refuses {_shown(url)}: {error}; see HTTPS_PROXY and NO_PROXY"
        ) from None
    except (httpx2.TransportError, httpx2.StreamError) as error:
        said = str(error) or type(error).__name__
        raise SourceInterrupted(f"{_shown(url)}: {said}") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise PullError(f"cannot ask {_shown(url)}: {error}") from None


def _require_success(response: httpx2.Response) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    reason = f"{_shown(response.url)} answers {status}"
    if status in _FOR_A_WHILE:
        wait = response.headers.get("retry-after", "")
        # Python makes no number of thousands of digits.
        wait_s = min(int(wait), _LONGEST_WAIT_S) if _SECONDS.fullmatch(wait) else 0
        raise SourceInterrupted(reason, float(wait_s))
    code = response.headers.get("x-error-code", "")
    raise Refused(status, code, f"{reason}, wanted the file")


def _begin(response: httpx2.Response, file: HubFile, start: int) -> int:
    """Where the body begins; it must be of a file of the right size."""
    if response.status_code == 200:
        length = response.headers.get("content-length")
        if length is not None and length != str(file.size):
            raise PullError(
                f"{_shown(response.url)} has {shown(length)} bytes, wanted {file.size:,}; is the revision complete?"
            )
        return 0
    said = response.headers.get("content-range", "")
    match = _RANGE.fullmatch(said)
    if match is None or int(match[1]) != start or match[2] not in ("*", str(file.size)):
        raise PullError(
            f"{_shown(response.url)} sends the part {shown(said)}, wanted bytes {start}- of {file.size:,}"
        )
    return start


def _shown(url: object) -> str:
    """An address without what may be secret in it: a password, a signature."""
    parsed = httpx2.URL(str(url))
    return str(parsed.copy_with(username=None, password=None, query=None, fragment=None))
