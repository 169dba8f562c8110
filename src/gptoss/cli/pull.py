"""`gptoss pull`: published weights onto this machine."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptoss.cli import flags
from gptoss.cli.interruption import interruptible
from gptoss.cli.notice import notice
from gptoss.errors import ConfigError, GptossError, PullError, UnreachableError, listed, shown
from gptoss.files.sizes import disk_size
from gptoss.hub.cache import MAIN, cache_folder, find_snapshot
from gptoss.hub.released import DEFAULT, RELEASED, is_revision, repo_of, short_name

if TYPE_CHECKING:
    from gptoss.hub.listing import Listing
    from gptoss.hub.store import Source, Store

_LEFT = "what came stays, the same command goes on with it"


def pull(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="As the hub calls it, or without its owner. Default: openai/gpt-oss-20b.",
        ),
    ] = None,
    original: Annotated[
        bool, typer.Option("--original", help="The weights of the folder original/ instead.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(metavar="REV", help="A branch, tag or commit. Default: main.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DIR|URL", help="A mirror that --manifest made, instead of the hub."
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Then copy the files there, with a manifest of their hashes: a mirror for --from.",
        ),
    ] = None,
    json: flags.Json = False,
) -> None:
    """Fetch a model's weights into the hub's cache, which other programs share.

    A pull that was cut goes on where it was. Every file is checked by its hash before it has its name.
    """
    with interruptible(_LEFT):
        _pull(model, original, revision, source, manifest, json)


def fetch_missing(repo: str, revision: str | None) -> None:
    """Fetch a repository's model from the hub, as the command does, for another command that goes on with it."""
    with interruptible(_LEFT):
        origin, found = _ask_hub(repo, revision or MAIN)
        _fetch(origin, found.wanted(original=False))


def _pull(
    model: str | None,
    original: bool,
    revision: str | None,
    source: str | None,
    manifest: Path | None,
    json: bool,
) -> None:
    if source is None:
        repo, revision = _repo(DEFAULT if model is None else model), revision or MAIN
        try:
            origin, found = _ask_hub(repo, revision)
        except UnreachableError as error:
            facts = _here(repo, revision, original)
            if facts is None or manifest is not None:
                raise
            notice(f"{error}; what is here is taken")
            print(json_module.dumps(facts) if json else facts["directory"])
            return
    else:
        origin, found = _read_mirror(source, model, revision)
        # A mirror has one layout; which one, its files tell.
        original = any(file.name.startswith("original/") for file in found.files)
    wanted = found.wanted(original=original)
    if manifest is not None:
        from gptoss.hub.mirror import require_place

        manifest = manifest.expanduser()
        require_place(manifest, wanted)
    store, folder, fetched = _fetch(origin, wanted)
    facts = _facts(wanted.repo, wanted.revision, folder, fetched)
    if manifest is not None:
        facts |= _write_mirror(manifest, store, wanted)
    if json:
        print(json_module.dumps(facts))
    else:
        _show_end(wanted, facts)


def _fetch(origin: Source, wanted: Listing) -> tuple[Store, Path, int]:
    """Bring all files into the cache: the repository's store, the commit's folder, and the bytes that came."""
    from gptoss.cli.pull_progress import PullProgress
    from gptoss.hub.store import Store

    store = Store(wanted.repo)
    fetched = store.missing_bytes(wanted)
    _show_plan(wanted, store, fetched)
    store.require_room(wanted)
    with PullProgress("fetching", wanted.size) as progress:
        for file in wanted.files:
            store.fetch(file, origin, progress)
            if file.name in ("config.json", "original/config.json"):
                # It comes before the weights.
                _require_gpt_oss(wanted.repo, store.blob(file))
    return store, store.link(wanted), fetched


def _ask_hub(repo: str, revision: str) -> tuple[Source, Listing]:
    from gptoss.hub.hub import Hub

    if not is_revision(revision):
        raise PullError(f"got the revision {shown(revision)}, wanted a branch, a tag or a commit")
    hub = Hub(repo)
    return hub, hub.listing(revision)


def _here(repo: str, revision: str, original: bool) -> dict[str, Any] | None:
    """The result that a pull would have, if all of the model is here already."""
    from gptoss.model.checkpoint import open_checkpoint

    folder = find_snapshot(repo, revision)
    if folder is None or not (folder / "tokenizer.json").is_file():
        return None
    try:
        open_checkpoint(folder / "original" if original else folder)
    except GptossError:
        return None
    return _facts(repo, revision, folder, 0)


def _facts(repo: str, revision: str, folder: Path, fetched: int) -> dict[str, Any]:
    return {
        "model": repo,
        "revision": revision,
        "commit": folder.name,
        "directory": str(folder),
        "fetched_bytes": fetched,
    }


def _read_mirror(source: str, model: str | None, revision: str | None) -> tuple[Source, Listing]:
    from gptoss.hub.mirror import FolderMirror, WebMirror

    is_address = source.startswith(("http://", "https://"))
    mirror = WebMirror(source) if is_address else FolderMirror(Path(source).expanduser())
    found = mirror.listing()
    if model is not None and _repo(model) != found.repo:
        raise PullError(f"the mirror {source} is of {found.repo}, wanted {_repo(model)}")
    if revision not in (None, found.revision, found.commit):
        raise PullError(
            f"the mirror {source} is of the revision {found.revision} ({found.commit}), wanted {shown(revision)}"
        )
    return mirror, found


def _repo(name: str) -> str:
    repo = repo_of(name)
    if repo is None:
        raise PullError(f"got the model {shown(name)}, wanted owner/model, or {listed(RELEASED)}")
    return repo


def _require_gpt_oss(repo: str, config: Path) -> None:
    from gptoss.model.config import Config

    try:
        Config.from_file(config)
    except ConfigError as error:
        raise PullError(f"{repo} is no gpt-oss model: {error}") from None


def _write_mirror(folder: Path, store: Store, listing: Listing) -> dict[str, Any]:
    from gptoss.cli.pull_progress import PullProgress
    from gptoss.hub.mirror import write_mirror

    with PullProgress("copying", listing.size) as progress:
        sha256 = write_mirror(folder, store, listing, progress)
    return {"mirror": str(folder), "manifest_sha256": sha256}


def _show_plan(listing: Listing, store: Store, missing: int) -> None:
    """Before the first byte: what is fetched, where it goes, and whether there is room."""
    from gptoss.hub.store import free_bytes

    at = "" if listing.revision == listing.commit else f"{listing.revision} is "
    notice(f"{listing.repo}, {at}commit {listing.commit}")
    if missing:
        folder = cache_folder()
        notice(
            f"{len(listing.files)} files, {disk_size(listing.size)}, of which {disk_size(missing)} are to come; "
            f"into {folder}, {disk_size(free_bytes(folder))} free"
        )


def _show_end(listing: Listing, facts: dict[str, Any]) -> None:
    if not facts["fetched_bytes"]:
        notice("all of it was here already")
    if "mirror" in facts:
        notice(
            f"a mirror of it is in {facts['mirror']}; its manifest's sha256 is {facts['manifest_sha256']}"
        )
    # Without a branch's name, the newest commit here would be taken.
    at = f"@{listing.commit}" if listing.revision != MAIN else ""
    notice(f"to talk to it: gptoss chat --model {short_name(listing.repo)}{at}")
    print(facts["directory"])
