"""Runs a client in an empty network with a server whose model plays what it is asked to, and reports.

    unshare -n python -m tests.clients.enclosed REPORT COMMAND ...

The command finds the server at URL, and reads what this reads. REPORT is a JSON file: what the server was asked, and
how the command ended. With the environment variable ENCLOSED_MODEL, that model answers instead.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

import gptoss
from gptoss.server.app import create_app
from gptoss.server.run import _listen
from gptoss.server.service import Service
from gptoss.server.settings import ServerSettings
from gptoss.server.transport.server import HttpServer
from gptoss.tools.chosen import ChosenTools
from tests.clients.played_questions import PlayingModel

# A network of its own has this port free.
URL = "http://127.0.0.1:8000"
MODEL_VARIABLE = "ENCLOSED_MODEL"
# Models that Codex knows, and gives other tools.
_NAMES = ("gpt-6.2-sol",)
# Of Linux: an interface is to be up.
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_PR_CAP_AMBIENT, _CLEAR_ALL = 47, 4
_IGNORED = re.compile(rb'"ignored":(\[[^\]]*\])')


class Recorder:
    """Notes what is asked, and what of it replies say was ignored."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.requests: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reply = bytearray()
        noted = {"asked": f"{scope['method']} {scope['path']}", "status": None, "ignored": []}
        self.requests.append(noted)

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                noted["status"] = message["status"]
            reply.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, note)
        ignored = _IGNORED.findall(bytes(reply))
        noted["ignored"] = json.loads(ignored[-1]) if ignored else []
        if noted["status"] != 200:
            noted["reply"] = reply.decode("utf-8", "replace")


def raise_loopback() -> None:
    """In a new network even that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        fcntl.ioctl(asking, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))
    # What that needed is for nothing that is started here: bubblewrap does not run with it.
    ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)


def main(report: Path, command: list[str]) -> None:
    """Write the report of a command."""
    raise_loopback()
    tools = ChosenTools(has_python=True)
    settings = ServerSettings(served_names=_NAMES, tools=tools, has_chat_tools=True)
    name = os.environ.get(MODEL_VARIABLE)
    service = Service(settings, PlayingModel if name is None else partial(gptoss.load, name))
    recorder = Recorder(create_app(service))
    server = HttpServer(recorder, settings.connections)
    thread = threading.Thread(target=server.run, args=([_listen(settings)],))
    thread.start()
    try:
        while thread.is_alive() and not (server.started and service.is_ready):
            time.sleep(0.01)
        ended = subprocess.run(command, capture_output=True, check=False)
    finally:
        server.should_exit = True
        thread.join()
    made = {
        "returncode": ended.returncode,
        "stdout": ended.stdout.decode("utf-8", "replace"),
        "stderr": ended.stderr.decode("utf-8", "replace"),
        "requests": recorder.requests,
    }
    report.write_text(json.dumps(made))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
