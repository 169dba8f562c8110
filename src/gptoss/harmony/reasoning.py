"""Which of the chain of thought a prompt keeps."""

from __future__ import annotations

from gptoss.harmony.messages import Conversation, Message
from gptoss.harmony.names import Role


def without_old_reasoning(conversation: Conversation) -> list[Message]:
    """Leave out the chain of thought before the last final answer; what comes after it is still being worked on.

    So a turn keeps its reasoning while tools run, however often, and loses it with its answer. A turn that was cut off
    before its answer keeps it too. Tool calls and preambles always stay.
    Source: the model card and the handling guide of the format.
    """
    return _from(conversation, _after_last_final(conversation))


def with_last_reasoning(conversation: Conversation) -> list[Message]:
    """As `without_old_reasoning`, but the last turn keeps its reasoning although it is answered: for training."""
    start = _last_turn(conversation)
    return _from(conversation, min(start, _after_last_final(conversation)))


def with_last_thought(conversation: Conversation) -> list[Message]:
    """As the released template trains: of the last turn, only the reasoning that leads to its final answer stays."""
    kept_from = _after_last_final(conversation)
    if kept_from == len(conversation) and conversation:
        kept_from -= 1
        while kept_from > 0 and conversation[kept_from - 1].is_reasoning:
            kept_from -= 1
    return _from(conversation, kept_from)


def _from(conversation: Conversation, start: int) -> list[Message]:
    return [
        message
        for index, message in enumerate(conversation)
        if index >= start or not message.is_reasoning
    ]


def _after_last_final(conversation: Conversation) -> int:
    return 1 + max((i for i, message in enumerate(conversation) if message.is_final), default=-1)


def _last_turn(conversation: Conversation) -> int:
    return max((i for i, m in enumerate(conversation) if m.role is Role.USER), default=0)
