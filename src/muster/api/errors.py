"""Errors on the wire: one table of statuses, and the dialect that each service speaks.

Domain code has never heard of HTTP. Only our own errors are shown; anything else is a 500 with a request id, and the rest goes to the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from muster.api.context import ContentTypeRefused, GatewayRefused, PermissionMissing, SandboxRefused
from muster.api.wire import reply
from muster.kernel.errors import (
    AlreadyExists,
    InUse,
    Invalid,
    MusterError,
    NotFound,
    Problem,
    Transient,
    TransitionRefused,
    VersionMismatch,
)
from muster.storage.business_time import ClockBackwards

STATUS: dict[type[BaseException], int] = {
    MusterError: 500,
    Invalid: 400,
    NotFound: 404,
    AlreadyExists: 409,
    VersionMismatch: 412,
    InUse: 400,
    TransitionRefused: 400,
    Transient: 503,
    PermissionMissing: 403,
    SandboxRefused: 403,
    ContentTypeRefused: 400,
    ClockBackwards: 400,
}
"""The nearest base class wins. Services add their own by `register_status`."""

_TITLES = {
    400: "BadRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    406: "NotAcceptableError",
    409: "ConflictError",
    412: "PreconditionFailedError",
    413: "PayloadTooLargeError",
    416: "RangeNotSatisfiableError",
    422: "UnprocessableEntityError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}

_RETRY_AFTER_S = 2

_log = structlog.get_logger("muster.api")

Dialect = Callable[[int, str, BaseException, str], dict[str, Any]]
"""Makes the body from status, message, the error itself and the request id."""


def register_status(error: type[MusterError], status: int) -> None:
    """Give a service's own error its status."""
    STATUS[error] = status


def status_of(error: BaseException) -> int:
    """The status of the nearest base class in the table."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


def problems_of(error: BaseException) -> list[dict[str, str]]:
    """All that is wrong with an input, for the dialects that have room for it."""
    problems = error.problems if isinstance(error, Invalid) else ()
    return [_problem(problem) for problem in problems]


def _problem(problem: Problem) -> dict[str, str]:
    shown = {"path": problem.path, "message": problem.message, "code": problem.code}
    return {name: value for name, value in shown.items() if value}


def placeholder(status: int, message: str, error: BaseException, request_id: str) -> dict[str, Any]:
    """Catalog, batch ingestion, data access."""
    body: dict[str, Any] = {
        "type": "/placeholder/type/uri",
        "status": status,
        "title": _TITLES.get(status, "Error"),
        "detail": message,
        "requestId": request_id,
    }
    if problems := problems_of(error):
        body["report"] = {"problems": problems}
    return body


def problem(status: int, message: str, error: BaseException, request_id: str) -> dict[str, Any]:
    """Schema Registry, sandboxes."""
    body: dict[str, Any] = {
        "type": f"http://ns.adobe.com/aep/errors/MUSTER-{status}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": message,
        "report": {"registryRequestId": request_id, "detailed-message": message},
    }
    if problems := problems_of(error):
        body["report"]["problems"] = problems
    return body


def segmentation(status: int, message: str, error: BaseException, request_id: str) -> dict[str, Any]:
    """Definitions, jobs, audiences, export jobs, merge policies."""
    items = [
        {
            "code": status,
            "message": shown["message"],
            **{k: v for k, v in shown.items() if k not in ("message", "code")},
        }
        for shown in problems_of(error)
    ]
    return {
        "requestId": request_id,
        "errors": {str(status): items or [{"code": status, "message": message}]},
        "type": f"https://ns.adobe.com/aep/errors/{getattr(error, 'code', '') or f'MUSTER-{status}'}",
        "title": message,
        "status": status,
    }


def profile(status: int, message: str, error: BaseException, request_id: str) -> dict[str, Any]:
    """Profile access."""
    return {
        "message": message,
        "statusCode": str(status),
        "status": status,
        "title": message,
        "requestId": request_id,
    }


def namespace(status: int, message: str, error: BaseException, request_id: str) -> dict[str, Any]:
    """Identity namespaces."""
    return {
        "type": "http://ns.adobe.com/adobecloud/problem/namespacevalidation",
        "status": status,
        "title": message,
        "report": {"code": getattr(error, "code", "") or _TITLES.get(status, "Error"), "message": message},
        "requestId": request_id,
    }


def flow(status: int, message: str, error: BaseException, request_id: str) -> dict[str, Any]:
    """Flow Service: one object that serves every reader of its several published forms."""
    code = getattr(error, "code", "") or f"{status}"
    return {
        "errorMessage": message,
        "errorDetails": message,
        "message": message,
        "code": code,
        "requestId": request_id,
        **({"problems": problems_of(error)} if problems_of(error) else {}),
    }


def ims(status: int, message: str, error: BaseException, request_id: str) -> dict[str, Any]:
    """The token service."""
    return {"error": getattr(error, "error", "invalid_request"), "error_description": message}


_DIALECTS: tuple[tuple[str, Dialect], ...] = (
    ("/ims", ims),
    ("/data/core/ups/access", profile),
    ("/data/core/ups", segmentation),
    ("/data/core/idnamespace", namespace),
    ("/data/foundation/schemaregistry", problem),
    ("/data/foundation/sandbox-management", problem),
    ("/data/foundation/flowservice", flow),
    ("/data/foundation/conversion", flow),
    ("/", placeholder),
)
"""The first prefix that fits."""


def answer(request: Request, error: BaseException) -> Response:
    """The answer to an error, in the dialect of the service that was asked."""
    request_id = str(getattr(request.state, "request_id", ""))
    if isinstance(error, GatewayRefused):
        return reply({"error_code": error.error_code, "message": error.message}, error.status)
    status = status_of(error)
    message = str(error)
    headers = {"Retry-After": str(_RETRY_AFTER_S)} if status == 503 else None
    if isinstance(error, SandboxRefused | ContentTypeRefused):
        return reply(placeholder(status, message, error, request_id), status)
    return reply(_dialect(request)(status, message, error, request_id), status, headers)


def install(api: FastAPI) -> None:
    """Let every error of a route, and of the router itself, be answered in its dialect."""

    async def ours(request: Request, error: Exception) -> Response:
        return answer(request, error)

    async def routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path = request.url.path
        message = f"{request.method} {path}: {error.detail}"
        dialect = _dialect(request)
        return reply(
            dialect(error.status_code, message, error, str(request.state.request_id)), error.status_code
        )

    async def unexpected(request: Request, error: Exception) -> Response:
        request_id = str(request.state.request_id)
        _log.error("request_failed", request_id=request_id, path=request.url.path, exc_info=error)
        message = f"Something failed on the server. Its log has the details under {request_id}."
        return reply(_dialect(request)(500, message, MusterError(), request_id), 500)

    api.add_exception_handler(MusterError, ours)
    api.add_exception_handler(HTTPException, routing)
    api.add_exception_handler(Exception, unexpected)


def _dialect(request: Request) -> Dialect:
    path = request.url.path
    return next(dialect for prefix, dialect in _DIALECTS if path.startswith(prefix))
