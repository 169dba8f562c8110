"""A row's conversation -> one sample for each turn of the assistant: tokens, their kinds, and the weight of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gptoss.chat.conversation import conversation
from gptoss.chat.opening import opened
from gptoss.chat.tools import tool_set
from gptoss.chat.types.messages import ChatMessage
from gptoss.errors import MessageError, listed
from gptoss.forms import checked
from gptoss.harmony import Effort, Message, Role, Segment, SystemContent, render_for_training
from gptoss.tokenizer import Tokenizer
from gptoss.train.data.columns import ChatRow
from gptoss.train.data.loss_weights import LossWeights, kind_of


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn of the assistant, behind all that it reads.

    token_ids    (tokens,) int32
    kinds        (tokens,) uint8, numbers of TokenKind
    weights      (tokens,) float32, of the loss of predicting the token from those before it
    row, turn    where it is from
    effort       that its system message names
    num_cut      tokens that were left out at its end
    """

    token_ids: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float32]
    row: int
    turn: int
    effort: Effort = Effort.MEDIUM
    num_cut: int = 0

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def bears_loss(self) -> bool:
        """Whether anything in it is learnt."""
        return bool(self.weights.any())

    def cut(self, length: int) -> Sample:
        """Its first tokens."""
        if len(self) <= length:
            return self
        return replace(
            self,
            token_ids=self.token_ids[:length],
            kinds=self.kinds[:length],
            weights=self.weights[:length],
            num_cut=self.num_cut + len(self) - length,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """How rows are made prompts of.

    effort        of rows that name none
    current_date  `YYYY-MM-DD`, the same in all: tomorrow's tokens are today's
    last_only     only the last turn of each row is learnt
    """

    weights: LossWeights
    effort: Effort = Effort.MEDIUM
    current_date: str | None = "2025-08-05"
    last_only: bool = False


def samples_of(
    row: ChatRow, tokenizer: Tokenizer, rendering: Rendering, number: int
) -> Iterator[Sample]:
    """The row's samples, in the order of its turns; each reads what the model would have read there.

    Earlier turns lose their chain of thought, as they do when the model is asked. Turns of weight 0 are read and not
    learnt. Each prompt is at least as long as the one before it. Raises MessageError or SchemaError for what is no
    conversation.
    """
    said = checked(list[ChatMessage], row.messages, "messages", MessageError)
    tools = tool_set(row.tools)
    system = SystemContent(
        effort=row.effort or rendering.effort,
        current_date=rendering.current_date,
        tools=tools.system,
    )
    whole = opened(conversation(said, tools), system, tools=tools.developer)
    if not any(message.role is Role.ASSISTANT for message in whole):
        raise MessageError("got no message of the assistant, wanted one to learn from")
    turns = list(enumerate(zip(_turns(whole), _turn_weights(row), strict=True)))
    for turn, ((start, end), weight) in turns[-1:] if rendering.last_only else turns:
        # What follows the last thing that the assistant said is nothing to it.
        own = [i for i in range(start, end) if whole[i].role is Role.ASSISTANT]
        if own and weight:
            segments = render_for_training(whole[: own[-1] + 1], tokenizer)
            learnt = {id(whole[i]) for i in own}
            made = _sample(segments, learnt, rendering.weights, weight, (number, turn))
            yield replace(made, effort=system.effort or rendering.effort)


def _sample(
    segments: Sequence[Segment],
    learnt: Collection[int],
    weights: LossWeights,
    of_turn: float,
    place: tuple[int, int],
) -> Sample:
    """Segments as arrays; of the messages in `learnt`, by their identity, what the model writes is learnt."""
    lengths = [len(segment.token_ids) for segment in segments]
    kinds = [kind_of(segment.message) for segment in segments]
    loss = [
        weights.of_kind[kind] * of_turn
        if segment.is_sampled and id(segment.message) in learnt
        else 0.0
        for kind, segment in zip(kinds, segments, strict=True)
    ]
    ids = [token_id for segment in segments for token_id in segment.token_ids]
    return Sample(
        np.array(ids, np.int32),
        np.repeat(np.array([kind.number for kind in kinds], np.uint8), lengths),
        np.repeat(np.array(loss, np.float32), lengths),
        *place,
    )


def _turns(messages: Sequence[Message]) -> list[tuple[int, int]]:
    """Begin and end of each turn: from one message of the user to the next, or from the beginning."""
    starts = [index for index, message in enumerate(messages) if message.role is Role.USER]
    if not starts or any(m.role is Role.ASSISTANT for m in messages[: starts[0]]):
        starts.insert(0, 0)
    return list(zip(starts, [*starts[1:], len(messages)], strict=True))


def _turn_weights(row: ChatRow) -> list[float]:
    """The weight of each turn: that of the assistant's messages in it."""
    roles = [message.get("role") for message in row.messages]
    starts = [index for index, role in enumerate(roles) if role == "user"]
    if not starts or "assistant" in roles[: starts[0]]:
        starts.insert(0, 0)
    weights = []
    for start, end in zip(starts, [*starts[1:], len(roles)], strict=True):
        found = {row.weights[i] for i in range(start, end) if roles[i] == "assistant"}
        if len(found) > 1:
            raise MessageError(
                f"got the weights {listed(f'{w:g}' for w in sorted(found))} within one turn, wanted one for all of it"
            )
        weights.append(found.pop() if found else 1.0)
    return weights
