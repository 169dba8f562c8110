"""Each object of an instruction set exports its one table and nothing that the linker may share between sets.

A weak symbol compiled with AVX-512 flags could be the copy that every caller gets, and old machines would die of an
illegal instruction.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# memset and the like come from the C library; anything else undefined is a dependency to be looked at.
ALLOWED_UNDEFINED = {"memset", "memcpy", "memmove", "_GLOBAL_OFFSET_TABLE_"}
WEAK_TYPES = set("WwVvuC")


def symbols(path: Path) -> list[tuple[str, str]]:
    """(type, name) of the external symbols of an object file, as `nm` prints them."""
    output = subprocess.run(
        ["nm", "--demangle", "--extern-only", str(path)], check=True, capture_output=True, text=True
    ).stdout
    return [(line[17], line[19:]) for line in output.splitlines() if line]


def faults(path: Path) -> list[str]:
    """What is wrong with one object, as sentences."""
    found = symbols(path)
    tables = [name for kind, name in found if kind in "BDRST"]
    wrong = [f"{kind} {name} is weak" for kind, name in found if kind in WEAK_TYPES]
    wrong += [
        f"{name} is undefined"
        for kind, name in found
        if kind == "U" and name not in ALLOWED_UNDEFINED
    ]
    if len(tables) != 1 or not tables[0].startswith(("gptoss::k", "gptoss::training::k")):
        wrong.append(f"exports {tables}, wanted one table gptoss::k…")
    return wrong


def main() -> int:
    found = Path("build").glob("*/CMakeFiles/isa_*.dir/cpp/*table.cpp.o")
    # The sanitizers' instrumentation calls into their own libraries.
    objects = sorted(path for path in found if path.parts[1] != "sanitize")
    if not objects:
        print("symbols: no objects under build/; run `make setup` first", file=sys.stderr)
        return 1
    wrong = [f"{path}: {fault}" for path in objects for fault in faults(path)]
    print(
        "\n".join(wrong)
        or f"symbols: {len(objects)} objects, each exports one table and nothing weak"
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
