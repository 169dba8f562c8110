"""A schema from a file, for `--schema`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gptoss.errors import SchemaError
from gptoss.files.regular import read_file

# As a file's name.
STANDARD_INPUT = "-"
_MOST_BYTES = 1 << 20


def response_format(file: str) -> dict[str, object]:
    """The response format that asks for answers of that schema; `-` is standard input.

    Raises SchemaError for a file that holds none.
    """
    try:
        data = (
            sys.stdin.buffer.read(_MOST_BYTES + 1)
            if file == STANDARD_INPUT
            else read_file(Path(file).expanduser(), _MOST_BYTES)
        )
        if len(data) > _MOST_BYTES:
            raise SchemaError(
                f"got a schema of more than {_MOST_BYTES:,} bytes, wanted a smaller one"
            )
        schema = json.loads(data.decode("utf-8"))
    except OSError as error:
        raise SchemaError(f"cannot read the schema {file}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"{file} is no JSON: {error}") from None
    if not isinstance(schema, dict):
        raise SchemaError(f"got {type(schema).__name__} in {file}, wanted a JSON Schema: an object")
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
