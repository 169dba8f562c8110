"""What each route answers, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gptoss.server.chat_completions.chunks import ChatCompletionChunk
from gptoss.server.chat_completions.reply import ChatCompletion
from gptoss.server.completions.reply import Completion, CompletionChunk
from gptoss.server.containers import types as containers
from gptoss.server.error_bodies import AnthropicError, AnyError, Error
from gptoss.server.files import types as files
from gptoss.server.messages import message as messages
from gptoss.server.operation import health, models, tokens, tools
from gptoss.server.responses.types import response as responses
from gptoss.server.responses.types.events import ResponseEvent
from gptoss.server.responses.types.items import ItemList

# Of a body that is text, and of one that is a file.
TEXT, FILE = str, bytes
DESCRIPTIONS = {
    400: "The request is wrong; the error says what was got and wanted.",
    401: "There is no API key, or an unknown one.",
    403: "The host or the origin is not allowed.",
    404: "There is no such model, response, item, file or container.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not application/json, or the form that the route takes.",
    429: "Too many requests are waiting.",
    500: "A fault of the server.",
    503: "The model is being opened, or the server is about to end.",
    507: "The disk is full.",
}
# What stands before a route can refuse: its body, if it has one, and whoever asks.
BODY_STATUSES = (400, 408, 413, 415)


@dataclass(frozen=True, slots=True)
class Stream:
    """What a route answers with `stream`.

    data      of its events
    has_done  whether `[DONE]` comes after them
    """

    data: Any
    has_done: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers.

    reply     the schema of 200; TEXT, FILE, or None where the body is empty
    statuses  those of errors, beside what stands before all routes
    stream    if it can be asked for one
    error     the schema of errors
    others    statuses with replies of their own that are no errors
    """

    reply: Any
    statuses: tuple[int, ...] = ()
    stream: Stream | None = None
    error: Any = Error
    others: Mapping[int, Any] = field(default_factory=dict)


_TURN = (404, 429, 500, 503)
_CHAT_STREAM = Stream(ChatCompletionChunk | Error, has_done=True)
_COMPLETION_STREAM = Stream(CompletionChunk | Error, has_done=True)
_RESPONSE_STREAM = Stream(ResponseEvent)
_MESSAGE_STREAM = Stream(messages.MessageEvent)

ANSWERS = {
    "GET /health": Answer(health.Health),
    "GET /ready": Answer(health.Ready, others={503: health.NotReady}),
    "GET /ping": Answer(None, others={503: None}),
    "GET /version": Answer(health.Version),
    "GET /metrics": Answer(TEXT),
    "GET /v1/models": Answer(models.ModelList, (503,)),
    "GET /v1/models/{name}": Answer(models.Model, (404, 503)),
    "GET /v1/tools": Answer(tools.OfferedTools),
    "POST /tokenize": Answer(tokens.Tokens, (429, 503)),
    "POST /detokenize": Answer(tokens.Text, (429, 503)),
    "POST /render": Answer(tokens.Prompt, (404, 429, 503)),
    "POST /v1/chat/completions": Answer(ChatCompletion, _TURN, _CHAT_STREAM),
    "POST /v1/completions": Answer(Completion, _TURN, _COMPLETION_STREAM),
    "POST /v1/responses": Answer(responses.Response, _TURN, _RESPONSE_STREAM),
    "POST /v1/responses/input_tokens": Answer(responses.InputTokenCount, (404, 429, 500, 503)),
    "POST /v1/responses/render": Answer(tokens.Prompt, (404, 429, 500, 503)),
    "GET /v1/responses/{response_id}": Answer(
        responses.Response, (400, 404, 429, 500), _RESPONSE_STREAM
    ),
    "DELETE /v1/responses/{response_id}": Answer(responses.DeletedResponse, (404, 429, 500)),
    "POST /v1/responses/{response_id}/cancel": Answer(responses.Response, (404, 429, 500)),
    "GET /v1/responses/{response_id}/input_items": Answer(ItemList, (400, 404, 429, 500)),
    "POST /v1/messages": Answer(messages.Message, _TURN, _MESSAGE_STREAM, AnthropicError),
    "POST /v1/messages/count_tokens": Answer(
        messages.MessageTokens, (404, 429, 503), error=AnthropicError
    ),
    "POST /v1/files": Answer(files.FileObject, (429, 500, 507)),
    "GET /v1/files": Answer(files.FileList, (400, 429, 500)),
    "GET /v1/files/{file_id}": Answer(files.FileObject, (404, 429, 500)),
    "GET /v1/files/{file_id}/content": Answer(FILE, (404, 429, 500)),
    "DELETE /v1/files/{file_id}": Answer(files.DeletedFile, (404, 429, 500)),
    "POST /v1/containers": Answer(containers.ContainerObject, (404, 429, 500)),
    "GET /v1/containers": Answer(containers.ContainerList, (400, 429)),
    "GET /v1/containers/{container_id}": Answer(containers.ContainerObject, (400, 404, 429)),
    "DELETE /v1/containers/{container_id}": Answer(containers.DeletedContainer, (400, 404, 429)),
    "POST /v1/containers/{container_id}/files": Answer(
        containers.ContainerFileObject, (404, 429, 500, 507)
    ),
    "GET /v1/containers/{container_id}/files": Answer(
        containers.ContainerFileList, (400, 404, 429)
    ),
    "GET /v1/containers/{container_id}/files/{file_id}": Answer(
        containers.ContainerFileObject, (400, 404, 429)
    ),
    "GET /v1/containers/{container_id}/files/{file_id}/content": Answer(FILE, (400, 404, 429)),
    "DELETE /v1/containers/{container_id}/files/{file_id}": Answer(
        containers.DeletedContainerFile, (400, 404, 429)
    ),
    "POST /invocations": Answer(
        ChatCompletion | Completion | responses.Response | messages.Message,
        _TURN,
        Stream(
            ChatCompletionChunk | CompletionChunk | ResponseEvent | messages.MessageEvent | Error,
            has_done=True,
        ),
        AnyError,
    ),
}
# By name, whichever the route is, unless the route stands before it.
PARAMETERS = {
    "name": "One of the model's names.",
    "response_id": "The `id` of a response that is kept.",
    "file_id": "The `id` of a file.",
    "container_id": "The `id` of a container.",
    "GET /v1/containers name": "Only containers of this name.",
    "purpose": "Only files of this purpose.",
    "stream": "Whether to get its events, from the first one on: of one that was made with `background`.",
    "starting_after": "The `sequence_number` of the last event that is not wanted any more.",
    "limit": "Items on a page.",
    "order": "From the newest item on, or from the oldest.",
    "after": "The `id` of the item before the page, as in `last_id`.",
}
# Where a response that is kept can be asked for again.
LINKS = {
    name: {"operationId": name, "parameters": {"response_id": "$response.body#/id"}}
    for name in ("get_response", "list_input_items", "cancel_response", "delete_response")
}
