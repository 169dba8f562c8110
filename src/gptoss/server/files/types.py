"""Files, as OpenAI's API shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.server.files.store import KeptFile
from gptoss.server.replies import ABSENT, Count, Reply, UnixSeconds
from gptoss.server.shared.extension import Ignored

# Those that a client may give, and those of what the server itself writes.
Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
AnyPurpose = Literal[
    "assistants",
    "assistants_output",
    "batch",
    "batch_output",
    "fine-tune",
    "fine-tune-results",
    "vision",
    "user_data",
    "evals",
]


class FileObject(Reply):
    """A file."""

    id: str
    object: Literal["file"]
    bytes: Count
    created_at: UnixSeconds
    expires_at: UnixSeconds | None
    """When it is forgotten; null: not before it is deleted."""
    filename: str
    purpose: AnyPurpose
    """As it was said; it changes nothing."""
    status: Literal["processed"]
    status_details: None
    gptoss: Ignored = ABSENT
    """Our extension, where something of an upload was ignored."""


class FileList(Reply):
    """A page of files."""

    object: Literal["list"]
    data: list[FileObject]
    first_id: str | None
    last_id: Annotated[str | None, Field(description="For `after` of the next page.")]
    has_more: bool


class DeletedFile(Reply):
    """A file is forgotten."""

    id: str
    object: Literal["file"]
    deleted: Literal[True]


def file_object(kept: KeptFile, ignored: tuple[str, ...] = ()) -> FileObject:
    """What is told of a file; `ignored`: fields of its upload."""
    made = FileObject.model_validate(
        {
            "id": kept.id,
            "object": "file",
            "bytes": kept.num_bytes,
            "created_at": int(kept.created),
            "expires_at": None if kept.expires is None else int(kept.expires),
            "filename": kept.name,
            "purpose": kept.purpose,
            "status": "processed",
            "status_details": None,
        }
    )
    if ignored:
        made.gptoss = Ignored(ignored=list(ignored))
    return made
