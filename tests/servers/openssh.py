"""An SFTP server: OpenSSH's sshd with a configuration, a host key and, for root, a user of its own."""

import contextlib
import getpass
import os
import pwd
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
from tests.servers.process import (
    LOOPBACK,
    ServerMissing,
    accepts_connections,
    find_program,
    free_port,
    serving,
)

PACKAGE = "openssh-server"
ADMIN_FOLDERS = [Path("/usr/sbin"), Path("/sbin")]
# The name tells which process made the user, so that a later run can remove those of a run that was killed.
USER_NAME = re.compile(r"muster-(\d+)-[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class SftpServer:
    """A running SFTP server.

    Sessions start in `root`, so the relative path `a/b.csv` and the absolute path `{root}/a/b.csv` are one file.
    `password` is None when the tests do not run as root: a password login needs a system user, which only root
    can make. `private_key` is in OpenSSH's own format without a passphrase, `private_key_pem` the same RSA key
    in PEM (PKCS#1); `known_hosts` is the line for this server's host key.
    """

    host: str
    port: int
    username: str
    password: str | None
    private_key: str
    private_key_pem: str
    known_hosts: str
    root: Path

    def files(self) -> list[str]:
        """Return the paths of all files, relative to the root, sorted."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def read(self, path: str) -> bytes:
        """Return the bytes of one file, named relative to the root."""
        return (self.root / path).read_bytes()


@contextlib.contextmanager
def run_sftp_server(folder: Path) -> Iterator[SftpServer]:
    """Start sshd with keys, log and files in the folder, and end it at the end of the block.

    Other users of the machine must be able to reach the folder: sshd reads the authorised keys as the user who
    logs in.

    Raises:
        ServerMissing: There is no sshd.
        ServerDidNotStart: It ended, or refused the configuration.
    """
    sshd = find_program("sshd", package=PACKAGE, folders=ADMIN_FOLDERS)
    root = folder / "files"
    root.mkdir()
    with contextlib.ExitStack() as stack:
        if os.geteuid() == 0:
            # sshd empties itself into this folder before a login; the service's unit would have made it.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
            username, password = stack.enter_context(_throwaway_user(root))
        else:
            username, password = getpass.getuser(), None
        client_key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
        port, host_key = free_port(), _write_host_key(folder)
        config = _write_config(folder, port, root, username, client_key.export_public_key().decode())
        stack.enter_context(
            serving(
                "sshd",
                [str(sshd), "-D", "-e", "-f", str(config)],
                log=folder / "sshd.log",
                ready=lambda: accepts_connections(port),
            )
        )
        yield SftpServer(
            host=LOOPBACK,
            port=port,
            username=username,
            password=password,
            private_key=client_key.export_private_key("openssh").decode(),
            private_key_pem=client_key.export_private_key("pkcs1-pem").decode(),
            known_hosts=f"[{LOOPBACK}]:{port} {host_key}",
            root=root,
        )


def _write_host_key(folder: Path) -> str:
    """Make the server's key pair; return its public half as one line."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path = folder / "host_key"
    path.touch(mode=0o600)  # sshd ignores a host key that others can read.
    path.write_bytes(key.export_private_key("openssh"))
    return key.export_public_key().decode().strip()


def _write_config(folder: Path, port: int, root: Path, username: str, public_key: str) -> Path:
    authorized_keys = folder / "authorized_keys"
    authorized_keys.write_text(public_key)
    authorized_keys.chmod(0o644)
    config = folder / "sshd_config"
    config.write_text(
        f"""\
ListenAddress {LOOPBACK}:{port}
HostKey {folder / "host_key"}
PidFile none
AllowUsers {username}
AuthorizedKeysFile {authorized_keys}
PubkeyAuthentication yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
MaxStartups 100
MaxAuthTries 20
LogLevel VERBOSE
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {root}
"""
    )
    return config


@contextlib.contextmanager
def _throwaway_user(home: Path) -> Iterator[tuple[str, str]]:
    """Make a system user with a password who owns the folder and has no shell; yields name and password."""
    _remove_left_over_users()
    username, password = f"muster-{os.getpid()}-{secrets.token_hex(2)}", secrets.token_urlsafe(18)
    _admin("useradd", "--no-create-home", "--home-dir", str(home), "--shell", "/usr/sbin/nologin", username)
    try:
        # With a method named, chpasswd writes the hash itself; without, PAM modules may refuse the password.
        _admin("chpasswd", "--crypt-method", "SHA512", stdin=f"{username}:{password}\n")
        shutil.chown(home, username, username)
        yield username, password
    finally:
        _remove_user(username)


def _remove_left_over_users() -> None:
    for account in pwd.getpwall():
        made_by = USER_NAME.fullmatch(account.pw_name)
        if made_by and not Path("/proc", made_by[1]).exists():
            _remove_user(account.pw_name)


def _remove_user(username: str) -> None:
    # --force because a session that is just closing would otherwise keep the user.
    _admin("userdel", "--force", username)


def _admin(program: str, *arguments: str, stdin: str = "") -> None:
    try:
        path = find_program(program, package="passwd", folders=ADMIN_FOLDERS)
    except ServerMissing as error:
        raise ServerMissing(f"{program}, which makes the user who logs in,", error.package) from error
    subprocess.run([str(path), *arguments], input=stdin, text=True, check=True, capture_output=True)
