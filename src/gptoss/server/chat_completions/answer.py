"""One answer of Chat Completions: what each event of its turn adds to it, and what it is as a whole."""

from __future__ import annotations

from gptoss.chat import TurnEvent
from gptoss.chat.events import TextTokens, ToolRunFinished, ToolRunStarted
from gptoss.chat.reading import SAID_BREAK, THOUGHT_BREAK
from gptoss.harmony import (
    ContentDelta,
    MessageFinished,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from gptoss.server.chat_completions.calls import (
    AnyCall,
    ChatCustomCall,
    ChatCustomText,
    ChatFunction,
    ChatToolCall,
)
from gptoss.server.chat_completions.chunks import (
    CallDelta,
    CallFunctionDelta,
    ChatDelta,
    CustomCallDelta,
    CustomTextDelta,
)
from gptoss.server.chat_completions.executed import ExecutedToolDelta, RunCall
from gptoss.server.chat_completions.reply import ChatLogprobs, ChatReplyMessage
from gptoss.server.shared.ids import new_id
from gptoss.server.shared.logprobs import TokenLogprobs, logprobs_of
from gptoss.server.wrapped_text import WrappedText
from gptoss.tokenizer import Tokenizer
from gptoss.tools import FUNCTIONS, ToolSet


class ChatAnswer:
    """Reads the events of one answer. A stream tells what `read` gives; the whole is all of that.

    tools      that may be called
    tokenizer  spells tokens, if they are told with their probabilities
    container_id  in which the server runs Python
    has_images    whether pictures of its calls are told
    """

    def __init__(
        self,
        tools: ToolSet,
        tokenizer: Tokenizer | None,
        container_id: str = "",
        *,
        has_images: bool = False,
    ) -> None:
        self._tools = tools
        self._tokenizer = tokenizer
        self._container_id = container_id
        self._has_images = has_images
        self._reasoning: list[str] = []
        self._content: list[str] = []
        self._calls: list[_FunctionCall | _CustomCall] = []
        self._logprobs: list[TokenLogprobs] = []
        self._num_told = 0
        self._has_break = self._has_said_break = False
        # Characters of thoughts and texts in turn, since the last call.
        self._before: list[int] = []
        # By which of the turn's calls they are.
        self._runs: dict[int, RunCall] = {}

    def read(self, event: TurnEvent) -> ChatDelta | None:
        """What an event adds; None where it says nothing."""
        match event:
            case ContentDelta(text) | PreambleDelta(text):
                return self._said(text)
            case ReasoningDelta(text):
                return self._thought(text)
            case ToolCallStarted(index, recipient):
                return self._begin_call(index, recipient)
            case ToolCallDelta(index, text) if index in self._runs:
                return _executed(self._runs[index].add(text))
            case ToolCallDelta(_, text):
                return self._calls[-1].add(text)
            case ToolRunStarted(index, recipient, arguments) if index not in self._runs:
                return _executed(self._begin_run(index, recipient).begin(arguments))
            case ToolRunFinished(index, record):
                self._has_said_break = bool(self._content)
                return _executed(self._runs[index].finish(record))
            case MessageFinished():
                self._has_break = bool(self._reasoning)
            case TextTokens(tokens) if self._tokenizer is not None:
                self._logprobs += logprobs_of(tokens, self._tokenizer)
        return None

    def new_logprobs(self) -> ChatLogprobs | None:
        """Those of tokens since the last time, if they are wanted."""
        if self._tokenizer is None:
            return None
        new = self._logprobs[self._num_told :]
        self._num_told = len(self._logprobs)
        return ChatLogprobs(content=new, refusal=None)

    def rest_of_logprobs(self) -> ChatLogprobs | None:
        """Those that no text came with, if there are any."""
        is_rest = self._num_told < len(self._logprobs)
        return self.new_logprobs() if is_rest else None

    def logprobs(self) -> ChatLogprobs | None:
        """All of them, if they are wanted."""
        if self._tokenizer is None:
            return None
        return ChatLogprobs(content=self._logprobs, refusal=None)

    def message(self) -> ChatReplyMessage:
        """The whole answer."""
        content, reasoning = "".join(self._content), "".join(self._reasoning)
        made = ChatReplyMessage(
            role="assistant",
            content=content if content or not self._calls else None,
            refusal=None,
            annotations=[],
            reasoning=reasoning or None,
            reasoning_content=reasoning or None,
        )
        if self._runs:
            made.executed_tools = [run.whole() for run in self._runs.values()]
        if self._calls:
            made.tool_calls = [call.whole() for call in self._calls]
        return made

    def _thought(self, text: str) -> ChatDelta:
        if self._has_break:
            text = THOUGHT_BREAK + text
            self._has_break = False
        self._reasoning.append(text)
        self._count(text, 0)
        return ChatDelta(reasoning=text, reasoning_content=text)

    def _said(self, text: str) -> ChatDelta:
        if self._has_said_break:
            text = SAID_BREAK + text
            self._has_said_break = False
        self._content.append(text)
        self._count(text, 1)
        return ChatDelta(content=text)

    def _count(self, text: str, kind: int) -> None:
        """Count text of a thought (0) or of what is said (1), which come in turn."""
        if not self._before and kind:
            self._before.append(0)
        if len(self._before) % 2 == kind:
            self._before.append(0)
        self._before[-1] += len(text)

    def _begin_run(self, index: int, recipient: str) -> RunCall:
        made = RunCall(
            len(self._runs),
            recipient,
            container_id=self._container_id,
            has_images=self._has_images,
            thought=sum(map(len, self._reasoning)),
            said=sum(map(len, self._content)),
            before=self._before,
        )
        self._before = []
        self._runs[index] = made
        return made

    def _begin_call(self, turn_index: int, recipient: str) -> ChatDelta:
        if self._tools.run_here(recipient) is not None:
            return _executed(self._begin_run(turn_index, recipient).begin())
        tool = self._tools.tool_by_recipient.get(recipient)
        name, index = recipient.removeprefix(f"{FUNCTIONS}."), len(self._calls)
        call: _FunctionCall | _CustomCall
        if tool is None or tool.kind != "custom":
            call = _FunctionCall(index, name)
        else:
            call = _CustomCall(index, name, WrappedText() if tool.is_wrapped else None)
        self._calls.append(call)
        return call.begin()


def _executed(delta: ExecutedToolDelta) -> ChatDelta:
    return ChatDelta(executed_tools=[delta])


class _FunctionCall:
    """A call of a function. One object serves for all its pieces: each is written before the next one is made."""

    def __init__(self, index: int, name: str) -> None:
        self._index, self._name, self._id = index, name, new_id("call_")
        self._pieces: list[str] = []
        self._function = CallFunctionDelta(arguments="")
        self._delta = ChatDelta(tool_calls=[CallDelta(index=index, function=self._function)])

    def begin(self) -> ChatDelta:
        function = CallFunctionDelta(name=self._name, arguments="")
        call = CallDelta(index=self._index, id=self._id, type="function", function=function)
        return ChatDelta(tool_calls=[call])

    def add(self, text: str) -> ChatDelta:
        self._pieces.append(text)
        self._function.arguments = text
        return self._delta

    def whole(self) -> AnyCall:
        function = ChatFunction(name=self._name, arguments="".join(self._pieces))
        return ChatToolCall(id=self._id, type="function", function=function)


class _CustomCall:
    """A call of a custom tool. Where the model wraps its text in JSON, what is told is the text."""

    def __init__(self, index: int, name: str, wrapped: WrappedText | None) -> None:
        self._index, self._name, self._id = index, name, new_id("call_")
        self._wrapped = wrapped
        self._pieces: list[str] = []
        self._custom = CustomTextDelta(input="")
        self._delta = ChatDelta(tool_calls=[CustomCallDelta(index=index, custom=self._custom)])

    def begin(self) -> ChatDelta:
        custom = CustomTextDelta(name=self._name, input="")
        call = CustomCallDelta(index=self._index, id=self._id, type="custom", custom=custom)
        return ChatDelta(tool_calls=[call])

    def add(self, text: str) -> ChatDelta | None:
        inner = text if self._wrapped is None else self._wrapped.feed(text)
        if self._wrapped is not None and not inner:
            return None
        self._pieces.append(inner)
        self._custom.input = inner
        return self._delta

    def whole(self) -> AnyCall:
        custom = ChatCustomText(name=self._name, input="".join(self._pieces))
        return ChatCustomCall(id=self._id, type="custom", custom=custom)
