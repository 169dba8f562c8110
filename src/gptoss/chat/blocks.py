"""A conversation in the order that the model was trained on: the result of a tool stands behind its call."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from gptoss.harmony import Channel, Message, Role
from gptoss.tools.tool import BUILT_IN

# Messages that are kept or dropped as one: a call takes its result with it.
Block = list[Message]

# Any call goes by it, whatever else it is called.
_ANY = None


class Blocks:
    """Puts the results of tools behind their calls, wherever they are given: the model calls one tool at a time."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._calls: dict[Hashable, _Calls] = {}
        # Calls that nothing stands between are made together.
        self._group = 0
        self._is_calling = False

    @property
    def messages(self) -> list[Message]:
        """All of them, in order."""
        return [message for block in self.blocks for message in block]

    def say(self, message: Message) -> None:
        """Add what is no call and no result of one."""
        self._is_calling = False
        self.blocks.append([message])

    def call(self, message: Message, *ids: str) -> None:
        """Add a call, and ids by which its result will refer to it; empty ones are none."""
        if not self._is_calling:
            self._group += 1
            self._is_calling = True
        block = [message]
        self.blocks.append(block)
        for each in (_ANY, *(each for each in ids if each)):
            for key in ((each, None), (each, message.recipient)):
                found = self._calls.get(key)
                if found is None or found.group != self._group:
                    found = self._calls[key] = _Calls(self._group)
                found.add(block)

    def result(self, call_id: str | None, text: str, recipient: str | None = None) -> bool:
        """Put a result behind its call; False where no call is known to be it.

        call_id    empty or None: the first call that has no result yet, of those that were made last
        recipient  whom that call is for, if it is known. Among calls of one id, it tells which

        Of several calls of an id, those that were made last are meant, in their order. Where all have their results,
        one more with an id is the last one's; without an id, it is nobody's.
        """
        self._is_calling = False
        meant = self._calls.get((call_id or _ANY, recipient))
        if meant is None and call_id:
            meant = self._calls.get((call_id, None))
        block = None if meant is None else meant.next(is_named=bool(call_id))
        if block is None:
            return False
        block.append(result_of(block[0].recipient, text))
        return True


class _Calls:
    """Calls of one name that were made together."""

    def __init__(self, group: int) -> None:
        self.group = group
        self._waiting: deque[Block] = deque()
        self._last: Block | None = None

    def add(self, block: Block) -> None:
        self._waiting.append(block)
        self._last = block

    def next(self, *, is_named: bool) -> Block | None:
        """The first one without a result; without any, the last one if it is named."""
        while self._waiting and len(self._waiting[0]) > 1:
            self._waiting.popleft()
        return self._waiting[0] if self._waiting else self._last if is_named else None


def result_of(recipient: str | None, text: str) -> Message:
    """The result of a tool as the model reads it: on the channel of its call."""
    is_built_in = recipient is not None and recipient.partition(".")[0] in BUILT_IN
    channel = Channel.ANALYSIS if is_built_in else Channel.COMMENTARY
    return Message(Role.TOOL, text, channel, Role.ASSISTANT, name=recipient)
