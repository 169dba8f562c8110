"""Prompts: a conversation as tokens, and how much of it is nobody's secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from gptoss import harmony
from gptoss.harmony import Channel, DeveloperContent, Message, Role, SystemContent
from gptoss.harmony.names import Marker
from gptoss.runtime.loaded_model import LoadedModel
from gptoss.tokenizer import Tokenizer


def prompt_of(
    conversation: harmony.Conversation, tokenizer: Tokenizer, continuation: Message | None = None
) -> list[int]:
    """The tokens that a turn goes on from; `continuation`: its own beginning, if that is given."""
    return [*harmony.render(conversation, tokenizer), *continuation_ids(continuation, tokenizer)]


def continuation_ids(continuation: Message | None, tokenizer: Tokenizer) -> list[int]:
    """The tokens of a message that is gone on with: it has a header, and is not closed; none without one."""
    if continuation is None:
        return []
    channel = [
        tokenizer.special_id(Marker.CHANNEL),
        *tokenizer.encode(continuation.channel or Channel.FINAL),
    ]
    return [*channel, tokenizer.special_id(Marker.MESSAGE), *tokenizer.encode(continuation.text)]


def num_shared(
    conversation: harmony.Conversation, prompt: Sequence[int], model: LoadedModel
) -> int:
    """First tokens of a prompt that prefixes of all owners may have in common.

    None, unless it opens with instructions that the operator has named (`LoadedModel.shared_instructions`). What a
    request adds to these, tools as well, is its owner's.
    """
    if len(conversation) < 2:
        return 0
    system, developer = conversation[0].content, conversation[1].content
    if not isinstance(system, SystemContent) or not isinstance(developer, DeveloperContent):
        return 0
    if developer.instructions not in model.shared_instructions:
        return 0
    named = [
        Message(Role.SYSTEM, replace(system, tools=())),
        Message(Role.DEVELOPER, DeveloperContent(developer.instructions)),
    ]
    both = zip(harmony.render(named, model.tokenizer), prompt, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], both))
