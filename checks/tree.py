"""The annotated tree in docs/architecture.md, made from the first docstring line of each package and module,
and the opening comments of other sources.

`python -m checks.tree` compares, `--write` renews.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PAGE = Path("docs/architecture.md")
BEGIN, END = "<!-- not run: the tree, made by `make fix` -->", "<!-- end of tree -->"
ROOTS = (Path("src/gptoss"), Path("recipes/nano"), Path("benchmarks"), Path("checks"))
CPP = Path("cpp")
WEB = Path("web/src")


def python_summary(path: Path) -> str:
    """First line of a module's docstring, without the full stop."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n")[0].rstrip(".")


def cpp_summary(path: Path) -> str:
    """First line of a file's opening comment."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("// "):
            return line[3:].split(". ")[0].rstrip(".")
    return ""


def row(depth: int, name: str, summary: str) -> str:
    left = "  " * depth + name
    return f"{left:<30}{summary}".rstrip()


def package_rows(folder: Path, depth: int) -> list[str]:
    """A package and its modules, depth first."""
    init = folder / "__init__.py"
    name = folder.as_posix() if depth == 0 else folder.name
    rows = [row(depth, f"{name}/", python_summary(init) if init.exists() else "")]
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (path / "__init__.py").exists():
            rows += package_rows(path, depth + 1)
        elif path.suffix == ".py" and path.name != "__init__.py":
            rows.append(row(depth + 1, path.name, python_summary(path)))
    return rows


def cpp_rows(folder: Path, depth: int) -> list[str]:
    rows = [row(depth, f"{folder.name}/", "C++20 kernels" if depth == 0 else "")]
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            rows += cpp_rows(path, depth + 1)
        elif path.suffix == ".h" or not path.with_suffix(".h").exists():
            rows.append(row(depth + 1, path.name, cpp_summary(path)))
    return rows


def web_rows(folder: Path, depth: int) -> list[str]:
    """Sources of the chat page, by their opening comments."""
    rows = [row(depth, f"{folder.as_posix() if depth == 0 else folder.name}/", "")]
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            rows += web_rows(path, depth + 1)
        # Declarations are made, and not there before.
        elif path.suffix in (".ts", ".svelte", ".css") and not path.name.endswith(".d.ts"):
            rows.append(row(depth + 1, path.name, web_summary(path)))
    return rows


def web_summary(path: Path) -> str:
    """The first line of a file's opening comment."""
    line = path.read_text(encoding="utf-8").split("\n", 1)[0]
    for begin, end in (("// ", ""), ("<!-- ", " -->"), ("/* ", " */")):
        if line.startswith(begin):
            return line.removeprefix(begin).removesuffix(end).split(". ")[0].rstrip(".")
    return ""


def tree() -> str:
    rows = cpp_rows(CPP, 0)
    for root in ROOTS:
        if root.exists():
            rows += package_rows(root, 0)
    rows += web_rows(WEB, 0)
    return "\n".join(["```", *rows, "```"])


def main() -> int:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        print(f"tree: {PAGE} lacks the marks {BEGIN} and {END}", file=sys.stderr)
        return 1
    renewed = f"{before}{BEGIN}\n{tree()}\n{END}{after}"
    if "--write" in sys.argv:
        PAGE.write_text(renewed, encoding="utf-8")
    elif renewed != text:
        print(f"tree: {PAGE} is stale; run `make fix`", file=sys.stderr)
        return 1
    print(f"tree: {PAGE} shows the tree as it is")
    return 0


if __name__ == "__main__":
    sys.exit(main())
