"""Clients that have the hosted product's host names built in talk TLS to them."""

from __future__ import annotations

import os
import socket
import ssl
import sys
from pathlib import Path

import pytest
from tests.servers.process import LOOPBACK, free_port, serving

SOURCE = Path(__file__).parents[2] / "src"


def get(port: int, host_name: str, certificate: Path, path: str) -> bytes:
    """GET over TLS from this machine, checking the certificate for a host name."""
    trusting = ssl.create_default_context(cafile=str(certificate))
    with (
        socket.create_connection((LOOPBACK, port), timeout=10) as plain,
        trusting.wrap_socket(plain, server_hostname=host_name) as connection,
    ):
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host_name}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def test_self_signed_certificate_serves_the_hosted_host_names(tmp_path: Path) -> None:
    port, data_dir = free_port(), tmp_path / "data"
    certificate = data_dir / "tls-cert.pem"
    command = [sys.executable, "-m", "muster", "serve", "--emulator", "--tls-self-signed"]
    command += ["--port", str(port), "--data-dir", str(data_dir)]

    def ready() -> bool:
        try:
            return get(port, "localhost", certificate, "/health/ready").startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with serving(
        "muster",
        command,
        log=tmp_path / "muster.log",
        ready=ready,
        env=environment,
        start_timeout_s=90,
        stop_timeout_s=25,
    ):
        for host_name in ("platform.adobe.io", "ims-na1.adobelogin.com", "dcs.adobedc.net"):
            assert b'{"status":"live"}' in get(port, host_name, certificate, "/health/live")
        with pytest.raises(ssl.SSLCertVerificationError):
            get(port, "elsewhere.example", certificate, "/health/live")
