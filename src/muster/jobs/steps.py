"""A job is a function that does its work in named steps. A finished step is never done again, whatever is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from muster.kernel.errors import MusterError
from muster.storage.workspace import Workspace

Result = Any
"""What a step hands on: JSON, small; files are named, not carried."""


class Steps(Protocol):
    """Runs the steps of one job."""

    def run(self, name: str, step: Callable[[], Result]) -> Result:
        """Run a step, or give its recorded result when it was finished before.

        A step is run at least once: its effect must be the same when it is repeated. Transient failures are retried.

        Args:
            name: Unique within the job; what the step makes.
            step: Returns JSON.
        """
        ...


class InlineSteps:
    """Runs steps at once and records nothing. For tests and for tools that run a job in the foreground."""

    def run(self, name: str, step: Callable[[], Result]) -> Result:
        return step()


@dataclass(frozen=True, slots=True)
class Workflow:
    """A kind of job.

    Attributes:
        name: What `Task.workflow` says.
        run: Does the job; the argument is an id.
        fail: Writes down why it could not be done, in the row it serves. Must be repeatable.
        steps: The names of all durable steps that `run` may take, in order; fault tests kill the worker at each.
    """

    name: str
    run: Callable[[Workspace, str, Steps], None]
    fail: Callable[[Workspace, str, MusterError], None]
    steps: tuple[str, ...]


@dataclass(eq=False)
class JobBroken(MusterError):
    """The job failed for a reason of our own; the server's log has the details under {reference}."""

    reference: str
