"""The public conformance suite: its fixtures as types and data. It lies beside the repository, where there is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from muster.pql import ObjectType
from muster.pql.notation import read_object

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "conformance" / "pql"
ABSENT = "the conformance suite does not lie beside the repository"


@dataclass(frozen=True)
class Fixtures:
    now: datetime
    schema: ObjectType
    entity_schemas: Mapping[str, ObjectType]
    entities: Mapping[str, Mapping[str, Any]]
    profiles: tuple[dict[str, Any], ...]


def present() -> bool:
    return (FOLDER / "cases.jsonl").exists()


def read_fixtures() -> Fixtures:
    data = json.loads((FOLDER / "fixtures.json").read_text(encoding="utf-8"))
    return Fixtures(
        now=datetime.fromisoformat(data["now"]),
        schema=read_object(data["schema"]),
        entity_schemas={name: read_object(entity["schema"]) for name, entity in data["entities"].items()},
        entities={name: entity["items"] for name, entity in data["entities"].items()},
        profiles=tuple(data["profiles"]),
    )


def read_cases() -> list[dict[str, Any]]:
    if not present():
        return []
    lines = (FOLDER / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]
