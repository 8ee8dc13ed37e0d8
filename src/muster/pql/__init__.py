"""The audience language: one question, asked of one profile, answered yes or no.

A query passes through these stages; each is usable alone, and none imports anything else of the project.

    text ─── parse ───┐
                      ├─► syntax tree ── bind ──► bound query ─┬─► matches          one profile, the judge
    JSON ─ read_json ─┘    │               (types, names,      ├─► compile_query    one profile, fast
                           └─ print_text    errors, facts,     └─► plan ─► atoms    many profiles, as columns:
                              format_text   warnings)                               tables.ProfileTable
                              write_json
                              in_english

What is wrong with a query comes as `PqlErrors`: all problems, each with a code, a place and, if there is one, a hint.
"""

from muster.pql.bind import bind
from muster.pql.bound import BoundQuery
from muster.pql.check import check
from muster.pql.emit.closures import Matcher, compile_query
from muster.pql.english import in_english
from muster.pql.errors import PqlError, PqlErrors, PqlWarning
from muster.pql.evaluate import ENGINES, Engine, evaluate
from muster.pql.facts import Eligibility, EventUse, Facts, Method, Obstacle, Window, facts
from muster.pql.interpret import matches
from muster.pql.json_read import read_json
from muster.pql.json_write import write_json
from muster.pql.parser import parse
from muster.pql.plan import Plan, plan
from muster.pql.printer import format_text, print_text
from muster.pql.traps import warnings_of
from muster.pql.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    MapType,
    ObjectType,
    ReferenceType,
    Type,
)

__all__ = [
    "ANY",
    "BOOLEAN",
    "DATE",
    "DATETIME",
    "ENGINES",
    "INTEGER",
    "NUMBER",
    "STRING",
    "ArrayType",
    "BoundQuery",
    "Eligibility",
    "Engine",
    "EventUse",
    "Facts",
    "MapType",
    "Matcher",
    "Method",
    "ObjectType",
    "Obstacle",
    "Plan",
    "PqlError",
    "PqlErrors",
    "PqlWarning",
    "ReferenceType",
    "Type",
    "Window",
    "bind",
    "check",
    "compile_query",
    "evaluate",
    "facts",
    "format_text",
    "in_english",
    "matches",
    "parse",
    "plan",
    "print_text",
    "read_json",
    "warnings_of",
    "write_json",
]
