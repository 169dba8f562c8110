"""Whether the server is there, whether it answers, and how it is doing."""

from __future__ import annotations

from typing import Literal

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response

import gptoss
from gptoss.server.replies import ABSENT, Reply, sent
from gptoss.server.service import Service


class Health(Reply):
    """The process is there."""

    status: Literal["ok"]
    sandbox: str = ABSENT
    """In which the model's Python runs, `bubblewrap` or `landlock`, where the server runs any."""


class Ready(Reply):
    """Requests are answered."""

    status: Literal["ready"]


class NotReady(Reply):
    """Requests are not answered yet, or not any more."""

    status: str
    """`not ready`, or why the model could not be opened."""


class Version(Reply):
    """Of the server."""

    version: str
    """As `0.1.0`."""


def add_health(app: FastAPI, service: Service) -> None:
    """The routes for those who run the server."""

    @app.get("/health", tags=["operation"], response_model=None)
    async def health() -> Response:
        """Whether the server is there."""
        told = Health(status="ok")
        if (rung := service.containers.rung) is not None:
            told.sandbox = rung
        return sent(told)

    @app.get("/ready", tags=["operation"], response_model=None)
    async def ready() -> Response:
        """Whether requests are answered: 503 while the model is being opened, and when the server is about to end."""
        if service.is_ready:
            return sent(Ready(status="ready"))
        return sent(NotReady(status=service.failure or "not ready"), 503)

    @app.get("/ping", tags=["sagemaker"], response_class=Response)
    async def ping() -> Response:
        """As SageMaker asks: 200 with nothing once requests are answered."""
        return Response(status_code=200 if service.is_ready else 503)

    @app.get("/version", tags=["operation"], response_model=None)
    async def version() -> Response:
        """Of the server."""
        return sent(Version(version=gptoss.__version__))

    @app.get("/metrics", tags=["operation"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """For Prometheus."""
        service.update_gauges()
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")
