"""Starting the server: all of it, or one process alone."""

from __future__ import annotations

import logging
import socket
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from muster.kernel.errors import MusterError
from muster.settings import Settings, read_settings

if TYPE_CHECKING:
    from rich.console import Console

    from muster.bootstrap import FirstCredentials

# The server is imported when it starts: the other commands must not wait two seconds for it.

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def serve(
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one. [default: 8080]")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Directory for all data. [default: muster-data]")
    ] = None,
    emulator: Annotated[
        bool | None,
        typer.Option("--emulator", help="Fixed credentials `dev`, a clock that can be set. Loopback only."),
    ] = None,
    tls_self_signed: Annotated[
        bool | None,
        typer.Option("--tls-self-signed", help="Serve TLS with a certificate made for the usual host names."),
    ] = None,
    tls_cert: Annotated[str | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[str | None, typer.Option(help="Private key, PEM.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; more than one needs PostgreSQL.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Start the server: the API and its workers, kept running. Every option is also a MUSTER_… variable."""
    from muster.app import App
    from muster.bootstrap import prepare
    from muster.supervisor import Supervisor

    try:
        settings = read_settings(
            port=port,
            host=host,
            data_dir=data_dir,
            emulator=emulator,
            tls_self_signed=tls_self_signed,
            tls_cert=tls_cert,
            tls_key=tls_key,
            workers=workers,
            log_level=log_level,
        )
        _set_up_logging(settings)
        settings = replace(settings, port=settings.port or _free_port(settings.host))
        app = App(settings, engine_threads=1, engine_bytes_max=settings.api_engine_bytes_max)
        made = prepare(app)
        app.close()
        _greet(settings, made)
        code = Supervisor(settings).run()
    except MusterError as error:
        _give_up(error)
    raise typer.Exit(code)


def api() -> None:
    """Start the API process alone; settings come from MUSTER_… variables."""
    import uvicorn

    from muster.api.server import create_api
    from muster.app import App
    from muster.bootstrap import prepare

    settings = _settings()
    app = App(settings, engine_threads=1, engine_bytes_max=settings.api_engine_bytes_max)
    prepare(app)
    key_pair = _key_pair(settings)
    uvicorn.run(
        create_api(app),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=key_pair[0] if key_pair else None,
        ssl_keyfile=key_pair[1] if key_pair else None,
        timeout_graceful_shutdown=5,
    )


def worker(
    worker_id: Annotated[
        str | None, typer.Option(help="Stable name; no other worker has it. [default: worker-1]")
    ] = None,
) -> None:
    """Start one worker process alone; settings come from MUSTER_… variables."""
    from muster.worker import Worker

    settings = _settings()
    Worker(replace(settings, worker_id=worker_id) if worker_id else settings).run()


def _settings() -> Settings:
    try:
        settings = read_settings()
    except MusterError as error:
        _give_up(error)
    _set_up_logging(settings)
    return settings


def _give_up(error: MusterError) -> NoReturn:
    _console().print(f"[bold red]muster:[/] {error}")
    raise typer.Exit(2)


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _greet(settings: Settings, made: FirstCredentials | None) -> None:
    from muster.bootstrap import EMULATOR_CLIENT, EMULATOR_ORG

    console = _console()
    scheme = "https" if settings.tls_self_signed or settings.tls_cert else "http"
    console.print(
        f"[bold]Muster[/] serves [bold]{scheme}://{settings.host}:{settings.port}[/]  data in {settings.data_dir}"
    )
    if settings.emulator:
        console.print(
            f"  emulator: client and secret {EMULATOR_CLIENT}, organisation {EMULATOR_ORG}, token {EMULATOR_CLIENT}"
        )
    if made is not None:
        console.print("  The first credentials, shown this once:")
        console.print(f"    client id      {made.client_id}")
        console.print(f"    client secret  {made.client_secret}")
        console.print(f"    organisation   {made.org_id}")


def _set_up_logging(settings: Settings) -> None:
    import structlog

    level = _LEVELS.get(settings.log_level.lower(), logging.INFO)
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _key_pair(settings: Settings) -> tuple[str, str] | None:
    if settings.tls_cert:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.tls_cert, settings.tls_key
        )
        return settings.tls_cert, settings.tls_key
    if settings.tls_self_signed:
        from muster.cli.certificate import self_signed

        return self_signed(settings.data_dir)
    return None
