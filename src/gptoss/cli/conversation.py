"""The interactive conversation."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.formatted_text import HTML
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from gptoss.chat import Chat
from gptoss.cli.answer import show_answer, summary
from gptoss.cli.output import Screen
from gptoss.errors import GptossError
from gptoss.files.private import make_private, make_private_folder

_HELP = """\
/reasoning low|medium|high   how much the model reasons from now on
/thinking                    show or hide the chain of thought
/system [TEXT]               instructions to the model; without text, none
/new                         forget what was said
/exit                        leave; Ctrl-D does too
Alt-Enter begins a new line, Ctrl-C stops an answer.
"""


def converse(
    screen: Screen,
    chat: Chat,
    *,
    show_reasoning: bool,
    save_to: Path | None = None,
    on_new: Callable[[], None] = lambda: None,
) -> None:
    """Ask, answer, until the user leaves; `on_new` is done where what was said is forgotten."""
    screen.write("/help lists what else there is.\n", "dim")
    keys = KeyBindings()
    keys.add("escape", "enter")(_new_line)
    session: PromptSession[str] = PromptSession(
        history=_history(), auto_suggest=AutoSuggestFromHistory(), key_bindings=keys
    )
    conversation = _Conversation(screen, chat, show_reasoning, save_to, on_new)
    while True:
        try:
            line = session.prompt(HTML("<b>&gt; </b>")).strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if line in ("/exit", "/quit"):
            return
        if line:
            conversation.take(line)


def _history() -> History:
    """What was typed before, in earlier conversations as well where the user's state folder can be written."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    try:
        folder = Path(state).expanduser() / "gptoss"
        make_private_folder(folder)
        file = folder / "history"
        # Questions are nobody else's business.
        make_private(file)
        return FileHistory(str(file))
    except (OSError, RuntimeError):
        return InMemoryHistory()


def _new_line(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text("\n")


class _Conversation:
    def __init__(
        self,
        screen: Screen,
        chat: Chat,
        show_reasoning: bool,
        save_to: Path | None,
        on_new: Callable[[], None],
    ) -> None:
        self._screen = screen
        self._chat = chat
        self._show_reasoning = show_reasoning
        self._save_to = save_to
        self._on_new = on_new

    def take(self, line: str) -> None:
        """Obey a command or answer a question; an error is said and the conversation goes on."""
        try:
            if line.startswith("/"):
                self._screen.write(self._obey(*line[1:].partition(" ")[::2]) + "\n", "dim")
            else:
                reply = show_answer(
                    self._screen,
                    self._chat,
                    line,
                    show_reasoning=self._show_reasoning,
                    save_to=self._save_to,
                )
                self._screen.write(f"{summary(reply)}\n\n", "dim")
        except GptossError as error:
            self._screen.write(f"{error}\n", "red")

    def _obey(self, command: str, argument: str) -> str:
        match command:
            case "reasoning":
                self._chat.reasoning = argument.strip()
                return f"reasoning {self._chat.reasoning}"
            case "thinking":
                self._show_reasoning = not self._show_reasoning
                return f"the chain of thought is {'shown' if self._show_reasoning else 'hidden'}"
            case "system":
                self._chat.system = argument.strip() or None
                return "instructions set" if self._chat.system else "no instructions"
            case "new":
                self._chat.reset()
                self._on_new()
                return "a new conversation"
            case "help":
                return _HELP
        return f"there is no command /{command}; /help lists them"
