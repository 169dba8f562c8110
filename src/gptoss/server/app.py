"""The application: routes, what stands before them, and how errors are said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

import gptoss
from gptoss.errors import GptossError, shortened, shown
from gptoss.server.bodies import Bodies
from gptoss.server.body_route import BodyRoute
from gptoss.server.chat_completions.routes import add_chat_completions
from gptoss.server.completions.routes import add_completions
from gptoss.server.containers.routes import add_containers
from gptoss.server.cross_origin import CrossOrigin
from gptoss.server.files.routes import add_files
from gptoss.server.guard import Guard
from gptoss.server.invocations import add_invocations
from gptoss.server.messages.routes import add_messages
from gptoss.server.openapi.document import DocumentedApp
from gptoss.server.operation.health import add_health
from gptoss.server.operation.models import add_models
from gptoss.server.operation.tokens import add_tokens
from gptoss.server.operation.tools import add_tools
from gptoss.server.page import add_docs, add_page
from gptoss.server.request_log import RequestLog
from gptoss.server.responses.routes import add_responses
from gptoss.server.service import Service
from gptoss.server.unexpected import Unexpected, reported
from gptoss.server.uploads.uploads import Uploads
from gptoss.server.wire_errors import ApiError, invalid

# What `asyncio.to_thread` runs on: reading and writing the store.
_STORE_THREADS = 4


def create_app(service: Service) -> FastAPI:
    """The ASGI application of a service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        # Python's own has as many threads as the machine has cores, and a few.
        store_threads = ThreadPoolExecutor(_STORE_THREADS, "gptoss-store")
        asyncio.get_running_loop().set_default_executor(store_threads)
        service.load()
        yield
        service.close()

    app = DocumentedApp(
        service,
        title="gptoss",
        version=gptoss.__version__,
        description="GPT-OSS 20B on your own machine.",
        lifespan=lifespan,
        redoc_url=None,
        docs_url=None,
        openapi_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.router.route_class = BodyRoute
    _add_errors(app)
    add_health(app, service)
    _add_document(app)
    add_models(app, service)
    add_tools(app, service)
    add_tokens(app, service)
    add_chat_completions(app, service)
    add_completions(app, service)
    add_responses(app, service)
    add_messages(app, service)
    add_invocations(app, service)
    uploads = Uploads(service.pools.files, service.settings.body_s)
    add_files(app, service.files, service.pools.files, service.held, uploads)
    add_containers(app, service.containers, service.pools.files, uploads)
    add_docs(app)
    settings = service.settings
    if settings.has_page:
        add_page(app)
    app.add_middleware(
        Guard,
        settings=settings,
        bodies=Bodies(settings, service.pools.readers, service.held),
        route_of=lambda scope: next(
            (each for each in app.router.routes if each.matches(scope)[0] is Match.FULL), None
        ),
    )
    app.add_middleware(Unexpected)
    if settings.origins:
        app.add_middleware(CrossOrigin, origins=settings.origins)
    app.add_middleware(RequestLog, metrics=service.metrics)
    return app


def _add_errors(app: FastAPI) -> None:
    async def on_error(request: Request, error: Exception) -> Response:
        return reported(error).response(request.scope)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return invalid(error.errors()).response(request.scope)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        asked = f"{shortened(request.method, 20)} {shown(request.url.path)}"
        told, methods = str(error.detail), _methods(app, request)
        match error.status_code:
            case 404:
                told = f"got {asked}, and there is no such route; /docs shows those that are, most of them below /v1"
            case 405:
                told = f"got {asked}, wanted {' or '.join(methods)} there"
        response = ApiError(error.status_code, told).response(request.scope)
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["allow"] = ", ".join(methods)
        return response

    app.add_exception_handler(ApiError, on_error)
    app.add_exception_handler(GptossError, on_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def _methods(app: FastAPI, request: Request) -> list[str]:
    """Those that a path has, of all its routes."""
    matching = [
        route
        for route in app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
    ]
    # One that spells the path out stands for it, and not one with a parameter that it happens to match.
    exact = [route for route in matching if route.path == request.url.path]
    return sorted({method for route in exact or matching for method in route.methods or ()})


def _add_document(app: FastAPI) -> None:
    # No coroutine: the document takes a while to make.
    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> Response:
        return JSONResponse(app.openapi())
