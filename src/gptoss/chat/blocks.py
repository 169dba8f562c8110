"""A conversation in the order that the model was trained on: the result of a tool stands behind its call."""

from __future__ import annotations

from collections.abc import Hashable

from gptoss.harmony import Channel, Message, Role

# Messages that are kept or dropped as one: a call takes its result with it.
Block = list[Message]


class Blocks:
    """Puts the results of tools behind their calls, wherever they are given: the model calls one tool at a time."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._block_by_call: dict[Hashable, Block] = {}

    @property
    def messages(self) -> list[Message]:
        """All of them, in order."""
        return [message for block in self.blocks for message in block]

    def say(self, message: Message) -> None:
        """Add what is no call and no result of one."""
        self.blocks.append([message])

    def call(self, message: Message, *ids: Hashable) -> None:
        """Add a call, and names by which its result will refer to it; the last call of a name counts."""
        block = [message]
        self.blocks.append(block)
        for each in ids:
            self._block_by_call[each] = block

    def result(self, call_id: Hashable, text: str) -> bool:
        """Put a result behind its call; False where no call of that name was made before."""
        block = self._block_by_call.get(call_id)
        if block is None:
            return False
        block.append(result_of(block[0].recipient, text))
        return True


def result_of(recipient: str | None, text: str) -> Message:
    """The result of a tool as the model reads it."""
    return Message(Role.TOOL, text, Channel.COMMENTARY, Role.ASSISTANT, name=recipient)
