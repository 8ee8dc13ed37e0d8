"""Which changes of a schema would strand the data that is there already, and which schemas cannot share a union."""

from __future__ import annotations

from collections.abc import Iterator

from muster.kernel.errors import Problem
from muster.xdm.fields import Field


def breaking_changes(before: Field, after: Field, path: str = "") -> Iterator[Problem]:
    """Every removed or renamed field, changed type, new required field and withdrawn value, with its path.

    Source: documented, rules of schema evolution; refused once a schema is in the union or a dataset has it.
    """
    if before.xdm_type != after.xdm_type:
        yield Problem(path, f"the type would change from {before.xdm_type} to {after.xdm_type}")
        return
    for name, member in before.fields.items():
        if name not in after.fields:
            yield Problem(f"{path}/{name}", "the field would be removed")
        else:
            yield from breaking_changes(member, after.fields[name], f"{path}/{name}")
    for name in sorted(after.required - before.required):
        yield Problem(f"{path}/{name}", "the field would become required")
    if before.item is not None and after.item is not None:
        yield from breaking_changes(before.item, after.item, f"{path}/*")
    if after.enum and (not before.enum or set(before.enum) - set(after.enum)):
        yield Problem(path, "values that were allowed would be refused")


def conflicts(first: Field, second: Field, path: str = "") -> Iterator[Problem]:
    """Every field that both have and type differently, with its path. Such schemas cannot be in one union."""
    if first.xdm_type != second.xdm_type:
        yield Problem(path, f"is {first.xdm_type} in the union and {second.xdm_type} here")
        return
    for name in sorted(first.fields.keys() & second.fields.keys()):
        yield from conflicts(first.fields[name], second.fields[name], f"{path}/{name}")
    if first.item is not None and second.item is not None:
        yield from conflicts(first.item, second.item, f"{path}/*")
