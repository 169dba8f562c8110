"""The version in pyproject.toml and the newest one in CHANGELOG.md agree."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path


def main() -> int:
    declared = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
    headings = re.findall(
        r"^## (\d\S*)", Path("CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    if not headings or headings[0] != declared:
        newest = headings[0] if headings else "none"
        print(
            f"version: pyproject.toml says {declared}, CHANGELOG.md {newest}; make them agree",
            file=sys.stderr,
        )
        return 1
    print(f"version: {declared} in pyproject.toml and CHANGELOG.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
