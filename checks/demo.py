"""The demo's output in docs/nano.md: `python -m checks.demo` runs it and puts it there.

Not compared by `make check`: a kernel of another instruction set may round a close choice differently.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

PAGE = Path("docs/nano.md")
BEGIN, END = "<!-- demo -->", "<!-- end of demo -->"


def main() -> None:
    done = subprocess.run(
        ["make", "--silent", "demo"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    # Before the first run, pip and the build speak before the question.
    shown = done.stdout[done.stdout.index("> ") :].rstrip()
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n```\n{shown}\n```\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
