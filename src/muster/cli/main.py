"""The command `muster`."""

from __future__ import annotations

from typing import Annotated

import typer

from muster import __version__
from muster.cli import pql, serve

app = typer.Typer(
    name="muster",
    help="An open, self-hosted customer data platform that speaks the Adobe Experience Platform REST APIs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"muster {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """An open, self-hosted customer data platform that speaks the Adobe Experience Platform REST APIs."""


app.command("serve")(serve.serve)
app.command("api")(serve.api)
app.command("worker")(serve.worker)
app.add_typer(pql.app, name="pql")
