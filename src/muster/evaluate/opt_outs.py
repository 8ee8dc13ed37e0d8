"""People who opted out of everything, as a definition of their own that the others are evaluated without."""

from __future__ import annotations

from collections.abc import Sequence

from muster.evaluate.bucket import Planned
from muster.evaluate.expression import compile_expression
from muster.pql.plan import plan
from muster.storage.records import Record
from muster.storage.workspace import Workspace
from muster.xdm.fields import Field
from muster.xdm.registry import PROFILE_CLASS, Registry

_PATHS = (("privacyOptOuts",), ("optOutConsentLevel", "privacyOptOuts"))
"""Where a general opt-out may stand: at the top in older schemas, in an object of that name in newer ones."""


def honours_opt_outs(definition: Record) -> bool:
    policy = definition.body.get("dataGovernancePolicy") or {}
    return bool(policy.get("excludeOptOut", True))


def opt_out_definitions(workspace: Workspace, policy_ids: Sequence[str]) -> dict[str, Planned]:
    """Per merge policy a definition of those with a general opt-out, as far as the union schema has a place for one."""
    profile = Registry(workspace).union_fields(PROFILE_CLASS)
    places = [".".join(path) for path in _PATHS if _has_path(profile, path)]
    if not places:
        return {}
    general = '[optOutType = "general_opt_out" and optOutValue = "out"]'
    value = " or ".join(f"{place}{general}" for place in places)
    expression = {"type": "PQL", "format": "pql/text", "value": value}
    planned = plan(compile_expression(workspace, expression))
    return {
        policy_id: Planned(f"general opt-out under {policy_id}", policy_id, planned)
        for policy_id in policy_ids
    }


def _has_path(field: Field, path: Sequence[str]) -> bool:
    for name in path:
        found = field.fields.get(name)
        if found is None:
            return False
        field = found
    return True
