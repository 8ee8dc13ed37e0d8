"""A way to a server that a test can close in the middle of an upload."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator

from tests.servers.process import LOOPBACK

_BLOCK_BYTES = 1 << 16
_POLL_S = 0.02


class Gate:
    """Passes bytes on to a server on loopback. While it is closed, the end of an upload waits in it.

    Args:
        port: The server's.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._open = threading.Event()
        self._open.set()
        self._ended = threading.Event()
        self.reached = threading.Event()
        """Set when an upload has come to the closed gate; all of it but its last bytes has passed."""
        self.upload_count = 0
        self._listener = socket.create_server((LOOPBACK, 0))
        self.endpoint = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Let no upload end from now on."""
        self.reached.clear()
        self._open.clear()

    def open(self) -> None:
        """Let everything pass again."""
        self._open.set()

    def end(self) -> None:
        """Take no more connections."""
        self._ended.set()
        self._open.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            if select.select([self._listener], [], [], _POLL_S)[0]:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with (
            client,
            socket.create_connection((LOOPBACK, self._target)) as server,
            # A reset is the end of a connection like any other: the peer was killed.
            contextlib.suppress(ConnectionError),
        ):
            while not self._ended.is_set():
                for ready in select.select([client, server], [], [], _POLL_S)[0]:
                    data = ready.recv(_BLOCK_BYTES)
                    if not data:
                        return
                    if ready is server:
                        client.sendall(data)
                    elif not self._pass(data, client, server):
                        return

    def _pass(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        """Send a client's bytes on; False when the client went away while they waited."""
        if not data.startswith(b"PUT "):
            server.sendall(data)
            return True
        self.upload_count += 1
        if not self._open.is_set():
            server.sendall(data[:-4])
            self.reached.set()
            while not self._open.wait(_POLL_S):
                if select.select([client], [], [], 0)[0] and not client.recv(1, socket.MSG_PEEK):
                    return False
            data = data[-4:]
        server.sendall(data)
        return True


@contextlib.contextmanager
def gate_to(port: int) -> Iterator[Gate]:
    """A gate for the length of a block."""
    gate = Gate(port)
    try:
        yield gate
    finally:
        gate.end()
