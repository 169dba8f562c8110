"""Pictures that tools make: kept as files where the person has named a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gptoss.errors import OutputError
from gptoss.files.whole import whole_file
from gptoss.tools import ToolResult


class Pictures:
    """Puts the files of results into a folder; None: says how many there are."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def take(self, result: ToolResult) -> Iterator[str]:
        """What became of the files of a result, a line for each. Raises OutputError."""
        if self._folder is None:
            num = len(result.attachments)
            if num:
                yield f"({num} {'picture' if num == 1 else 'pictures'}; --save-to DIR keeps them)"
            return
        for each in result.attachments:
            path = self._folder / each.name
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with whole_file(path) as file:
                    file.write(each.content)
            except OSError as error:
                raise OutputError(f"cannot write {path}: {error.strerror}") from None
            yield f"({path})"
