"""Examples as token ids, with a mask of what the model is to learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recipes.nano.example import Example

IDENTITY = "You are ChatGPT, a large language model trained by OpenAI."
CUTOFF = "Knowledge cutoff: 2024-06"
CHANNELS = (
    "# Valid channels: analysis, commentary, final. Channel must be included for every message."
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """Token ids, and for each whether predicting it counts."""

    token_ids: list[int]
    is_learnt: list[bool]


class Renderer:
    """Renders as gptoss.harmony does; a piece of reasoning may be left out of the loss, which that cannot say."""

    def __init__(
        self, encode: Callable[[str], list[int]], special_id: Callable[[str], int]
    ) -> None:
        self._encode = encode
        self._start, self._end, self._message, self._channel, self._return = (
            special_id(f"<|{name}|>") for name in ("start", "end", "message", "channel", "return")
        )

    def _text_message(self, role: str, content: str) -> list[int]:
        return [self._start, *self._encode(role), self._message, *self._encode(content), self._end]

    def prompt(self, example: Example) -> list[int]:
        """Everything up to and with `<|start|>assistant`."""
        date = f"\nCurrent date: {example.date}" if example.date else ""
        system = f"{IDENTITY}\n{CUTOFF}{date}\n\nReasoning: {example.level}\n\n{CHANNELS}"
        ids = self._text_message("system", system)
        if example.instructions is not None:
            ids += self._text_message("developer", f"# Instructions\n\n{example.instructions}")
        for user, final in example.earlier:
            ids += self._text_message("user", user)
            ids += [self._start, *self._encode("assistant"), *self._opening("final")]
            ids += [*self._encode(final), self._end]
        ids += self._text_message("user", example.user)
        return [*ids, self._start, *self._encode("assistant")]

    def _opening(self, channel: str) -> list[int]:
        return [self._channel, *self._encode(channel), self._message]

    def render(self, example: Example) -> Rendered:
        """The whole conversation, ending with `<|return|>`."""
        ids = self.prompt(example)
        learnt = [False] * len(ids)

        def add(more: list[int], counts: bool) -> None:
            ids.extend(more)
            learnt.extend([counts] * len(more))

        if example.analysis:
            add(self._opening("analysis"), True)
            for piece in example.analysis:
                add(self._encode(piece.text), piece.is_learnt)
            add([self._end], True)
            # Written by the model, so learnt, as everything after its own first header is.
            add([self._start, *self._encode("assistant")], True)
        add(self._opening("final"), True)
        add([*self._encode(example.final), self._return], True)
        return Rendered(ids, learnt)
