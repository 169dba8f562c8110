"""The files of this project and the names that they define, read without importing anything."""

from __future__ import annotations

import ast
import fnmatch
import functools
import re
import subprocess
from pathlib import Path, PurePosixPath

# Where a shortened path may begin: `engine/worker.py` is src/gptoss/engine/worker.py.
STARTS = ("", "src/gptoss", "src", "cpp", "tests", "web", "web/src", "benchmarks")


class Project:
    """A tree of files, and what may be found in it."""

    def __init__(self, root: Path, files: list[str]) -> None:
        self.root = root
        self.files = sorted(files)
        self._known = set(files) | {
            str(parent) for name in files for parent in PurePosixPath(name).parents
        }

    @classmethod
    def of_git(cls, root: Path) -> Project:
        """The files that git knows, and new ones that it does not ignore."""
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        return cls(root, [name for name in done.stdout.split("\0") if (root / name).is_file()])

    def text(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def find(self, path: str, beside: str = "") -> str | None:
        """The file or folder that a text in `beside` calls so; None where there is none.

        It may be written from the root, from its package, from the text's own folder, or as the end of a file's path.
        """
        path = path.removeprefix("./").rstrip("/")
        for start in (str(PurePosixPath(beside).parent), *STARTS):
            for known in self._matches(_joined(start, path)):
                return known
        ending = "*/" + path
        return next((name for name in self.files if fnmatch.fnmatchcase(name, ending)), None)

    def _matches(self, path: str) -> list[str]:
        if "*" not in path:
            return [path] if path in self._known else []
        return [name for name in self._known if fnmatch.fnmatchcase(name, path)]

    def module(self, dotted: str) -> str | None:
        """The file of a module or package, as `import` would find it in src or at the root."""
        path = dotted.replace(".", "/")
        names = (f"{start}{path}{end}" for start in ("src/", "") for end in _MODULE_ENDS)
        found = next((name for name in names if name in self._known), None)
        # A folder of modules without an __init__.py, as the tests' are.
        return found or next((f for f in (f"src/{path}", path) if f in self._known), None)

    def has_name(self, dotted: str) -> bool:
        """Whether `package.module.Class.attribute` is there, as far as classes of this project say it."""
        parts = dotted.split(".")
        for count in range(len(parts), 0, -1):
            file = self.module(".".join(parts[:count]))
            if file is not None:
                return count == len(parts) or self.defines(file, parts[count:])
        return False

    def defines(self, file: str, path: list[str]) -> bool:
        """Whether a file has that name, and that attribute of it."""
        if not file.endswith((".py", ".pyi")):
            return False
        scope = names_of(self.text(file))
        if path[0] not in scope:
            return False
        inner = scope[path[0]]
        if isinstance(inner, str):  # imported from there
            return self.has_name(".".join([inner, *path[1:]])) or not self._is_own(inner)
        # None: a value, whose attributes no class here tells.
        return inner is None or len(path) == 1 or path[1] in inner

    def _is_own(self, dotted: str) -> bool:
        return self.module(dotted.partition(".")[0]) is not None

    @functools.cached_property
    def words(self) -> frozenset[str]:
        """All words of the sources, but for what comments quote."""
        found = set[str]()
        for name in self.files:
            if name.endswith(_SOURCES):
                # In TypeScript, such quotes hold code as well.
                text = self.text(name)
                found |= set(_WORD.findall(text if ".ts" in name else _QUOTES.sub("", text)))
        return frozenset(found)

    def verbs(self) -> set[str]:
        """The targets of the Makefile."""
        return set(re.findall(r"^([a-z][a-z-]*):", self.text("Makefile"), re.MULTILINE))


_SOURCES = (
    ".py",
    ".pyi",
    ".h",
    ".cpp",
    ".c",
    ".ts",
    ".svelte",
    ".toml",
    ".json",
    ".jinja",
    "CMakeLists.txt",
    "Makefile",
)
_WORD, _QUOTES = re.compile(r"[A-Za-z_]\w*"), re.compile(r"`[^`\n]*`")
_MODULE_ENDS = (".py", "/__init__.py", ".pyi")
# Of a file: what is imported from where, a class's attributes, or None for a function or a value.
Scope = dict[str, "str | set[str] | None"]


def _joined(start: str, path: str) -> str:
    """A relative path without `.` and `..`."""
    parts: list[str] = []
    for part in (*PurePosixPath(start).parts, *PurePosixPath(path).parts):
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts) or "."


@functools.cache
def names_of(source: str) -> Scope:
    """The names at the top of a module."""
    scope: Scope = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            scope |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in _statements(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            scope[node.name] = None if _has_other_bases(node) else _attributes(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            scope[node.name] = None
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            scope |= dict.fromkeys(_targets(node))
    return scope


def _statements(tree: ast.Module) -> list[ast.stmt]:
    """The statements at the top, and those within an `if` or `try` there."""
    found: list[ast.stmt] = []
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        found.append(node)
        if isinstance(node, ast.If | ast.Try):
            waiting += [*node.body, *node.orelse]
    return found


def _has_other_bases(node: ast.ClassDef) -> bool:
    """Whether attributes may come from a class that is not read here."""
    return any(not (isinstance(b, ast.Name) and b.id in ("Protocol", "object")) for b in node.bases)


def _attributes(node: ast.ClassDef) -> set[str]:
    """Methods, fields, and what methods put on `self`."""
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(inner.name)
        elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            if inner.value.id in ("self", "cls"):
                found.add(inner.attr)
        elif isinstance(inner, ast.Assign | ast.AnnAssign):
            found |= _targets(inner)
    return found


def _targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {
        name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
    }
