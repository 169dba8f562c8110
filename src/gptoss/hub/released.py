"""The published models by name, and the files of a repository that a model needs."""

from __future__ import annotations

import re
from collections.abc import Iterable

DEFAULT = "openai/gpt-oss-20b"
RELEASED = {
    repo.partition("/")[2]: repo
    for repo in (
        DEFAULT,
        "openai/gpt-oss-120b",
        "openai/gpt-oss-safeguard-20b",
        "openai/gpt-oss-safeguard-120b",
    )
}
# What a pull of them fetches, nearly: it is told before anybody is asked for more.
RELEASED_BYTES = {
    repo: (13_800 if repo.endswith("-20b") else 65_000) * 10**6 for repo in RELEASED.values()
}
# What a file under way ends in. By its last part the hub's own tools know what they may clear away.
UNFINISHED = ".gptoss.incomplete"
# Tags, branches and commits; `refs/pr/1` as well.
REVISION = re.compile(r"[A-Za-z0-9_][\w./-]{0,254}", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")

_PART = r"[A-Za-z0-9_][\w.-]{0,95}"
_REPO = re.compile(rf"{_PART}/{_PART}", re.ASCII)
LICENCES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "USAGE_POLICY")
_BESIDE_WEIGHTS = frozenset(
    {
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
        "generation_config.json",
        *LICENCES,
    }
)
_WEIGHTS = re.compile(r"config\.json|model[\w.-]*\.safetensors(\.index\.json)?", re.ASCII)
_ORIGINAL_WEIGHTS = re.compile(
    r"original/(config\.json|dtypes\.json|model[\w.-]*\.safetensors(\.index\.json)?)", re.ASCII
)


def repo_of(name: str) -> str | None:
    """The repository that a name means: `owner/model` itself, or a released model's short name."""
    if name in RELEASED:
        return RELEASED[name]
    return name if _REPO.fullmatch(name) and ".." not in name and "--" not in name else None


def short_name(repo: str) -> str:
    """The name without its owner, if it means that repository; else the whole."""
    name = repo.rpartition("/")[2]
    return name if RELEASED.get(name) == repo else repo


def is_revision(text: str) -> bool:
    """Whether it may be a branch, a tag or a commit, and leads nowhere as a path."""
    return bool(REVISION.fullmatch(text)) and not {"", ".", ".."} & set(text.split("/"))


def is_wanted(name: str, *, original: bool) -> bool:
    """Whether a model needs that file of its repository: weights in one layout, tokenizer, template, licence."""
    weights = _ORIGINAL_WEIGHTS if original else _WEIGHTS
    return name in _BESIDE_WEIGHTS or bool(weights.fullmatch(name))


def lacking(names: Iterable[str], *, original: bool) -> list[str]:
    """The files without which no model can be opened and which are not among the names."""
    names = set(names)
    config = "original/config.json" if original else "config.json"
    found = [name for name in (config, "tokenizer.json") if name not in names]
    if not any(name.endswith(".safetensors") for name in names):
        found.append("original/*.safetensors" if original else "*.safetensors")
    return found
