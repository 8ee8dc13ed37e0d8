"""Every setting, read once. Nobody else reads the environment.

A setting is a field here, a variable `MUSTER_<FIELD>` and, where a person would type it, a flag of `muster serve`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from muster.kernel.errors import Invalid, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one installation runs. Sizes in bytes, times in seconds.

    Attributes:
        data_dir: Holds the database, the lake, spools, caches and the key, unless the settings below move them.
        host: Address that the server listens on.
        port: Its port; 0 takes a free one.
        public_url: How clients reach the server; links in answers start with it. Empty: taken from each request.
        database_url: `sqlite:///…` or `postgresql+psycopg://…`. Empty: SQLite in the data directory.
        lake_url: `file:///…` or `s3://bucket/prefix`. Empty: a directory in the data directory.
        lake_cache_bytes_max: Bound of the local copies of an object store's files.
        secret_key: Key that secrets and tokens are made under. Empty: a file in the data directory.
        client_id: First credentials, with the two below; made and printed once when empty.
        client_secret: See `client_id`.
        org_id: `<24 hex>@AdobeOrg`.
        emulator: Fixed credentials `dev`, `dev`, `dev@AdobeOrg`, the token `dev`, and a business clock that can be set. Loopback only.
        tls_self_signed: Serve TLS with a certificate made for the host names of the hosted product.
        tls_cert: Certificate chain, PEM.
        tls_key: Its private key, PEM.
        token_life_s: How long an access token lives.
        workers: Worker processes that the supervisor keeps; more than one needs PostgreSQL.
        worker_threads: Jobs that one worker runs at the same time.
        worker_memory_fraction: Part of the machine's memory that a worker's column engine may use.
        api_engine_bytes_max: Memory of the column engine in the API process.
        worker_id: Stable name of this worker; the supervisor gives one.
        lease_s: After so long without a sign of life a worker counts as dead and its jobs are taken over.
        poll_s: How often a worker looks for new jobs.
        upload_bytes_max: Largest body of one uploaded file.
        bucket_persons_max: Persons of a bucket before it is split.
        runs_max: Runs over a bucket's base before it is compacted.
        identities_per_person_max: Identities of one identity graph; a person with more is left out of evaluation and lookups.
        export_rows_max: Rows of one file; more go to further files.
        s3_endpoint: Endpoint of S3 destinations and sources that name none; `AWS_ENDPOINT_URL_S3` is read as well.
        crash_at: Test hook of the emulator: `<workflow>.<step>` after whose effect, before its record, the worker dies once.
        log_level: `debug`, `info`, `warning` or `error`.
    """

    data_dir: Path = Path("muster-data")
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    database_url: str = ""
    lake_url: str = ""
    lake_cache_bytes_max: int = 10 << 30
    secret_key: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    org_id: str = ""
    emulator: bool = False
    tls_self_signed: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    token_life_s: int = 86_399
    workers: int = 1
    worker_threads: int = 2
    worker_memory_fraction: float = 0.4
    api_engine_bytes_max: int = 256 << 20
    worker_id: str = "worker-1"
    lease_s: float = 10.0
    poll_s: float = 0.1
    upload_bytes_max: int = 512 << 20
    bucket_persons_max: int = 1_000_000
    runs_max: int = 4
    identities_per_person_max: int = 50
    export_rows_max: int = 5_000_000
    s3_endpoint: str = ""
    crash_at: str = ""
    log_level: str = "info"

    @property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve()}/muster.db"

    @property
    def jobs_database(self) -> str:
        """Where the queue keeps its own tables: beside the resources, in the same server when that is PostgreSQL."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve()}/jobs.db"

    @property
    def lake(self) -> str:
        """The lake's URL, with the default filled in."""
        return self.lake_url or f"file://{self.data_dir.resolve()}/lake"

    def checked(self) -> Settings:
        """These settings, if they can work together. Raises `Invalid` naming all that cannot."""
        problems = []
        if self.emulator and self.host not in ("127.0.0.1", "localhost", "::1"):
            problems.append(
                Problem("MUSTER_HOST", f"the emulator listens on loopback only, not on {self.host}")
            )
        if self.workers > 1 and self.database.startswith("sqlite"):
            problems.append(
                Problem("MUSTER_WORKERS", "several workers need PostgreSQL (MUSTER_DATABASE_URL)")
            )
        if bool(self.tls_cert) != bool(self.tls_key):
            problems.append(Problem("MUSTER_TLS_CERT", "a certificate and its key go together"))
        if self.crash_at and not self.emulator:
            problems.append(Problem("MUSTER_CRASH_AT", "is a test hook of the emulator"))
        if not self.database.startswith(("sqlite:///", "postgresql+psycopg://")):
            problems.append(Problem("MUSTER_DATABASE_URL", "starts with sqlite:/// or postgresql+psycopg://"))
        if not self.lake.startswith(("file://", "s3://")):
            problems.append(Problem("MUSTER_LAKE_URL", "starts with file:// or s3://"))
        if problems:
            raise Invalid(tuple(problems))
        return self


def read_settings(environment: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """Settings from flags, else variables, else defaults. Flags of None count as not given.

    Raises:
        Invalid: A variable that cannot be read, or settings that cannot work together.
    """
    variables = os.environ if environment is None else environment
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    problems = []
    for setting in fields(Settings):
        name = f"MUSTER_{setting.name.upper()}"
        if variables.get(name, "") != "":
            try:
                values[setting.name] = _read(variables[name], hints[setting.name])
            except ValueError:
                problems.append(Problem(name, f"{variables[name]!r} is no {hints[setting.name].__name__}"))
    if problems:
        raise Invalid(tuple(problems))
    if not values.get("s3_endpoint"):
        values["s3_endpoint"] = variables.get("AWS_ENDPOINT_URL_S3", "")
    values.update({name: value for name, value in flags.items() if value is not None})
    return replace(Settings(), **values).checked()


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that give these settings again; how the supervisor hands them to its children."""
    return {f"MUSTER_{name.name.upper()}": _write(getattr(settings, name.name)) for name in fields(Settings)}


def _read(text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise ValueError(text)
    return kind(text)


def _write(value: Any) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)
