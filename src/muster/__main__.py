"""`python -m muster` is the command `muster`."""

from muster.cli.main import app

app()
