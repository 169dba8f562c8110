"""`gptoss serve`: the model behind OpenAI's APIs, over HTTP."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptoss.cli.model_options import takes_model
from gptoss.cli.option_sources import remember_file, variable
from gptoss.errors import ServerError
from gptoss.files.regular import read_file

if TYPE_CHECKING:
    from gptoss.runtime import ModelOptions
    from gptoss.server.settings import Keys

_KEY_VARIABLE = "GPTOSS_API_KEY"
_MOST_PROMPT_BYTES, _MOST_CONFIG_BYTES = 1 << 20, 1 << 20


def _take_config(context: typer.Context, file: str | None) -> str | None:
    """Options from a file, behind those of the command line and the environment."""
    if file is not None:
        try:
            data = read_file(Path(file).expanduser(), _MOST_CONFIG_BYTES)
            found = tomllib.loads(data.decode("utf-8"))
        except OSError as error:
            raise ServerError(f"cannot read the configuration {file}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ServerError(f"{file} is no TOML: {error}") from None
        except RecursionError:
            raise ServerError(f"{file} is nested too deeply") from None
        known = {parameter.name for parameter in context.command.params}
        remember_file(context, file, data.decode("utf-8"), known)
        given = {name.replace("-", "_"): value for name, value in found.items()}
        for name in given:
            if name not in known or name == "config":
                raise ServerError(
                    f"got {name!r} in {file}, wanted the name of an option, as in `max-batch = 8`"
                )
        context.default_map = {**(context.default_map or {}), **given}
    return file


def _read_prompt(path: str) -> str:
    try:
        text = read_file(Path(path).expanduser(), _MOST_PROMPT_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(f"cannot read the shared prompt {path}: {error}") from None
    # An editor ends a file with a line feed, which a request does not have.
    return text.removesuffix("\n")


def _size(text: str, option: str) -> int:
    """A size in bytes. Raises RequestError for what is none."""
    from gptoss.runtime.machine_memory import parse_bytes

    return parse_bytes(text, option)


def _variable(name: str, *flags: str, **more: Any) -> Any:
    return typer.Option(*flags, envvar=variable(name), show_envvar=True, **more)


def _keys(file: str | None) -> Keys:
    """Keys of the file and of the environment, out of which its own is taken: no process started here has it."""
    from gptoss.server.settings import Keys

    named = os.environ.pop(_KEY_VARIABLE, None)
    alone = Keys() if named is None else Keys.of([named], f"${_KEY_VARIABLE}")
    return alone if file is None else alone | Keys.from_file(Path(file))


@takes_model()
def serve(
    host: Annotated[str, _variable("HOST", "--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, _variable("PORT", "--port", min=0, max=65535, help="0 takes a free one.")
    ] = 8000,
    api_key_file: Annotated[
        str | None,
        _variable(
            "API_KEY_FILE",
            "--api-key-file",
            metavar="FILE",
            help="API keys, one a line; a single one may stand in $GPTOSS_API_KEY. "
            "Needed beyond this machine.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        _variable(
            "ALLOW_HOST",
            "--allow-host",
            metavar="NAME",
            help="A further name under which the server is reached; '*' takes any.",
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        _variable(
            "ALLOW_ORIGIN",
            "--allow-origin",
            metavar="URL",
            help="A web page's origin that may ask.",
        ),
    ] = None,
    served_name: Annotated[
        list[str] | None,
        _variable(
            "SERVED_NAME", "--served-name", metavar="NAME", help="A further name of the model."
        ),
    ] = None,
    page: Annotated[
        bool, _variable("PAGE", "--page/--no-page", help="The chat page, at the address itself.")
    ] = True,
    store: Annotated[
        str | None,
        _variable(
            "STORE", "--store", metavar="FILE", help="Where responses are kept. Default: in memory."
        ),
    ] = None,
    files: Annotated[
        str | None,
        _variable(
            "FILES",
            "--files",
            metavar="DIR",
            help="Where uploaded files are kept. Default: a private folder that ends with the server.",
        ),
    ] = None,
    max_file_size: Annotated[
        str, _variable("MAX_FILE_SIZE", "--max-file-size", metavar="SIZE", help="Of an upload.")
    ] = "512M",
    max_files_size: Annotated[
        str,
        _variable(
            "MAX_FILES_SIZE", "--max-files-size", metavar="SIZE", help="Of all uploads together."
        ),
    ] = "16G",
    max_store_size: Annotated[
        str,
        _variable(
            "MAX_STORE_SIZE",
            "--max-store-size",
            metavar="SIZE",
            help="Of all kept responses together; the oldest make room.",
        ),
    ] = "1G",
    seal_key_file: Annotated[
        str | None,
        _variable(
            "SEAL_KEY_FILE",
            "--seal-key-file",
            metavar="FILE",
            help="Key that signs reasoning which clients keep. Default: beside the store.",
        ),
    ] = None,
    shared_prompt: Annotated[
        list[str] | None,
        _variable(
            "SHARED_PROMPT",
            "--shared-prompt",
            metavar="FILE",
            help="Instructions whose cached prefix all keys may use; otherwise each key has its own.",
        ),
    ] = None,
    drain: Annotated[
        float,
        _variable(
            "DRAIN",
            "--drain",
            min=0,
            metavar="SECONDS",
            help="What running answers have at the end.",
        ),
    ] = 25.0,
    max_connections: Annotated[
        int | None,
        _variable(
            "MAX_CONNECTIONS",
            "--max-connections",
            min=16,
            metavar="N",
            help="Connections at once. Default: what descriptors allow, 1024 at most.",
        ),
    ] = None,
    head_timeout: Annotated[
        float,
        _variable(
            "HEAD_TIMEOUT",
            "--head-timeout",
            min=0.1,
            metavar="SECONDS",
            help="What a request's line and headers may take.",
        ),
    ] = 10.0,
    idle_timeout: Annotated[
        float,
        _variable(
            "IDLE_TIMEOUT",
            "--idle-timeout",
            min=0.1,
            metavar="SECONDS",
            help="What a connection may wait between requests.",
        ),
    ] = 30.0,
    write_timeout: Annotated[
        float,
        _variable(
            "WRITE_TIMEOUT",
            "--write-timeout",
            min=0.1,
            metavar="SECONDS",
            help="What a client may leave a reply unread.",
        ),
    ] = 60.0,
    tools: Annotated[
        list[str] | None,
        _variable(
            "TOOLS",
            "--tools",
            metavar="python",
            help="Run Python for the model in sandboxes, where a request asks for it.",
        ),
    ] = None,
    tools_module: Annotated[
        str | None,
        _variable(
            "TOOLS_MODULE",
            "--tools-module",
            metavar="FILE",
            help="A Python file whose functions the server runs for the model.",
        ),
    ] = None,
    chat_tools: Annotated[
        bool,
        _variable(
            "CHAT_TOOLS",
            "--chat-tools",
            help="Run these tools in chat completions too, an extension; otherwise in responses alone.",
        ),
    ] = False,
    approval: Annotated[
        list[str] | None,
        _variable(
            "APPROVAL",
            "--approval",
            metavar="[TOOL=]allow|ask|deny",
            help="What calls need at least; a request may only ask for more.",
        ),
    ] = None,
    log: Annotated[
        str, _variable("LOG", "--log", metavar="info|warning|error", help="What is logged.")
    ] = "info",
    config: Annotated[
        str | None,
        _variable(
            "CONFIG",
            "--config",
            metavar="FILE",
            is_eager=True,
            callback=_take_config,
            help="Options in TOML.",
        ),
    ] = None,
    *,
    options: ModelOptions,
) -> None:
    """Answer over HTTP: OpenAI's APIs, and Anthropic's messages."""
    from gptoss.cli.loading import offer_pull, open_model
    from gptoss.server.run import run
    from gptoss.server.settings import ServerSettings
    from gptoss.server.transport.limits import ConnectionLimits
    from gptoss.tools.chosen import ToolOptions, chosen_tools

    chosen = chosen_tools(
        ToolOptions(
            tools or (), None if tools_module is None else Path(tools_module), approval or ()
        )
    )
    if chat_tools and chosen.is_empty:
        raise ServerError("got --chat-tools without tools, wanted --tools or --tools-module")
    settings = ServerSettings(
        host=host,
        port=port,
        keys=_keys(api_key_file),
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
        served_names=tuple(served_name or ()),
        has_page=page,
        store=None if store is None else Path(store).expanduser(),
        files=None if files is None else Path(files).expanduser(),
        max_file_bytes=_size(max_file_size, "--max-file-size"),
        files_bytes=_size(max_files_size, "--max-files-size"),
        store_bytes=_size(max_store_size, "--max-store-size"),
        seal_key_file=None if seal_key_file is None else Path(seal_key_file),
        shared_instructions=tuple(_read_prompt(path) for path in shared_prompt or ()),
        drain_s=drain,
        connections=ConnectionLimits(
            most=max_connections,
            head_s=head_timeout,
            idle_s=idle_timeout,
            write_s=write_timeout,
        ),
        tools=chosen,
        has_chat_tools=chat_tools,
    )
    # Later there is no terminal to ask at.
    offer_pull(options)
    run(settings, lambda: open_model(options), log_level=log)
