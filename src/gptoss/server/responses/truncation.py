"""Conversations that are too long for the context, made to fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gptoss import harmony
from gptoss.chat.blocks import Block
from gptoss.errors import RequestError
from gptoss.harmony import Conversation, Message, Role
from gptoss.harmony.reasoning import without_old_reasoning
from gptoss.runtime import LoadedModel
from gptoss.tokenizer.limited import LimitedTokenizer

# An answer gets this share of the context at least, if it may be as long.
_ANSWER_SHARE = 8
_MAX_ANSWER_TOKENS = 4096


def fitted(
    model: LoadedModel,
    blocks: Sequence[Block],
    conversation_of: Callable[[Sequence[Block]], Conversation],
    max_tokens: int | None,
    is_gone: Callable[[], bool] = lambda: False,
) -> list[Block]:
    """The blocks without the oldest of them, as many as must go; developer messages stay, and so does the last block.

    conversation_of  the whole conversation around some blocks
    max_tokens       of the answer, for which room is made, up to a part of the context
    is_gone          asked while long texts are read: whether nobody waits any more

    Raises RequestError where what must stay does not fit, before the rest of it is read.
    """
    if not blocks:
        return []
    num_opened = len(harmony.render([], model.tokenizer))
    # Thoughts that no prompt has take no room.
    read = {id(m) for m in without_old_reasoning([m for block in blocks for m in block])}

    def reader() -> LimitedTokenizer:
        return LimitedTokenizer(model.tokenizer, model.context, is_gone)

    def num_tokens(message: Message) -> int:
        """Of a message that no context holds: more than that."""
        if id(message) not in read:
            return 0
        try:
            return len(harmony.render([message], reader())) - num_opened
        except RequestError:
            if is_gone():
                raise
            return model.context + 1

    stays = [
        block is blocks[-1] or block[0].role in (Role.DEVELOPER, Role.SYSTEM) for block in blocks
    ]
    kept = [block for block, is_kept in zip(blocks, stays, strict=True) if is_kept]
    room = model.context - min(max_tokens or _MAX_ANSWER_TOKENS, model.context // _ANSWER_SHARE)
    room -= len(harmony.render(conversation_of(kept), reader()))
    oldest = len(blocks)
    for index in reversed(range(len(blocks))):
        if stays[index]:
            continue
        # From the newest on, so that a text without end is never read to its beginning.
        room -= sum(num_tokens(message) for message in blocks[index])
        if room < 0:
            break
        oldest = index
    return [block for index, block in enumerate(blocks) if stays[index] or index >= oldest]
