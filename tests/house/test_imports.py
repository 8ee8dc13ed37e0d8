"""Imports point down: a folder may use what lies below it, never what lies beside or above."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "muster"
STAGES = {"ingest", "unify", "evaluate", "export"}
PARTS = {"xdm", "catalog", "flows", "profiles", "jobs"}
LAYERS: tuple[set[str], ...] = (
    {"kernel", "pql"},
    {"settings"},
    {"storage"},
    PARTS,
    STAGES,
    {"pipeline"},
    # The wiring opens stores for the doors and the workers; it knows neither.
    {"app"},
    {"bootstrap"},
    {"api"},
    {"worker", "supervisor"},
    {"cli"},
    {"__main__"},
)
"""From the bottom to the top. `pql` is a library of its own, so it is at the bottom though only stages use it."""

ALONE = {"demo": "is a client of the REST API like any other", "pql": "is a library of its own"}
"""Folders that import nothing of ours, and why."""

RANKS = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


@dataclass(frozen=True, slots=True)
class Import:
    """One arrow from a file to a folder or module below `muster`."""

    file: Path
    line: int
    target: str

    @property
    def origin(self) -> str:
        return self.file.relative_to(SOURCE).parts[0].removesuffix(".py")

    def __str__(self) -> str:
        return f"{self.file.relative_to(SOURCE)}:{self.line} imports {self.target}"


def _imports() -> Iterator[Import]:
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            for name in _names(node, file):
                words = name.split(".")
                if words[0] == "muster" and len(words) > 1:
                    found = Import(file, node.lineno, words[1])  # type: ignore[attr-defined]
                    # The package's own version is a constant in its first file.
                    if found.target not in (found.origin, "__version__"):
                        yield found


def _names(node: ast.AST, file: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    module = node.module or ""
    if node.level:
        package = ("muster", *file.relative_to(SOURCE).parts[: -node.level])
        module = ".".join((*package, module)).strip(".")
    if module == "muster":
        return [f"muster.{alias.name}" for alias in node.names]
    return [module]


IMPORTS = list(_imports())


def _listed(found: list[Import]) -> str:
    return "\n".join(str(one) for one in found)


def test_every_folder_and_module_has_its_layer() -> None:
    there = {
        path.name.removesuffix(".py")
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - {"__init__"} == RANKS.keys() | ALONE.keys()


def test_imports_point_down() -> None:
    up = [
        one
        for one in IMPORTS
        if one.origin not in ALONE and RANKS.get(one.target, len(LAYERS)) > RANKS.get(one.origin, -1)
    ]
    assert not up, _listed(up)


def test_no_stage_imports_a_stage() -> None:
    beside = [one for one in IMPORTS if one.origin in STAGES and one.target in STAGES]
    assert not beside, f"{_listed(beside)}\nStages meet in stores; pipeline.py hands over."


def test_parts_do_not_need_each_other_in_circles() -> None:
    arrows = {(one.origin, one.target) for one in IMPORTS if {one.origin, one.target} <= PARTS}
    left = set(PARTS)
    while leaves := {part for part in left if not any((part, other) in arrows for other in left)}:
        left -= leaves
    assert not left, f"{sorted(left)} import each other in a circle"


@pytest.mark.parametrize("folder", ["kernel", *ALONE])
def test_folder_imports_nothing_of_ours(folder: str) -> None:
    found = [one for one in IMPORTS if one.origin == folder]
    assert not found, f"{_listed(found)}\n{folder} {ALONE.get(folder, 'lies below everything')}."


def test_nothing_of_ours_needs_the_demo() -> None:
    inward = [one for one in IMPORTS if one.target == "demo"]
    assert not inward, _listed(inward)
