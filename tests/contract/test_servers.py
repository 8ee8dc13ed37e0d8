"""The servers behind the other tests: each serves a plain client and refuses wrong credentials."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import obstore
import psycopg
import pytest
import sqlalchemy
from obstore.exceptions import PermissionDeniedError
from obstore.store import S3Store
from tests.servers import fixtures
from tests.servers.openssh import SftpServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerDidNotStart, ServerMissing, find_program, serving
from tests.servers.s3 import S3Server

if TYPE_CHECKING:
    from obstore.store import S3Credential  # A name for type checkers alone.

MIXED = b"first\nsecond\n\x00\xff"


async def upload(server: SftpServer, folder: str, **login: object) -> bytes:
    """Put a file under a staged name, rename it, read it back; `login` is how asyncssh authenticates."""
    connection = await asyncssh.connect(
        server.host,
        server.port,
        username=server.username,
        known_hosts=asyncssh.import_known_hosts(server.known_hosts),
        config=None,
        agent_path=None,
        **{"password": None, "client_keys": None, **login},
    )
    async with connection, connection.start_sftp_client() as sftp:
        await sftp.makedirs(folder)
        async with sftp.open(f"{folder}/staged", "wb") as file:
            await file.write(MIXED)
        await sftp.posix_rename(f"{folder}/staged", f"{folder}/final.csv")
        async with sftp.open(f"{folder}/final.csv", "rb") as file:
            content: bytes = await file.read()
    return content


def altered(secret: str) -> str:
    """Return a secret of the same length that differs in its last character."""
    return secret[:-1] + ("a" if secret[-1] != "a" else "b")


def test_sftp_takes_a_file_by_password(sftp_server: SftpServer) -> None:
    if sftp_server.password is None:
        pytest.skip("a password login needs a system user, which only root can make")
    assert asyncio.run(upload(sftp_server, "by-password", password=sftp_server.password)) == MIXED
    assert "by-password/final.csv" in sftp_server.files()
    assert "by-password/staged" not in sftp_server.files()
    assert sftp_server.read("by-password/final.csv") == MIXED


@pytest.mark.parametrize("form", ["private_key", "private_key_pem"])
def test_sftp_takes_a_file_by_key(sftp_server: SftpServer, form: str) -> None:
    key = asyncssh.import_private_key(getattr(sftp_server, form))
    assert asyncio.run(upload(sftp_server, f"by-{form}", client_keys=[key])) == MIXED
    assert sftp_server.read(f"by-{form}/final.csv") == MIXED


def test_sftp_absolute_path_under_the_root_is_the_same_file(sftp_server: SftpServer) -> None:
    key = asyncssh.import_private_key(sftp_server.private_key)
    asyncio.run(upload(sftp_server, str(sftp_server.root / "absolute"), client_keys=[key]))
    assert sftp_server.read("absolute/final.csv") == MIXED


def test_sftp_refuses_a_wrong_password(sftp_server: SftpServer) -> None:
    password = altered(sftp_server.password or "no password would do")
    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(upload(sftp_server, "refused", password=password))
    assert not (sftp_server.root / "refused").exists()


def test_sftp_refuses_an_unknown_key(sftp_server: SftpServer) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(upload(sftp_server, "refused", client_keys=[stranger]))


def s3_store(server: S3Server, *, access_key: str | None = None, secret_key: str | None = None) -> S3Store:
    def credentials() -> "S3Credential":
        return {
            "access_key_id": access_key or server.access_key,
            "secret_access_key": secret_key or server.secret_key,
            "token": None,
            "expires_at": None,
        }

    return S3Store(
        server.bucket,
        config={"aws_endpoint_url_s3": server.endpoint, "region": server.region, "skip_signature": False},
        credential_provider=credentials,
        client_options={"allow_http": True, "timeout": "30s"},
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=5)},
    )


def test_s3_keys_have_the_form_that_aws_gives_them(s3_server: S3Server) -> None:
    assert (len(s3_server.access_key), len(s3_server.secret_key)) == (20, 40)


def test_s3_takes_an_object(s3_server: S3Server) -> None:
    store = s3_store(s3_server)
    store.put("put/a b+c.csv", MIXED)
    assert bytes(store.get("put/a b+c.csv").bytes()) == MIXED
    assert s3_server.objects("put/") == ["put/a b+c.csv"]
    assert s3_server.read("put/a b+c.csv") == MIXED


def test_s3_takes_an_object_in_parts(s3_server: S3Server) -> None:
    part = bytes(range(256)) * (6 << 12)
    with obstore.open_writer(s3_store(s3_server), "parts/big.bin", buffer_size=5 << 20) as file:
        for _ in range(3):
            file.write(part)
    assert s3_server.read("parts/big.bin") == part * 3


def test_s3_create_refuses_an_existing_object(s3_server: S3Server) -> None:
    s3_server.write("create/once.csv", b"first")
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        s3_store(s3_server).put("create/once.csv", b"second", mode="create")
    assert s3_server.read("create/once.csv") == b"first"


def test_s3_deleted_object_is_listed_no_more(s3_server: S3Server) -> None:
    s3_server.write("deleted/one.csv", b"1")
    s3_server.delete("deleted/one.csv")
    assert s3_server.objects("deleted/") == []


@pytest.mark.parametrize("action", ["put", "get"])
@pytest.mark.parametrize("wrong", ["access_key", "secret_key"])
def test_s3_refuses_wrong_credentials(s3_server: S3Server, wrong: str, action: str) -> None:
    s3_server.write("wrong/there.csv", b"1")
    store = s3_store(s3_server, **{wrong: altered(getattr(s3_server, wrong))})
    with pytest.raises(PermissionDeniedError):
        _ = store.put("wrong/new.csv", b"1") if action == "put" else store.get("wrong/there.csv")
    assert s3_server.objects("wrong/") == ["wrong/there.csv"]


def test_postgres_databases_are_empty_and_apart(postgres_server: PostgresServer) -> None:
    first, second = (sqlalchemy.create_engine(postgres_server.database()) for _ in range(2))
    with first.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE member (name text)"))
        connection.execute(sqlalchemy.text("INSERT INTO member VALUES ('Åsa')"))
    with first.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT name FROM member")).scalar_one() == "Åsa"
    assert sqlalchemy.inspect(second).get_table_names() == []
    first.dispose()
    second.dispose()


def test_postgres_refuses_a_wrong_password(postgres_server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_server.conninfo("postgres"), password=altered(postgres_server.password))


def test_missing_program_names_the_package() -> None:
    with pytest.raises(ServerMissing, match=r"no-such-server is not on this machine.*Debian's made-up"):
        find_program("no-such-server", package="made-up")


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_missing_server_fails_under_ci_and_skips_elsewhere(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no-such-server"), fixtures._required(_absent()):
        pytest.fail("the server that is not there was entered")


def test_server_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    with (
        pytest.raises(ServerDidNotStart, match=r"code 3.*the port is taken"),
        serving(
            "sh", [shell, "-c", "echo the port is taken; exit 3"], log=tmp_path / "log", ready=lambda: False
        ),
    ):
        pytest.fail("it counted as started")


@contextlib.contextmanager
def _absent() -> Iterator[None]:
    find_program("no-such-server", package="made-up")
    yield
