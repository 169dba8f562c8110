"""The provider `gptoss` of inspect-ai: a loaded model in this process, asked in whole turns."""

from __future__ import annotations

import asyncio
import time
from dataclasses import fields
from threading import Lock
from typing import Any

from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelCall, ModelOutput
from inspect_ai.tool import ToolChoice, ToolInfo

from gptoss.batch.turns import finished_turns, places
from gptoss.chat.own_thread import on_own_thread
from gptoss.engine import EngineOptions
from gptoss.errors import ContextLengthError, GptossError, QueueFullError, RequestError, listed
from gptoss.evals.inspect.asked import turn_request
from gptoss.evals.inspect.mistakes import told
from gptoss.evals.inspect.output import model_output, too_long
from gptoss.evals.model_asker import PROMPT_DATE
from gptoss.runtime.loaded_model import LoadedModel
from gptoss.runtime.loading import open_model
from gptoss.runtime.locating import locate_model
from gptoss.runtime.options import ModelOptions

_ARGUMENTS = tuple(
    field.name for field in fields(ModelOptions) if field.name not in ("model", "engine")
)


class GptossAPI(ModelAPI):
    """A model by its name or path, as `gptoss.load` finds it. It is opened when it is first needed: a log is graded
    again without it.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - as all providers have it
        *,
        loaded: LoadedModel | None = None,
        date: str = PROMPT_DATE,
        **model_args: Any,
    ) -> None:
        """Find the model; `model_args` are options of `gptoss.load`.

        loaded  a model that is there, and stays its caller's
        date    of every prompt, so that a run of tomorrow asks what this one asks
        """
        super().__init__(model_name, base_url, api_key, [], config)
        self._date = date
        self._loaded = loaded
        self._is_own = loaded is None
        self._opening = Lock()
        with told():
            if base_url is not None:
                raise RequestError(
                    f"got the address {base_url} for a model of this process; for a server ask "
                    "openai-api/NAME/MODEL"
                )
            self._options = _options(model_name, model_args)
            if loaded is None:
                locate_model(self._options.model, budget=self._options.budget())
        if config.max_connections is None and config.adaptive_connections is None:
            # This is the model's own configuration, which counts where a run has none: without it, connections would
            # grow as long as nobody refuses one, and the engine refuses none that it can let wait.
            config.max_connections = self.max_connections()

    @property
    def is_open(self) -> bool:
        """Whether the model is there."""
        return self._loaded is not None

    @property
    def loaded(self) -> LoadedModel:
        """The model. Raises PrerequisiteError where it cannot be opened."""
        with self._opening:
            if self._loaded is None:
                with told():
                    self._loaded = open_model(self._options)
            return self._loaded

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> tuple[ModelOutput, ModelCall]:
        """Answer a conversation. Raises MessageError, RequestError or SchemaError for what cannot be met."""
        _require_asyncio()
        if not self.is_open:
            # It takes a while, in which others are to go on.
            await on_own_thread(lambda: self.loaded)
        request = turn_request(input, tools, tool_choice, config, self._date)
        asked = {
            "sampling": request.sampling,
            "limits": request.limits,
            "tool_choice": request.tool_choice,
            "parallel_calls": request.parallel_calls,
            "response_format": request.response_format,
            "num": request.num,
        }
        began = time.perf_counter()
        try:
            turns = await finished_turns(self.loaded, request)
        except ContextLengthError as error:
            output = too_long(self.model_name, error)
            return output, ModelCall.create(asked, {"error": str(error)})
        seconds = time.perf_counter() - began
        output = model_output(
            self.model_name, turns, self.loaded.tokenizer, config.max_tokens, seconds
        )
        replies = {"replies": [turn.reply.to_json() for turn in turns]}
        return output, ModelCall.create(asked, replies, time=seconds)

    def max_connections(self) -> int:
        """As many as run at once, and some that wait."""
        if self._loaded is not None:
            return places(self._loaded)
        running = self._options.max_batch or EngineOptions().max_running
        return running + max(1, running // 2)

    def connection_key(self) -> str:
        """Each loaded model has an engine of its own."""
        return f"{self.model_name}-{id(self)}"

    def should_retry(self, ex: Exception) -> bool:
        """Only a full queue gets better by waiting."""
        return isinstance(ex, QueueFullError)

    async def count_text_tokens(self, text: str) -> int:
        """Count by the model's own tokenizer."""
        return len(await self.tokenize(text))

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text."""
        return self.loaded.tokenizer.encode(text)

    def close(self) -> None:
        """Let go of a model that was opened here."""
        if self._is_own and self._loaded is not None:
            self._loaded.close()


def _options(name: str, given: dict[str, Any]) -> ModelOptions:
    unknown = sorted(set(given) - set(_ARGUMENTS))
    if unknown:
        raise RequestError(f"got {listed(unknown)}, wanted one of {listed((*_ARGUMENTS, 'date'))}")
    return ModelOptions(name, **given)


def _require_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise GptossError(
            "got another event loop than asyncio's, wanted that one; unset INSPECT_ASYNC_BACKEND"
        ) from None
