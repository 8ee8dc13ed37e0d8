"""Access tokens: signed, short-lived, opaque to clients. They live by the wall clock."""

from __future__ import annotations

from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from muster.kernel.clock import Clock
from muster.kernel.errors import MusterError

_ISSUER = "muster"
EMULATOR_TOKEN = "dev"  # noqa: S105 - accepted on loopback under --emulator only


@dataclass(eq=False)
class TokenRefused(MusterError):
    """The token is not valid: {reason}."""

    reason: str


class Tokens:
    """Issues and reads tokens.

    Args:
        key: 32 bytes, the same in every process of the installation.
        emulator: Whether the fixed token `dev` stands for the client `dev`.
    """

    def __init__(self, key: bytes, wall: Clock, life_s: int, *, emulator: bool) -> None:
        self._key = OctKey.import_key(key)
        self._wall = wall
        self.life_s = life_s
        self._emulator = emulator

    def issue(self, client_id: str) -> str:
        """A token for a client that has shown its secret."""
        now = int(self._wall.now().timestamp())
        claims = {"iss": _ISSUER, "sub": client_id, "iat": now, "exp": now + self.life_s}
        return jwt.encode({"alg": "HS256"}, claims, self._key)

    def client_id(self, token: str) -> str:
        """Whose token it is. Raises `TokenRefused` when it is forged, foreign or has run out."""
        if self._emulator and token == EMULATOR_TOKEN:
            return "dev"
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
        except (JoseError, ValueError) as error:
            raise TokenRefused(str(error)) from error
        if claims.get("iss") != _ISSUER or claims.get("exp", 0) <= self._wall.now().timestamp():
            raise TokenRefused("it has run out")
        return str(claims["sub"])
