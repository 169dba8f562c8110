"""Conversations that are too long for the context, made to fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gptoss import harmony
from gptoss.chat import LoadedModel
from gptoss.harmony import Conversation, Message, Role
from gptoss.harmony.reasoning import without_old_reasoning
from gptoss.server.responses.input import Block

# An answer gets this share of the context at least, if it may be as long.
_ANSWER_SHARE = 8
_MAX_ANSWER_TOKENS = 4096


def fitted(
    model: LoadedModel,
    blocks: Sequence[Block],
    conversation_of: Callable[[Sequence[Block]], Conversation],
    max_tokens: int | None,
) -> list[Block]:
    """The blocks without the oldest of them, as many as must go; developer messages stay, and so does the last block.

    conversation_of  the whole conversation around some blocks
    max_tokens       of the answer, for which room is made, up to a part of the context
    """
    if not blocks:
        return []
    tokenizer = model.tokenizer
    num_opened = len(harmony.render([], tokenizer))
    # Thoughts that no prompt has take no room.
    read = {id(m) for m in without_old_reasoning([m for block in blocks for m in block])}

    def num_tokens(message: Message) -> int:
        if id(message) not in read:
            return 0
        return len(harmony.render([message], tokenizer)) - num_opened

    stays = [
        block is blocks[-1] or block[0].role in (Role.DEVELOPER, Role.SYSTEM) for block in blocks
    ]
    kept = [block for block, is_kept in zip(blocks, stays, strict=True) if is_kept]
    room = model.context - min(max_tokens or _MAX_ANSWER_TOKENS, model.context // _ANSWER_SHARE)
    room -= len(harmony.render(conversation_of(kept), tokenizer))
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
