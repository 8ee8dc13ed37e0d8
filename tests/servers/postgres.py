"""A PostgreSQL server with a data directory and a password of its own; a fresh database for whoever asks."""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from tests.servers.process import LOOPBACK, ServerDidNotStart, ServerMissing, find_program, free_port, serving

SUPERUSER = "muster_tests"
PACKAGE = "postgresql"
# What a crash would lose does not matter here, and waiting for the disk would be most of the tests' time.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "log_min_messages": "warning",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running PostgreSQL server; the user may do anything, the password is checked for every connection."""

    host: str
    port: int
    user: str
    password: str

    def database(self) -> str:
        """Make an empty database of its own and return its SQLAlchemy URL, `postgresql+psycopg://…`."""
        name = f"muster_{secrets.token_hex(6)}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql+psycopg://{self.user}:{self.password}@{self.host}:{self.port}/{name}"

    def conninfo(self, database: str) -> str:
        """Return what psycopg needs to connect to a database."""
        return psycopg.conninfo.make_conninfo(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=database,
            connect_timeout=5,
        )


@contextlib.contextmanager
def run_postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """Start a PostgreSQL server with its data and log in the folder, and end it at the end of the block.

    The server refuses to run as root; root runs it as the user `postgres`, to whom the folder is then given, and
    who must be able to reach it.

    Raises:
        ServerMissing: There is no PostgreSQL, or no system user to run it as.
        ServerDidNotStart: It could not be set up, or ended.
    """
    initdb = find_program("initdb", package=PACKAGE, folders=_debian_folders())
    account = _account()
    password = secrets.token_urlsafe(18)
    if account is not None:
        shutil.chown(folder, account, account)
    _init(initdb, folder, password, account)
    server = PostgresServer(LOOPBACK, free_port(), SUPERUSER, password)
    settings = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    with serving(
        "PostgreSQL",
        [str(initdb.with_name("postgres")), "-D", str(folder / "data"), "-p", str(server.port), *settings],
        log=folder / "postgres.log",
        ready=lambda: _answers(server),
        stop_signal=signal.SIGINT,  # Ends now, without waiting for clients to leave.
        user=account,
    ):
        yield server


def _debian_folders() -> list[Path]:
    """Return the folders where Debian keeps the server's programs, off the PATH; the newest version first."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return sorted(folders, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0), reverse=True)


def _account() -> str | None:
    """Return the system user to run as, None for the present one."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError as error:
        raise ServerMissing("system user postgres", PACKAGE) from error


def _init(initdb: Path, folder: Path, password: str, account: str | None) -> None:
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if account is not None:
        shutil.chown(password_file, account, account)
    made = subprocess.run(
        [
            str(initdb),
            f"--pgdata={folder / 'data'}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        user=account,
        group=account,
        extra_groups=None if account is None else [],
        check=False,
    )
    password_file.unlink()
    if made.returncode != 0:
        raise ServerDidNotStart("PostgreSQL", "initdb failed", made.stdout.decode(errors="replace"))


def _answers(server: PostgresServer) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.conninfo("postgres")):
        return True
    return False
