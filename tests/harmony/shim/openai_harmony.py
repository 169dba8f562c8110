"""The official library's names over gptoss.harmony, as far as its Python tests use them.

Two things are translated, and nothing else. `auto_drop_analysis=False` is our `keep_reasoning`. A channel that our
parser had to assume is shown as none, as the library has it: ours says so by a repair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from gptoss import harmony
from gptoss.harmony import Effort, Repair, Role, ToolNamespace
from gptoss.harmony.tools import BROWSER, PYTHON
from tests import o200k

ReasoningEffort = Effort
_TOKENIZER = o200k.tokenizer()


class HarmonyError(RuntimeError):
    pass


class HarmonyEncodingName(Enum):
    HARMONY_GPT_OSS = "HarmonyGptOss"


@dataclass(frozen=True)
class Author:
    role: Role
    name: str | None = None

    @classmethod
    def new(cls, role: Role, name: str) -> Author:
        return cls(role, name)


class ToolDescription:
    @classmethod
    def new(
        cls, name: str, description: str, parameters: dict[str, Any] | None = None
    ) -> harmony.ToolDescription:
        return harmony.ToolDescription(name, description, parameters)


@dataclass(frozen=True)
class _Content:
    inner: Any

    def _with(self, **fields: Any) -> Any:
        return type(self)(replace(self.inner, **fields))

    def with_tools(self, namespace: ToolNamespace) -> Any:
        return self._with(tools=(*self.inner.tools, namespace))


class SystemContent(_Content):
    @classmethod
    def new(cls) -> SystemContent:
        return cls(harmony.SystemContent())

    def with_model_identity(self, identity: str) -> Any:
        return self._with(identity=identity)

    def with_reasoning_effort(self, effort: Effort) -> Any:
        return self._with(effort=effort)

    def with_conversation_start_date(self, date: str) -> Any:
        return self._with(current_date=date)

    def with_knowledge_cutoff(self, cutoff: str) -> Any:
        return self._with(knowledge_cutoff=cutoff)

    def with_required_channels(self, channels: list[str]) -> Any:
        return self._with(channels=tuple(channels), is_channel_required=True)

    def with_browser_tool(self) -> Any:
        return self.with_tools(BROWSER)

    def with_python_tool(self) -> Any:
        return self.with_tools(PYTHON)


class DeveloperContent(_Content):
    @classmethod
    def new(cls) -> DeveloperContent:
        return cls(harmony.DeveloperContent())

    def with_instructions(self, instructions: str) -> Any:
        return self._with(instructions=instructions)

    def with_function_tools(self, tools: list[harmony.ToolDescription]) -> Any:
        return self.with_tools(harmony.functions(tools))


@dataclass(frozen=True)
class Message:
    inner: harmony.Message

    @classmethod
    def from_role_and_content(cls, role: Role, content: Any) -> Message:
        return cls.from_author_and_content(Author(role), content)

    @classmethod
    def from_author_and_content(cls, author: Author, content: Any) -> Message:
        plain = content.inner if isinstance(content, _Content) else content
        return cls(harmony.Message(author.role, plain, name=author.name))

    def with_channel(self, channel: str) -> Message:
        return Message(replace(self.inner, channel=channel))

    def with_recipient(self, recipient: str) -> Message:
        return Message(replace(self.inner, recipient=recipient))

    def with_content_type(self, content_type: str) -> Message:
        return Message(replace(self.inner, content_type=content_type))


@dataclass(frozen=True)
class Conversation:
    messages: list[Message]

    @classmethod
    def from_messages(cls, messages: list[Message]) -> Conversation:
        return cls(messages)

    def inner(self) -> list[harmony.Message]:
        return [message.inner for message in self.messages]


@dataclass(frozen=True)
class RenderConversationConfig:
    auto_drop_analysis: bool = True


class HarmonyEncoding:
    def encode(
        self, text: str, *, allowed_special: Any = (), disallowed_special: Any = "all"
    ) -> list[int]:
        found = [name for name in o200k.specials() if name in text]
        allowed = set(found) if allowed_special == "all" else set(allowed_special)
        if disallowed_special and set(found) - allowed:
            raise HarmonyError("Encountered text corresponding to disallowed special token")
        return o200k.ids_of(text) if allowed else _TOKENIZER.encode(text)

    def decode_utf8(self, ids: Iterable[int]) -> str:
        for token_id in ids:
            if not 0 <= token_id < _TOKENIZER.vocab_size:
                raise HarmonyError(f"Invalid token for decoding: {token_id}")
        try:
            return _TOKENIZER.decode_bytes(ids).decode()
        except UnicodeDecodeError as error:
            raise HarmonyError("Invalid utf-8") from error

    def decode(self, ids: Iterable[int]) -> str:
        return _TOKENIZER.decode(ids)

    def is_special_token(self, token_id: int) -> bool:
        return token_id in _TOKENIZER.special_ids

    def render(self, message: Message) -> list[int]:
        return self.render_conversation(
            Conversation([message]), RenderConversationConfig(auto_drop_analysis=False)
        )

    def render_conversation(
        self, conversation: Conversation, config: RenderConversationConfig | None = None
    ) -> list[int]:
        ids = self.render_conversation_for_training(conversation, config)
        message = conversation.messages[-1].inner if conversation.messages else None
        if message is not None and message.is_final and message.recipient is None:
            ids[-1] = _TOKENIZER.special_id("<|end|>")
        return ids

    def render_conversation_for_completion(
        self, conversation: Conversation, role: Role, config: RenderConversationConfig | None = None
    ) -> list[int]:
        keep = config is not None and not config.auto_drop_analysis
        return harmony.render(conversation.inner(), _TOKENIZER, strict=True, keep_reasoning=keep)

    def render_conversation_for_training(
        self, conversation: Conversation, config: RenderConversationConfig | None = None
    ) -> list[int]:
        keep = config is not None and not config.auto_drop_analysis
        segments = harmony.render_for_training(
            conversation.inner(), _TOKENIZER, strict=True, keep_reasoning=keep
        )
        return [token_id for segment in segments for token_id in segment.token_ids]

    def parse_messages_from_completion_tokens(
        self, ids: Iterable[int], role: Role | None, strict: bool = True
    ) -> list[Message]:
        parser = StreamableParser(self, role, strict=strict)
        for token_id in ids:
            parser.process(token_id)
        return parser.finish()


def load_harmony_encoding(name: HarmonyEncodingName) -> HarmonyEncoding:
    return HarmonyEncoding()


class StreamableParser:
    def __init__(self, encoding: HarmonyEncoding, role: Role | None, strict: bool = True) -> None:
        """`strict` changes nothing: ours has one way of reading, which never raises."""
        self._parser = harmony.Parser(_TOKENIZER, role=role)
        self._repairs: list[Repair] = []
        self.messages: list[Message] = []
        self.current_content = ""
        self.last_content_delta: str | None = None

    def process(self, token_id: int) -> StreamableParser:
        events = self._parser.feed(token_id)
        texts = [event.text for event in events if hasattr(event, "text")]
        self.last_content_delta = "".join(texts) or None
        self.current_content += "".join(texts)
        self._take(events)
        return self

    def finish(self) -> list[Message]:
        self._take(self._parser.close())
        return self.messages

    def _take(self, events: Iterable[Any]) -> None:
        self._repairs += [event for event in events if isinstance(event, Repair)]
        for message in self._parser.messages[len(self.messages) :]:
            is_assumed = any(
                "the channel '" in repair.assumed or repair.assumed == "its content"
                for repair in self._repairs
            )
            self.messages.append(Message(replace(message, channel=None) if is_assumed else message))
            self._repairs, self.current_content = [], ""
