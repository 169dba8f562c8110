"""The manifest of a mirror: which files of which commit lie beside it, with sizes and hashes."""

from __future__ import annotations

import json

from gptoss.errors import PullError, shown
from gptoss.files.json_text import parse_object
from gptoss.hub.listing import HubFile, Listing, file_of, make_listing
from gptoss.hub.released import is_revision, is_wanted, repo_of

NAME = "manifest.json"
# Of a model in a hundred files: 30 kB.
MOST_BYTES = 1 << 20

_FORMAT = "gptoss-manifest-1"


def write_manifest(listing: Listing) -> bytes:
    """The manifest's bytes; of the same files always the same."""
    files = [
        {"name": file.name, "size": file.size, "blob": file.blob, "sha256": file.sha256}
        for file in listing.files
    ]
    fields = {
        "format": _FORMAT,
        "repo": listing.repo,
        "revision": listing.revision,
        "commit": listing.commit,
        "files": files,
    }
    return json.dumps(fields, indent=1).encode("ascii") + b"\n"


def read_manifest(data: bytes, origin: str) -> Listing:
    """What a manifest lists. Raises PullError for one that is damaged, or names what no model has."""
    try:
        fields = parse_object(data)
    except ValueError as error:
        raise PullError(
            f"{origin} is no manifest: {error}; make one with `gptoss pull --manifest`"
        ) from None
    if fields.get("format") != _FORMAT:
        raise PullError(
            f"{origin} has the format {shown(fields.get('format'))}, wanted {_FORMAT!r}; "
            "make one with `gptoss pull --manifest`"
        )
    repo, revision, entries = fields.get("repo"), fields.get("revision"), fields.get("files")
    if not isinstance(repo, str) or repo_of(repo) != repo:
        raise PullError(f"{origin} is of {shown(repo)}, wanted owner/model")
    if not isinstance(revision, str) or not is_revision(revision):
        raise PullError(f"{origin} is of the revision {shown(revision)}, wanted a branch or commit")
    if not isinstance(entries, list):
        raise PullError(f"{origin} lists no files")
    files = [_checked(file_of(entry, origin), origin) for entry in entries]
    return make_listing(repo, revision, fields.get("commit"), files, origin)


def _checked(file: HubFile, origin: str) -> HubFile:
    # A name is a path here, and could lead anywhere.
    if not any(is_wanted(file.name, original=original) for original in (False, True)):
        raise PullError(f"{origin} lists {shown(file.name)}, which is no file of a model")
    if file.sha256 is None:
        raise PullError(f"{origin}: {shown(file.name)} has no sha256")
    return file
