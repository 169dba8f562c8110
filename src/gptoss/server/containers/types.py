"""Containers and their files, as OpenAI's API shows them."""

from __future__ import annotations

from typing import Literal

from gptoss.server.containers.containers import Container
from gptoss.server.containers.contents import FOLDER, ContainerFile, Source
from gptoss.server.replies import ABSENT, Count, Reply, UnixSeconds
from gptoss.server.shared.extension import Ignored
from gptoss.tools.sandbox.output import printable


class ContainerExpiry(Reply):
    """When a container is gone."""

    anchor: Literal["last_active_at"]
    minutes: Count


class NetworkPolicy(Reply):
    """There is no network."""

    type: Literal["disabled"]


class ContainerObject(Reply):
    """A notebook and its files."""

    id: str
    object: Literal["container"]
    created_at: UnixSeconds
    last_active_at: UnixSeconds
    """Whatever is done with it counts."""
    name: str
    status: Literal["running"]
    """One that has expired is not there."""
    expires_after: ContainerExpiry
    memory_limit: Literal["1g"]
    """So much at least; the operator's limits hold."""
    network_policy: NetworkPolicy
    gptoss: Ignored = ABSENT
    """Our extension, where something of a request was ignored."""


class ContainerList(Reply):
    """A page of containers."""

    object: Literal["list"]
    data: list[ContainerObject]
    first_id: str | None
    last_id: str | None
    """For `after` of the next page."""
    has_more: bool


class DeletedContainer(Reply):
    """A container is gone, and its files with it."""

    id: str
    object: Literal["container.deleted"]
    deleted: Literal[True]


class ContainerFileObject(Reply):
    """A file in a container."""

    id: str
    object: Literal["container.file"]
    bytes: Count
    container_id: str
    created_at: UnixSeconds
    """When it was put there, or first seen."""
    path: str
    """As code sees it, such as `/mnt/data/table.csv`."""
    source: Source
    """`assistant`: the model's code wrote it."""
    gptoss: Ignored = ABSENT
    """Our extension, where something of an upload was ignored."""


class ContainerFileList(Reply):
    """A page of a container's files."""

    object: Literal["list"]
    data: list[ContainerFileObject]
    first_id: str | None
    last_id: str | None
    """For `after` of the next page."""
    has_more: bool


class DeletedContainerFile(Reply):
    """A file of a container is gone."""

    id: str
    object: Literal["container.file.deleted"]
    deleted: Literal[True]


def container_object(found: Container, ignored: tuple[str, ...] = ()) -> ContainerObject:
    """What is told of a container; `ignored`: fields of the request that made it."""
    made = ContainerObject(
        id=found.id,
        object="container",
        created_at=int(found.created),
        last_active_at=int(found.used),
        name=found.name,
        status="running",
        expires_after=ContainerExpiry(anchor="last_active_at", minutes=found.idle_minutes),
        memory_limit="1g",
        network_policy=NetworkPolicy(type="disabled"),
    )
    if ignored:
        made.gptoss = Ignored(ignored=list(ignored))
    return made


def file_object(
    found: ContainerFile, container: Container, ignored: tuple[str, ...] = ()
) -> ContainerFileObject:
    """What is told of a file of a container; `ignored`: fields of its upload."""
    made = ContainerFileObject(
        id=found.id,
        object="container.file",
        bytes=found.num_bytes,
        container_id=container.id,
        created_at=int(found.created),
        # Names of files need be no text.
        path=FOLDER + printable(found.name),
        source=found.source,
    )
    if ignored:
        made.gptoss = Ignored(ignored=list(ignored))
    return made
