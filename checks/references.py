"""Finds what README, guides, docstrings and comments name and what is not there: python -m checks.references.

Named are files and folders, modules and what they define, tests by file and name, verbs of make, commands of gptoss,
classes and functions, and the links of Markdown with their headings. What guides claim is in checks.claims.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from checks.claims import false_claims
from checks.project import Project
from checks.prose import Passage, is_read, passages

# Built from texts of others: what they name is not ours.
FOREIGN_TEXTS = ("src/gptoss/server/static/",)
# Names that are right although no source here has them.
FOREIGN_NAMES = frozenset(
    {
        # Projects and files of others.
        "llama.cpp",
        "malloc.h",
        "include/uapi/asm-generic/unistd.h",
        "include/uapi/linux/landlock.h",
        "schemas/v3.1/schema.json",
        "tiktoken_ext/openai_public.py",
        "torch/model.py",
        # A function of the C library, a method of Starlette's, a tool of Anthropic's API.
        "malloc_trim",
        "is_disconnected",
        "text_editor",
        # Fields of replies and names of events.
        "gptoss.cut_calls",
        "gptoss.not_enforced",
        "gptoss.ignored",
        "gptoss.capped",
        # Made by examples of a guide.
        "mine.py",
        "dot.svg",
        "pictures/figure_1_1.png",
        # Made from an option's name.
        "GPTOSS_PORT",
    }
)

_SOURCE = r"(?:py|pyi|h|cpp|c|ts|svelte|css|md|csv|svg|toml|sh|png)"
_SUFFIX = rf"(?:{_SOURCE}|json|jinja|txt|html|safetensors)"
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TEST = re.compile(r"([\w./-]+\.py)::([\w:]+)")
_FILE = re.compile(rf"(?<![\w/.:@$~>-])((?:[\w.*-]+/)*[\w*-][\w.*-]*\.{_SOURCE})(?![\w/])")
_PATH = re.compile(r"(?<![\w/.:@$~-])((?:[\w.*-]+/)+[\w.*-]*)")
_MODULE = re.compile(r"(?<![\w./-])((?:gptoss|benchmarks|recipes|checks|tests)(?:\.[A-Za-z_]\w*)+)")
_QUOTED = re.compile(r"`([^`\n]+)`")
_DOTTED = re.compile(r"([a-z]\w*)((?:\.[A-Za-z_]\w*)+)")
_NAME = re.compile(r"(?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*[a-z]\w*|\w+_\w+|\w+(?=\())(?:\(.*\))?")
_VERB = re.compile(r"^\s*make ([a-z][a-z-]*)", re.MULTILINE)
_COMMAND = re.compile(r"(?<!from)(?:^|\s|/)gptoss ([a-z]+)(?=\s|$)", re.MULTILINE)
# In guides `chat` and `model` are also what a caller holds: an instance of these.
_INSTANCES = {"chat": ("gptoss.Chat",), "model": ("gptoss.LoadedModel",)}

# What is named, and what is wrong with it.
Broken = tuple[str, str]


class References:
    """The references of one project's texts, and which of them lead nowhere."""

    def __init__(self, project: Project, foreign: frozenset[str] = FOREIGN_NAMES) -> None:
        self.project = project
        self._foreign = foreign
        self._verbs = project.verbs()
        self._folders = {name.partition("/")[0] for name in project.files if "/" in name}
        self._packages = self._children("src/gptoss/")

    def _children(self, folder: str) -> set[str]:
        inside = (n.removeprefix(folder) for n in self.project.files if n.startswith(folder))
        return {name.partition("/")[0] for name in inside if "/" in name}

    def broken(self) -> Iterator[str]:
        """A line for each reference that leads nowhere: where it is, what it names, what is wrong."""
        for name in self.project.files:
            if is_read(name) and not name.startswith(FOREIGN_TEXTS):
                for passage in passages(name, self.project.text(name)):
                    for named, what in dict.fromkeys(self._broken_in(name, passage)):
                        lines_before = passage.text.partition(named)[0].count("\n")
                        yield f"{name}:{passage.line + lines_before}: {named}: {what}"

    def _broken_in(self, name: str, passage: Passage) -> Iterator[Broken]:
        text = passage.text
        if name.endswith(".md") and not passage.is_code:
            yield from self._links(name, text)
            text = _LINK.sub("]", text)
        quoted = text if passage.is_code else "\n".join(_QUOTED.findall(text))
        yield from self._tests(name, text)
        yield from self._files(name, text, quoted)
        yield from self._modules(text, quoted)
        if not passage.is_code:
            yield from self._words(quoted)
        for verb in _VERB.findall(quoted):
            if verb not in self._verbs:
                yield f"make {verb}", "no such target in the Makefile"
        for command in _COMMAND.findall(quoted):
            places = (f"src/gptoss/cli/{command}.py", f"src/gptoss/cli/{command}/__init__.py")
            if not any(map(self.project.find, places)):
                yield f"gptoss {command}", "no such command in src/gptoss/cli"

    def _links(self, name: str, text: str) -> Iterator[Broken]:
        for target in _LINK.findall(text):
            path, _, heading = target.partition("#")
            if "://" in target or target.startswith("mailto:"):
                continue
            file = self._linked(name, path)
            if file is None:
                yield target, "the link leads to no file"
            elif heading and heading not in headings(self.project.text(file)):
                yield target, "the link leads to no heading"

    def _linked(self, name: str, path: str) -> str | None:
        """The file that a link leads to: written from the text's folder, without shortening."""
        place = (self.project.root / name).parent / path if path else self.project.root / name
        if not place.exists():
            return None
        return place.resolve().relative_to(self.project.root.resolve()).as_posix()

    def _tests(self, name: str, text: str) -> Iterator[Broken]:
        for path, names in _TEST.findall(text):
            file = self.project.find(path, name)
            if file is None or not self.project.defines(file, names.rstrip(":").split("::")):
                yield f"{path}::{names}", "no such test, class or function"

    def _files(self, name: str, text: str, quoted: str) -> Iterator[Broken]:
        paths = {path for path in _PATH.findall(quoted) if self._is_ours(path)}
        for path in sorted(paths | set(_FILE.findall(text))):
            if path not in self._foreign and self.project.find(path, name) is None:
                yield path, "no such file or folder"

    def _is_ours(self, path: str) -> bool:
        return PurePosixPath(path).parts[0] in self._folders | self._packages

    def _modules(self, text: str, quoted: str) -> Iterator[Broken]:
        for dotted in _MODULE.findall(text):
            if not self._is_there(dotted):
                yield dotted, "no such module, or no such name in it"
        for span in quoted.split("\n"):
            found = _DOTTED.match(span)
            if found and found[1] in self._packages and not self._is_there(f"gptoss.{found[0]}"):
                yield found[0], f"no such name in gptoss.{found[1]}"

    def _words(self, quoted: str) -> Iterator[Broken]:
        """Names of classes and functions that no source has any more, whosever they were."""
        for span in quoted.split("\n"):
            if _NAME.fullmatch(span):
                for word in re.findall(r"[A-Za-z_]\w*", span.partition("(")[0]):
                    if word not in self.project.words and word not in self._foreign:
                        yield span, f"no source has the name {word}"

    def _is_there(self, dotted: str) -> bool:
        if dotted in self._foreign or re.search(rf"\.{_SUFFIX}$", dotted):
            return True
        if self.project.has_name(dotted):
            return True
        first, _, rest = dotted.removeprefix("gptoss.").partition(".")
        return any(
            self.project.has_name(f"{holder}.{rest}") for holder in _INSTANCES.get(first, ())
        )


def headings(text: str) -> set[str]:
    """The anchors of a Markdown file's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def main() -> int:
    project = Project.of_git(Path.cwd())
    broken = [*References(project).broken(), *false_claims(project)]
    for line in broken:
        print(line, file=sys.stderr)
    if broken:
        print(
            f"references: {len(broken)} lead nowhere; name what is there, or add a name of others to "
            "FOREIGN_NAMES in checks/references.py",
            file=sys.stderr,
        )
        return 1
    print("references: all that is named is there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
