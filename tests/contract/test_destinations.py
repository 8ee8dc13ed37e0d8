"""One suite for every kind of destination, against real servers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.servers.openssh import SftpServer
from tests.servers.process import free_port
from tests.servers.s3 import S3Server

from muster.export.destinations.destination import (
    Destination,
    DestinationAway,
    FileIsThere,
    HostKeyRefused,
    PlaceMissing,
    SignInRefused,
)
from muster.export.destinations.s3 import S3Destination
from muster.export.destinations.sftp import SftpDestination


@dataclass(frozen=True, slots=True)
class Site:
    """A destination, the same with a wrong secret and at a dead port, and another's view of its files."""

    destination: Destination
    wrong_secret: Destination
    dead: Destination
    put: Callable[[str, bytes], None]
    files: Callable[[], list[str]]


@pytest.fixture(params=["s3", "sftp-key", "sftp-password"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    if request.param == "s3":
        yield _s3_site(request.getfixturevalue("s3_server"))
    else:
        yield _sftp_site(request.getfixturevalue("sftp_server"), by_key=request.param == "sftp-key")


def _s3_site(server: S3Server) -> Site:
    def open_(secret: str, endpoint: str) -> S3Destination:
        return S3Destination(
            bucket=server.bucket, access_key=server.access_key, secret_key=secret, endpoint=endpoint
        )

    return Site(
        open_(server.secret_key, server.endpoint),
        open_("x" * 40, server.endpoint),
        open_(server.secret_key, f"http://127.0.0.1:{free_port()}"),
        server.write,
        server.objects,
    )


def _sftp_site(server: SftpServer, *, by_key: bool) -> Site:
    if not by_key and server.password is None:
        pytest.skip("a password login needs a system user, which only root can make")

    def open_(secret: str, port: int) -> SftpDestination:
        password, key = ("", server.private_key) if by_key else (secret, "")
        user = server.username if secret != "wrong" or not by_key else "nobody-such"
        return SftpDestination(host=server.host, port=port, username=user, password=password, private_key=key)

    def put(name: str, content: bytes) -> None:
        path = server.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in [path.parent, *path.parent.parents][: len(Path(name).parts) - 1]:
            folder.chmod(0o777)
        path.write_bytes(content)

    return Site(
        open_(server.password or "", server.port),
        open_("wrong", server.port),
        open_(server.password or "", free_port()),
        put,
        server.files,
    )


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "made.csv"
    path.write_bytes(b"a,b\n1,2\n")
    return path


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    """A folder for one test alone: the servers serve all tests of the session."""
    return f"t{abs(hash(request.node.nodeid)):x}"


def test_published_file_is_there_whole(site: Site, local: Path, folder: str) -> None:
    site.destination.publish(f"{folder}/sub/made.csv", local, create_only=True)

    assert site.destination.head(f"{folder}/sub/made.csv") == 8
    assert b"".join(site.destination.read(f"{folder}/sub/made.csv")) == b"a,b\n1,2\n"
    assert [name for name in site.files() if folder in name] == [f"{folder}/sub/made.csv"]


def test_create_only_leaves_a_file_that_is_there(site: Site, local: Path, folder: str) -> None:
    site.put(f"{folder}/made.csv", b"theirs")

    with pytest.raises(FileIsThere):
        site.destination.publish(f"{folder}/made.csv", local, create_only=True)

    assert b"".join(site.destination.read(f"{folder}/made.csv")) == b"theirs"
    assert [name for name in site.files() if folder in name] == [f"{folder}/made.csv"]


def test_publish_replaces_when_asked(site: Site, local: Path, folder: str) -> None:
    site.destination.publish(f"{folder}/made.csv", local, create_only=True)
    local.write_bytes(b"newer")

    site.destination.publish(f"{folder}/made.csv", local, create_only=False)

    assert b"".join(site.destination.read(f"{folder}/made.csv")) == b"newer"


def test_missing_file_has_no_size(site: Site, folder: str) -> None:
    assert site.destination.head(f"{folder}/nothing.csv") is None


def test_reading_a_missing_file_says_so(site: Site, folder: str) -> None:
    with pytest.raises(PlaceMissing):
        list(site.destination.read(f"{folder}/nothing.csv"))


def test_delete_is_repeatable(site: Site, local: Path, folder: str) -> None:
    site.destination.publish(f"{folder}/made.csv", local, create_only=True)

    site.destination.delete(f"{folder}/made.csv")
    site.destination.delete(f"{folder}/made.csv")

    assert site.destination.head(f"{folder}/made.csv") is None


def test_sign_in_works(site: Site) -> None:
    site.destination.check()


def test_wrong_secret_is_a_plain_sentence(site: Site) -> None:
    with pytest.raises(SignInRefused, match=r"refused the sign-in: the .* is wrong") as refusal:
        site.wrong_secret.check()

    assert "x" * 40 not in str(refusal.value)


def test_wrong_secret_publishes_nothing(site: Site, local: Path, folder: str) -> None:
    with pytest.raises(SignInRefused):
        site.wrong_secret.publish(f"{folder}/made.csv", local, create_only=True)

    assert [name for name in site.files() if folder in name] == []


def test_dead_server_is_worth_another_try(site: Site) -> None:
    with pytest.raises(DestinationAway):
        site.dead.check()


def test_large_file_arrives_whole(site: Site, tmp_path: Path, folder: str) -> None:
    large = tmp_path / "large.csv"
    large.write_bytes(os.urandom(1 << 20) * 20)

    site.destination.publish(f"{folder}/large.csv", large, create_only=True)

    assert site.destination.head(f"{folder}/large.csv") == 20 << 20
    assert b"".join(site.destination.read(f"{folder}/large.csv")) == large.read_bytes()


def test_reader_may_stop_early(site: Site, tmp_path: Path, folder: str) -> None:
    large = tmp_path / "large.csv"
    large.write_bytes(b"x" * (20 << 20))
    site.destination.publish(f"{folder}/early.csv", large, create_only=True)
    threads = threading.active_count()

    next(iter(site.destination.read(f"{folder}/early.csv")))

    until = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < until:
        time.sleep(0.05)
    assert threading.active_count() <= threads + 2


def test_environment_does_not_replace_a_customers_account(
    s3_server: S3Server, local: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ours")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "ours")
    destination = _s3_site(s3_server).destination

    destination.publish(f"{folder}/made.csv", local, create_only=True)

    assert s3_server.read(f"{folder}/made.csv") == b"a,b\n1,2\n"


def test_missing_bucket_is_named(s3_server: S3Server, local: Path) -> None:
    elsewhere = S3Destination(
        bucket="no-such-bucket-here",
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
        endpoint=s3_server.endpoint,
    )

    with pytest.raises(PlaceMissing, match="bucket no-such-bucket-here"):
        elsewhere.publish("made.csv", local, create_only=True)


def test_keys_are_checked_without_a_bucket(s3_server: S3Server) -> None:
    S3Destination(
        bucket="",
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
        endpoint=s3_server.endpoint,
    ).check()
    with pytest.raises(SignInRefused):
        S3Destination(
            bucket="", access_key=s3_server.access_key, secret_key="x" * 40, endpoint=s3_server.endpoint
        ).check()


def test_first_host_key_is_learned_and_another_refused(sftp_server: SftpServer) -> None:
    learned: list[str] = []

    def open_(host_key: str) -> SftpDestination:
        return SftpDestination(
            host=sftp_server.host,
            port=sftp_server.port,
            username=sftp_server.username,
            private_key=sftp_server.private_key_pem,
            host_key=host_key,
            learned=learned.append,
        )

    open_("").check()

    assert learned[0] in sftp_server.known_hosts
    open_(learned[0]).check()
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHr9c2RBwZYVwbnm9MSpIoSbTNjvPbbSEJ0lAlkM4eGJ"
    with pytest.raises(HostKeyRefused):
        open_(other).check()
