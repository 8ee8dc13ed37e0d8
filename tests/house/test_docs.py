"""What the documents say of settings, commands, targets and folders is so."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer.main

from muster.cli.main import app
from muster.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_setting_is_in_the_docs_with_its_default() -> None:
    rows = re.findall(r"^\| `MUSTER_(\w+)` \| (.*?) ?\| .+ \|$", SETTINGS, re.MULTILINE)
    assert {name.lower(): default for name, default in rows} == {
        setting.name: _shown(setting.default) for setting in fields(Settings)
    }


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return str(default)


def test_every_command_is_in_the_docs_and_no_other() -> None:
    documented = re.findall(r"^\| `muster ([\w -]+)` \|", SETTINGS, re.MULTILINE)
    assert sorted(documented) == sorted(_commands(typer.main.get_command(app)))


def _commands(command: Any, parents: tuple[str, ...] = ()) -> Iterator[str]:
    """The names of all commands, those of groups with the group's before them."""
    for name, inner in command.commands.items():
        if hasattr(inner, "commands"):
            yield from _commands(inner, (*parents, name))
        else:
            yield " ".join((*parents, name))


def test_map_of_the_code_names_the_folders_that_there_are() -> None:
    (drawn,) = re.findall(r"## The map of the code\n\n```\nsrc/muster/\n(.*?)```", README, re.DOTALL)
    source = ROOT / "src" / "muster"
    folders = {path.name for path in source.iterdir() if (path / "__init__.py").exists()}
    modules = {path.name for path in source.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert set(re.findall(r"\b(\w+)/", drawn)) == folders
    assert set(re.findall(r"\b(\w+\.py)\b", drawn)) == modules


def test_two_commands_are_enough_to_begin() -> None:
    (section,) = re.findall(r"## Try it\n(.*?)\n## ", README, re.DOTALL)
    assert re.findall(r"```\n(.*?)\n```", section, re.DOTALL) == ["make demo", "make test"]


def test_targets_in_the_readme_are_those_of_make() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    targets = set(re.findall(r"^  make ([\w-]+) ", done.stdout, re.MULTILINE))
    code = " ".join(re.findall(r"`[^`]+`|```.*?```", README, re.DOTALL))
    named = set(re.findall(r"\bmake ([a-z][\w-]*)", code))
    assert {"demo", "test"} <= named <= targets
    (listed,) = re.findall(r"`make help` lists the rest: (.*?)\n\n", README, re.DOTALL)
    assert set(re.findall(r"`([\w-]+)`", listed)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    files = [link for link in links if "://" not in link]
    assert [link for link in files if not (page.parent / link).exists()] == []
