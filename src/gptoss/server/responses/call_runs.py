"""Calls that the server runs while a response is written: their items stay open until they have run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gptoss.chat.reply import CallRecord
from gptoss.harmony import PYTHON
from gptoss.server.responses.code_call import OpenCodeCall
from gptoss.server.responses.items import Unplaced
from gptoss.server.responses.mcp_call import OpenMcpCall
from gptoss.server.responses.types.call_facts import CallOutput
from gptoss.server.responses.types.events import ItemChange, ItemChanged
from gptoss.server.responses.types.items import OutputItem
from gptoss.tools import FUNCTIONS

# Characters of what a call prints while it runs.
_MOST_TOLD = 32_768
_OpenCall = OpenCodeCall | OpenMcpCall


@dataclass(slots=True)
class _Run:
    """An item, where it stands, and how many characters of its output were told."""

    item: _OpenCall
    place: dict[str, Any]
    num_told: int = 0


class CallRuns:
    """The calls of one response. All events know their place, and want their number.

    output        the response's items, which theirs are among
    container_id  in which Python runs
    has_images    whether pictures of its calls are told
    waiting       see `Approvals.waiting_ids`
    """

    def __init__(
        self,
        output: list[OutputItem],
        container_id: str,
        *,
        has_images: bool,
        waiting: Mapping[tuple[str, str], Sequence[str]],
    ) -> None:
        self._output = output
        self._waiting = {call: deque(ids) for call, ids in waiting.items()}
        self._container_id = container_id
        self._has_images = has_images
        self._runs: dict[int, _Run] = {}

    def code(self, approval_id: str | None = None) -> OpenCodeCall:
        """A call of Python that begins to be written, or one that was asked for."""
        return OpenCodeCall(
            self._container_id, has_images=self._has_images, approval_id=approval_id
        )

    def add(self, index: int, item: _OpenCall, place: dict[str, Any]) -> None:
        """A call that is written, and waits until it is run; others may begin meanwhile."""
        self._runs[index] = _Run(item, place)
        self._output.append(item.item("in_progress"))

    def begin_run(self, index: int, recipient: str, arguments: str) -> Iterator[Unplaced]:
        """The events when a call is run; all of its item's where that has not begun."""
        run = self._runs.get(index)
        if run is None:
            yield from self._begin_item(index, recipient, arguments)
            run = self._runs[index]
        if isinstance(run.item, OpenCodeCall):
            self._output[run.place["output_index"]] = run.item.item("interpreting")
            yield partial(run.item.interpreting(), **run.place)

    def output(self, index: int, text: str) -> Iterator[Unplaced]:
        """The event of what a call prints, as far as it is told: events are kept until the response has ended."""
        run = self._runs[index]
        if piece := text[: _MOST_TOLD - run.num_told]:
            run.num_told += len(piece)
            yield partial(
                CallOutput, type="response.gptoss.call_output.delta", delta=piece, **run.place
            )

    def end_run(self, index: int, record: CallRecord) -> Iterator[Unplaced]:
        """The events when it has run."""
        run = self._runs[index]
        yield partial(run.item.finish(record), **run.place)
        yield self._close(index)

    def close(self) -> Iterator[Unplaced]:
        """The events that end the items of calls that were never run."""
        for index in sorted(self._runs):
            yield self._close(index)

    def take_waiting(self, recipient: str, arguments: str) -> str | None:
        """The id of the item that has asked for such a call, if one has that waits; each is for one call."""
        ids = self._waiting.get((recipient, arguments))
        return ids.popleft() if ids else None

    def _begin_item(self, index: int, recipient: str, arguments: str) -> Iterator[Unplaced]:
        request = self.take_waiting(recipient, arguments)
        item: _OpenCall
        if recipient == PYTHON.name:
            item = self.code(request)
        else:
            item = OpenMcpCall(recipient.removeprefix(f"{FUNCTIONS}."), request)
        place: dict[str, Any] = {"output_index": len(self._output), "item_id": item.id}
        yield self._changed("response.output_item.added", item.item("in_progress"), place)
        self.add(index, item, place)
        yield partial(item.begin(), **place)
        for event in (*item.feed(arguments), *item.end()):
            yield partial(event, **place)
        self._output[place["output_index"]] = item.item("in_progress")

    def _close(self, index: int) -> Unplaced:
        run = self._runs.pop(index)
        made = self._output[run.place["output_index"]] = run.item.ended()
        return self._changed("response.output_item.done", made, run.place)

    def _changed(self, kind: ItemChange, item: OutputItem, place: dict[str, Any]) -> Unplaced:
        at = place["output_index"]
        return partial(ItemChanged, type=kind, item=item, output_index=at)
