"""Pictures that tools make: kept as files where the person has named a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gptoss.errors import OutputError
from gptoss.files.whole import whole_file
from gptoss.tools import ToolResult


class Pictures:
    """Puts the files of results into a folder, where there is one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def keep(self, result: ToolResult) -> list[Path]:
        """The files that those of a result were put into. Raises OutputError."""
        if self._folder is None:
            return []
        found = []
        for each in result.attachments:
            # The name may be the model's.
            path = self._folder / _name_of(each.name)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with whole_file(path) as file:
                    file.write(each.content)
            except OSError as error:
                raise OutputError(f"cannot write {path}: {error.strerror}") from None
            found.append(path)
        return found

    def take(self, result: ToolResult) -> Iterator[str]:
        """As `keep`; what became of the files, a line for each, or how many there are. Raises OutputError."""
        num = len(result.attachments)
        if self._folder is None and num:
            yield f"({num} {'picture' if num == 1 else 'pictures'}; --save-to DIR keeps them)"
        for path in self.keep(result):
            yield f"({path})"


def _name_of(name: str) -> str:
    """A name without folders."""
    last = Path(name).name
    return "file" if last in ("", "..") else last
