"""What is tried again, how often and after how long; decided here and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from muster.kernel.errors import Transient, VersionMismatch

T = TypeVar("T")

ATTEMPTS_MAX = 6
FIRST_PAUSE_S = 0.2
PAUSE_MAX_S = 10.0

_log = structlog.get_logger("muster.jobs")


def is_worth_retrying(error: BaseException) -> bool:
    """Whether the same call may succeed later: what is away comes back, and what another writer won can be won next."""
    return isinstance(error, Transient | VersionMismatch)


def with_retries(name: str, call: Callable[[], T], pause: Callable[[float], None] = time.sleep) -> T:
    """Call, and call again after growing pauses while the failure is worth it; raises the last failure."""
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            return call()
        except Exception as error:
            if not is_worth_retrying(error) or attempt == ATTEMPTS_MAX:
                raise
            _log.warning("step_retried", step=name, attempt=attempt, reason=str(error))
            pause(min(FIRST_PAUSE_S * 2 ** (attempt - 1), PAUSE_MAX_S))
    raise AssertionError("unreachable")
