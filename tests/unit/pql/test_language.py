"""The language, rule by rule, on every evaluator: each row is a query, profiles it holds for and others it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from tests.unit.pql.crowd import Crowd

from muster.pql import (
    BOOLEAN,
    DATE,
    DATETIME,
    ENGINES,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    Engine,
    MapType,
    ObjectType,
    ReferenceType,
)

NOW = datetime(2024, 3, 10, 5, 45, 30, 250_000, tzinfo=UTC)

_SUB = ObjectType({"k": STRING, "n": INTEGER})
_ITEM = ObjectType(
    {
        "k": STRING,
        "n": INTEGER,
        "x": NUMBER,
        "b": BOOLEAN,
        "d": DATE,
        "t": DATETIME,
        "ss": ArrayType(STRING),
        "subs": ArrayType(_SUB),
        "store": ReferenceType("stores"),
    }
)
_OBJECT = ObjectType({"s": STRING, "i": INTEGER, "x": NUMBER, "ii": ArrayType(INTEGER), "o": _SUB})
SCHEMA = ObjectType(
    {
        "s": STRING,
        "s2": STRING,
        "i": INTEGER,
        "j": INTEGER,
        "x": NUMBER,
        "y": NUMBER,
        "b": BOOLEAN,
        "d": DATE,
        "t": DATETIME,
        "o": _OBJECT,
        "p": _OBJECT,
        "next": STRING,
        "ss": ArrayType(STRING),
        "ss2": ArrayType(STRING),
        "ii": ArrayType(INTEGER),
        "xx": ArrayType(NUMBER),
        "bb": ArrayType(BOOLEAN),
        "dd": ArrayType(DATE),
        "tt": ArrayType(DATETIME),
        "ms": MapType(STRING),
        "mi": MapType(INTEGER),
        "ml": MapType(ArrayType(INTEGER)),
        "mo": MapType(_SUB),
        "maps": ArrayType(MapType(INTEGER)),
        "store": ReferenceType("stores"),
        "stores": ArrayType(ReferenceType("stores")),
        "items": ArrayType(_ITEM),
        "segmentMembership": MapType(
            MapType(ObjectType({"status": STRING, "lastQualificationTime": DATETIME, "validUntil": DATETIME}))
        ),
        "xEvent": ArrayType(
            ObjectType(
                {
                    "k": STRING,
                    "n": INTEGER,
                    "x": NUMBER,
                    "timestamp": DATETIME,
                    "store": ReferenceType("stores"),
                    "ss": ArrayType(STRING),
                    "items": ArrayType(_ITEM),
                }
            )
        ),
    }
)
ENTITY_SCHEMAS = {
    "stores": ObjectType(
        {"city": STRING, "floors": INTEGER, "main": ReferenceType("stores"), "ss": ArrayType(STRING)}
    )
}
ENTITIES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "stores": {
        "S1": {"city": "Bergen", "floors": 3, "main": "S2", "ss": ["a", None]},
        "S2": {"city": "Oslo", "main": "S9"},
        "S3": {"city": None, "floors": "3"},
    }
}

Profile = Mapping[str, Any]
Row = tuple[str, Sequence[Profile], Sequence[Profile]]
NOBODY: Profile = {}


def events(*kinds: str, **fields: Any) -> Profile:
    """A profile whose events have these kinds, an hour apart, the first one at midnight before now."""
    return {
        "xEvent": [
            {"k": kind, "timestamp": f"2024-03-10T{hour:02d}:00:00Z"} for hour, kind in enumerate(kinds)
        ]
    } | fields


def items(*numbers: Any, **fields: Any) -> Profile:
    """A profile whose items have these numbers."""
    return {"items": [{"n": number} for number in numbers]} | fields


def member(status: Any = "realized", **fields: Any) -> Profile:
    return {"segmentMembership": {"ups": {"gold": {"status": status} | fields}}}


STORED_DATA: list[Row] = [
    ("i = 5", [{"i": 5}, {"i": 5.0}], [{"i": "5"}, {"i": 5.5}, {"i": True}, {"i": None}, {"i": [5]}, NOBODY]),
    ("i.isNull()", [{"i": 2**63}, {"i": -(2**63) - 1}, {"i": "5"}], [{"i": 2**63 - 1}, {"i": -(2**63)}]),
    ("x = 5", [{"x": 5}, {"x": 5.0}], [{"x": "5"}, {"x": True}]),
    ("s.isNull()", [{"s": 5}, {"s": True}, {"s": ["a"]}, {"s": {}}], [{"s": ""}, {"s": "5"}]),
    ("b.isNull()", [{"b": "true"}, {"b": 1}, {"b": 0}], [{"b": False}]),
    ("t.isNull()", [{"t": 1_710_000_000_000}, {"t": "10 March"}, {"t": ""}], [{"t": "2024-03-10"}]),
    (
        "ss.isNull()",
        [{"ss": "a"}, {"ss": {"a": "b"}}, {"ss": None}],
        [{"ss": []}, {"ss": [None]}, {"ss": [5]}],
    ),
    ("ii.count() = 2", [{"ii": [1, None, 2]}, {"ii": [1, "3", 2.0, 2.5]}], [{"ii": [1, 2, 3]}]),
    (
        "mi.count() = 1",
        [{"mi": {"a": 1, "b": None}}, {"mi": {"a": 1, "b": "2"}}],
        [{"mi": {}}, {"mi": ["a"]}],
    ),
    (
        "mi.b.isNull() and mi.isNotNull()",
        [{"mi": {"a": 1, "b": None}}, {"mi": {}}],
        [{"mi": {"b": 0}}, {"mi": 5}],
    ),
    (
        "o.isNotNull() and o.s.isNull()",
        [{"o": {}}, {"o": {"s": None}}, {"o": {"s": 5}}],
        [{"o": None}, {"o": "s"}],
    ),
    (
        "s.isNotNull() and ss.isNotNull() and mi.isNotNull()",
        [{"s": "", "ss": [], "mi": {}}],
        [{"s": "", "ss": []}],
    ),
    ("xEvent.isNotNull()", [NOBODY, {"xEvent": None}, {"xEvent": "none"}, events("a")], []),
    ("xEvent.count() = 1", [events("a"), {"xEvent": [None, {}, "b"]}], [NOBODY, {"xEvent": {}}]),
    (
        'xEvent.head().k = "first"',
        [
            {
                "xEvent": [
                    {"k": "b", "timestamp": "2024-01-02"},
                    {"k": "first", "timestamp": "2024-01-01T23:59Z"},
                ]
            },
            {"xEvent": [{"k": "first", "timestamp": "2024-01-01"}, {"k": "b", "timestamp": "2024-01-01"}]},
            {
                "xEvent": [
                    {"k": "none"},
                    {"k": "bad", "timestamp": "never"},
                    {"k": "first", "timestamp": "9999-12-31"},
                ]
            },
            {"xEvent": [{"k": "first"}, {"k": "second"}]},
        ],
        [
            {"xEvent": [{"k": "b", "timestamp": "2024-01-01"}, {"k": "first", "timestamp": "2024-01-01"}]},
            NOBODY,
        ],
    ),
    (
        "ii.sum() = 9223372036854775807",
        [{"ii": [2**63 - 2, 1]}, {"ii": [2**62, 2**62 - 1]}],
        [{"ii": [2**63 - 1, 1]}],
    ),
    ("ii.sum() = 4611686018427387904", [{"ii": [2**62, 2**62, -(2**62)]}], []),
    ("ii.sum().isNull()", [{"ii": [2**63 - 1, 1]}, {"ii": [-(2**63), -1]}], [{"ii": [-(2**63)]}, NOBODY]),
    ("xx.sum().isNull()", [{"xx": [1e308, 1e308]}], [{"xx": [1e308]}, {"xx": []}]),
    ("(xx.sum() > 1).isNotNull()", [{"xx": [1e308, 1e308]}, NOBODY], []),
    ('xx.groupBy(this).keys() = ["2", "2.5", "-0.25"]', [{"xx": [2.0, 2.5, -0.25, 2]}], [{"xx": [2.5]}]),
    ('bb.groupBy(this).keys() = ["true", "false"]', [{"bb": [False, True]}], [{"bb": [False]}]),
    ('dd.groupBy(this).keys().head() = "2024-02-29"', [{"dd": ["2024-02-29"]}], [{"dd": ["2024-03-01"]}]),
    (
        'tt.groupBy(this).keys().head() = "2024-03-10T05:45:30.250Z"',
        [{"tt": ["2024-03-10T06:45:30.25+01:00"]}],
        [{"tt": ["2024-03-10T06:45:30.25Z"]}],
    ),
    ('tt.groupBy(this).keys().head() = "0999-01-01T00:00:00.000Z"', [{"tt": ["0999-01-01"]}], []),
]

MISSING_VALUES: list[Row] = [
    ("i = 1", [{"i": 1}], [{"i": 2}, NOBODY]),
    ("i != 1", [{"i": 2}], [{"i": 1}, NOBODY]),
    ("not (i = 1)", [{"i": 2}, NOBODY], [{"i": 1}]),
    ("not (i != 1)", [{"i": 1}, NOBODY], [{"i": 2}]),
    ("i = j or i != j or i < j or i >= j", [{"i": 1, "j": 1}], [{"i": 1}, {"j": 1}, NOBODY]),
    ("o = p or o != p", [{"o": {}, "p": {}}], [{"o": {}}, NOBODY]),
    ("ss = ss2 or ss != ss2", [{"ss": [], "ss2": []}], [{"ss": ["a"]}, NOBODY]),
    ('s in ["a"]', [{"s": "a"}], [{"s": "b"}, NOBODY]),
    ('s notIn ["a"]', [{"s": "b"}], [{"s": "a"}, NOBODY]),
    ('s not in ["a"]', [{"s": "b"}], [{"s": "a"}, NOBODY]),
    ("s in ss or s notIn ss", [{"s": "a", "ss": []}, {"s": "a", "ss": ["a"]}], [{"s": "a"}, {"ss": ["a"]}]),
    ("s in []", [], [{"s": "a"}, NOBODY]),
    ("s notIn []", [{"s": "a"}], [NOBODY]),
    (
        "s.doesNotContain(s2)",
        [{"s": "a", "s2": "b"}],
        [{"s": "a"}, {"s2": "b"}, NOBODY, {"s": "ab", "s2": "b"}],
    ),
    ("s.doesNotStartWith(s2)", [{"s": "a", "s2": "b"}], [{"s": "a"}, {"s2": "b"}, {"s": "b", "s2": "b"}]),
    ("s.doesNotEndWith(s2)", [{"s": "a", "s2": "b"}], [{"s": "a"}, {"s2": "b"}, {"s": "b", "s2": "b"}]),
    ("s.notEqualTo(s2)", [{"s": "a", "s2": "b"}], [{"s": "a"}, {"s2": "b"}, {"s": "b", "s2": "b"}]),
    (
        's.notEqualTo("b", s2)',
        [{"s": "a", "s2": "c"}],
        [{"s": "a"}, {"s": "c", "s2": "c"}, {"s": "b", "s2": "c"}],
    ),
    (
        's.equals("b", s2)',
        [{"s": "b", "s2": "a"}, {"s": "c", "s2": "c"}],
        [{"s": "b"}, {"s": "a", "s2": "c"}, {"s2": "b"}],
    ),
    ("s like s2", [{"s": "ab", "s2": "a_"}], [{"s": "ab"}, {"s2": "%"}]),
    ('s.matches("")', [{"s": ""}, {"s": "a"}], [NOBODY]),
    ("t occurs before now or t occurs from now", [{"t": "2024-03-10"}], [NOBODY]),
    ("(i + 1).isNull()", [NOBODY], [{"i": 0}]),
    ("(i - j).isNull() and (i * j).isNull() and (i / j).isNull()", [{"i": 1}, {"j": 1}], [{"i": 1, "j": 1}]),
    ("(-i).isNull()", [NOBODY], [{"i": 0}]),
    ("(i / j).isNull()", [{"i": 1, "j": 0}, {"i": 0, "j": 0}, NOBODY], [{"i": 0, "j": 1}]),
    ("(i % j).isNull()", [{"i": 1, "j": 0}, {"j": 1}], [{"i": 1, "j": 1}]),
    (
        "(x % y).isNull() and (x / y).isNull()",
        [{"x": 1.5, "y": 0.0}, {"x": 1.5, "y": -0.0}],
        [{"x": 1.5, "y": 0.5}],
    ),
    ("not b", [{"b": False}, NOBODY], [{"b": True}]),
    ("b or not b", [{"b": True}, {"b": False}, NOBODY], []),
    ('if(b, "a", "b") = "b"', [{"b": False}, NOBODY], [{"b": True}]),
    ('if(i > 1, "a", "b") = "b"', [{"i": 1}, NOBODY], [{"i": 2}]),
    ("if(b, i, j).isNull()", [{"b": True, "j": 1}, {"i": 1}], [{"b": True, "i": 1}, {"j": 1}]),
    ("s.isNull() and not s.isNotNull()", [NOBODY, {"s": None}], [{"s": ""}]),
    ("o.o.k.isNull()", [NOBODY, {"o": {}}, {"o": {"o": {}}}], [{"o": {"o": {"k": ""}}}]),
    ("items.n.isNull()", [NOBODY, {"items": []}, {"items": [{}]}, items(None)], [items(None, 1)]),
    (
        "items.ss.isNull()",
        [{"items": [{"ss": []}]}, {"items": [{"ss": [None]}]}],
        [{"items": [{"ss": ["a"]}]}],
    ),
    (
        "ss.count() = 0 and ss.distinct().count() = 0 and ss.head().isNull()",
        [NOBODY, {"ss": []}],
        [{"ss": ["a"]}],
    ),
    (
        "ss.intersects(ss2)",
        [{"ss": ["a"], "ss2": ["a"]}],
        [{"ss": ["a"]}, {"ss2": ["a"]}, {"ss": [], "ss2": []}],
    ),
    (
        "ss.subsetOf(ss2)",
        [{"ss": [], "ss2": []}, {"ss": [], "ss2": ["a"]}],
        [{"ss2": []}, {"ss": []}, NOBODY],
    ),
    (
        "ss.supersetOf(ss2)",
        [{"ss": [], "ss2": []}, {"ss": ["a"], "ss2": []}],
        [{"ss2": []}, {"ss": []}, NOBODY],
    ),
    ("ss.includes(s)", [{"ss": ["a"], "s": "a"}], [{"ss": ["a"]}, {"s": "a"}, {"ss": [], "s": "a"}]),
    ("ss[true].isNull()", [], [NOBODY, {"ss": []}]),
    ("ss.filter(true).isNull() or ss.map(this).isNull() or ss.distinct().isNull()", [], [NOBODY, {"ss": []}]),
    ("ss.intersection(ss2).isNull() or ss.groupBy(this).isNull()", [], [NOBODY, {"ss": []}]),
    ("(select S from ss).isNull() or items.topN(n, 1).isNull()", [], [NOBODY]),
    ("mi.keys().isNull() or mi.values().isNull() or mi.map(this).isNull()", [], [NOBODY, {"mi": {}}]),
    (
        "mi.get(s).isNull()",
        [NOBODY, {"mi": {"a": 1}}, {"s": "a"}, {"mi": {"a": 1}, "s": "b"}],
        [{"mi": {"a": 1}, "s": "a"}],
    ),
    ("ii.sum() = 0", [NOBODY, {"ii": []}, {"ii": [1, -1]}], [{"ii": [1]}]),
    (
        "ii.average().isNull() and ii.min().isNull() and ii.max().isNull()",
        [NOBODY, {"ii": []}],
        [{"ii": [0]}],
    ),
    ("exists I from ii where true", [{"ii": [0]}], [NOBODY, {"ii": []}]),
    ("forall I from ii where false", [NOBODY, {"ii": []}], [{"ii": [0]}]),
    ("none I from ii where true", [NOBODY, {"ii": []}], [{"ii": [0]}]),
    ("one I from ii where true", [{"ii": [0]}], [NOBODY, {"ii": []}, {"ii": [0, 0]}]),
]

MISSING_OR_EMPTY: list[Row] = [
    ("if(b, ss, ss[true]).isNull()", [{"b": True}], [NOBODY, {"b": True, "ss": []}]),
    ("if(b, ss, []).isNull()", [{"b": True}], [NOBODY, {"b": True, "ss": []}]),
    (
        "if(b, items.ss, items.map(ss)).isNull()",
        [{"b": True, "items": [{}]}, {"b": True}],
        [{"items": [{}]}, NOBODY],
    ),
    (
        'if(b, items.ss, ss) != ["a"]',
        [{"ss": []}, {"b": True, "items": [{"ss": ["b"]}]}],
        [{"b": True, "items": []}, NOBODY],
    ),
    ("if(b, items, items[false]).isNull()", [{"b": True}], [NOBODY, {"b": True, "items": []}]),
    ("if(b, mi, mi.map((k, v) => mapEntry(k, v))).isNull()", [{"b": True}], [NOBODY]),
    ('{"a": ss}.a.isNull()', [NOBODY], [{"ss": []}]),
    ('{"a": ss.distinct()}.a.isNull() or {"a": mi.keys()}.a.isNull()', [], [NOBODY, {"ss": [], "mi": {}}]),
    ('{"a": items.k}.a.isNull()', [NOBODY, {"items": [{}]}], [{"items": [{"k": "a"}]}]),
    (
        'items.map({"a": subs.k})[a.isNull()]',
        [{"items": [{"subs": [{}]}]}],
        [{"items": [{"subs": [{"k": "a"}]}]}],
    ),
    ("[ss, ss2.distinct()].count() = 1", [NOBODY, {"ss2": ["a"]}], [{"ss": []}]),
    ("[items.k, ss].count() = 1", [{"ss": []}, {"items": [{"k": "a"}]}], [NOBODY, {"items": [{}]}]),
    ("mi.map((k, v) => mapEntry(k, ^.ss)).count() = 1", [{"mi": {"a": 1}, "ss": []}], [{"mi": {"a": 1}}]),
    ("mi.map((k, v) => mapEntry(k, ^.ss.distinct())).count() = 1", [{"mi": {"a": 1}}], [NOBODY]),
    (
        "mi.map((k, v) => mapEntry(k, ^.items.k)).count() = 0",
        [{"mi": {"a": 1}}],
        [{"mi": {"a": 1}, "items": [{"k": "a"}]}],
    ),
    ("let V = ss in V.isNull() or V.distinct().isNull()", [NOBODY], [{"ss": []}]),
]

CONDITIONS: list[Row] = [
    ("b", [{"b": True}], [{"b": False}, NOBODY]),
    ("bb", [{"bb": [False, True]}], [{"bb": [False]}, {"bb": []}, NOBODY]),
    ("items.b", [{"items": [{"b": False}, {"b": True}]}], [{"items": [{"b": False}]}, {"items": [{}]}]),
    ("bb[not this]", [], [{"bb": [False]}, {"bb": [True]}]),
    ("ii", [{"ii": [0]}], [{"ii": []}, NOBODY]),
    ("items", [{"items": [{}]}], [{"items": []}, NOBODY]),
    (
        "select I from items, S from I.subs",
        [{"items": [{"subs": [{}]}]}],
        [{"items": [{"subs": []}]}, NOBODY],
    ),
    ("o", [{"o": {}}], [NOBODY, {"o": None}]),
    ("mi", [{"mi": {}}], [NOBODY]),
    ("s", [{"s": ""}, {"s": "a"}], [NOBODY]),
    ("i and not j", [{"i": 0}], [NOBODY, {"i": 0, "j": 0}]),
    ("d or t", [{"d": "2024-03-10"}, {"t": "2024-03-10"}], [NOBODY]),
    ("store", [{"store": "S1"}, {"store": "nowhere"}, {"store": ""}], [NOBODY]),
    ("o.o.n", [{"o": {"o": {"n": 0}}}], [{"o": {"o": {}}}]),
    ('mi.get("a")', [{"mi": {"a": 0}}], [{"mi": {"b": 0}}]),
    ("ii.head()", [{"ii": [0]}], [{"ii": []}]),
    ("if(b, i, j)", [{"b": True, "i": 0}, {"j": 0}], [{"b": True, "j": 0}]),
    ("let V = s in V", [{"s": ""}], [NOBODY]),
    ("ii[this]", [{"ii": [0]}], [{"ii": []}]),
    ("bb.exists(this)", [{"bb": [True]}], [{"bb": [False]}]),
    ("items[^.s]", [items(1, s="")], [items(1)]),
    ("this", [NOBODY], []),
    ("P => P", [NOBODY], []),
    ("(P) => P.s", [{"s": ""}], [NOBODY]),
    ("$1", [NOBODY], []),
    ("s and s2 and i", [{"s": "", "s2": "", "i": 0}], [{"s": "", "s2": ""}]),
]

SCOPES: list[Row] = [
    ("items[n > 1]", [items(2)], [items(1, i=2)]),
    ("items[n > ^.i]", [items(2, i=1)], [items(2, i=2)]),
    ("items[n > ^i]", [items(2, i=1)], [items(2, i=2)]),
    ("items[n > $1.i]", [items(2, i=1)], [items(2, i=2)]),
    (
        "items[subs[n > ^.n and n < ^^.i]]",
        [{"items": [{"n": 1, "subs": [{"n": 2}]}], "i": 3}],
        [{"items": [{"n": 1, "subs": [{"n": 3}]}], "i": 3}],
    ),
    (
        "items[subs[n = ^^i]]",
        [{"items": [{"subs": [{"n": 3}]}], "i": 3}],
        [{"items": [{"subs": [{"n": 3}]}]}],
    ),
    ("items.filter(I => I.n > 1 and n < 5)", [items(2)], [items(5), items(1)]),
    ("items.filter((I) => I.n > ^.i)", [items(2, i=1)], [items(2, i=2)]),
    ("items[exists E from xEvent where E.n = n]", [{"items": [{"n": 1}], "xEvent": [{"n": 1}]}], [items(1)]),
    ("items[xEvent.n = n]", [{"items": [{"n": 1}], "xEvent": [{"n": 1}]}], [items(1)]),
    ("exists I from items where I.n = i", [items(1, i=1)], [items(1, i=2)]),
    ("exists s from ss where s = s", [{"ss": ["a"], "s": "b"}], [NOBODY]),
    ('exists s from ss where s = "a"', [{"ss": ["a"], "s": "b"}], [{"ss": ["b"], "s": "a"}]),
    (
        "exists I from items where (exists I from I.subs where I.n = 1)",
        [{"items": [{"n": 2, "subs": [{"n": 1}]}]}],
        [items(1)],
    ),
    (
        '(exists V from ii where V = 1) and (exists V from ss where V = "a")',
        [{"ii": [1], "ss": ["a"]}],
        [{"ii": [1]}],
    ),
    ("ii[this > 5]", [{"ii": [6]}], [{"ii": [5]}]),
    ("this.s = $1.s", [{"s": "a"}], [NOBODY]),
    ("items[this.n = 1 and this.isNotNull()]", [items(1)], [items(2)]),
    ("P => items[P.i = n and ^.i = n]", [items(1, i=1)], [items(1, i=2)]),
    ("(P) => P.i = 1 and i = 1", [{"i": 1}], [NOBODY]),
    ('`next` = "a" and $1.`next` = "a"', [{"next": "a"}], [NOBODY]),
    ("exists `in` from ii where `in` = 1", [{"ii": [1]}], [{"ii": [2]}]),
    (
        "select A from ii where A > 1, B from ii where B > A",
        [{"ii": [2, 3]}, {"ii": [3, 2]}],
        [{"ii": [1, 3]}, {"ii": [2]}],
    ),
    ("items.map(n + ^.i).max() = 3", [items(1, 2, i=1)], [items(1, 2)]),
    (
        "items[n = 1].map(subs[n = ^.n].count()).sum() = 1",
        [{"items": [{"n": 1, "subs": [{"n": 1}, {"n": 2}]}]}],
        [items(1)],
    ),
    (
        "xEvent[items[n = ^.n]]",
        [{"xEvent": [{"n": 1, "items": [{"n": 1}]}]}],
        [{"xEvent": [{"n": 2, "items": [{"n": 1}]}]}],
    ),
    (
        'xEvent[items[xEvent.k = "b"]]',
        [{"xEvent": [{"items": [{}]}, {"k": "b"}]}],
        [{"xEvent": [{"k": "b"}]}],
    ),
    ("let i = 5 in i = 5", [NOBODY, {"i": 1}], []),
    ("exists some from ii where some = 1", [{"ii": [1]}], [{"ii": [2]}]),
]

PATHS: list[Row] = [
    ("mi.a = 1", [{"mi": {"a": 1}}], [{"mi": {"b": 1}}, {"mi": {"A": 1}}]),
    ("mi.`a-b` = 1", [{"mi": {"a-b": 1}}], [{"mi": {"a": 1}}]),
    ("items.n = 1", [items(2, 1)], [items(2), NOBODY]),
    ('items.ss = "a"', [{"items": [{"ss": ["b"]}, {"ss": ["a"]}]}], [{"items": [{"ss": []}, {}]}]),
    (
        "items.subs.n.count() = 3",
        [{"items": [{"subs": [{"n": 1}]}, {"subs": [{"n": 1}, {}, {"n": 2}]}]}],
        [NOBODY],
    ),
    ("items.n.head() = 2", [items(None, 2, 1)], [items(1, 2)]),
    (
        'items.subs.k.head() = "b"',
        [{"items": [{"subs": []}, {"subs": [{}, {"k": "b"}]}, {"subs": [{"k": "a"}]}]}],
        [NOBODY],
    ),
    ('xEvent[k = "a" and n = 1]', [{"xEvent": [{"k": "a", "n": 1}]}], [{"xEvent": [{"k": "a"}, {"n": 1}]}]),
    ('xEvent.k = "a" and xEvent.n = 1', [{"xEvent": [{"k": "a"}, {"n": 1}]}], [{"xEvent": [{"k": "a"}]}]),
    ("maps.a = 2", [{"maps": [{"a": 1}, {"a": 2}]}], [{"maps": [{"b": 2}]}]),
    ("ml.a = 2 and ml.a.count() = 2", [{"ml": {"a": [1, 2]}}], [{"ml": {"a": [2]}}]),
    ("mo.a.n = 2", [{"mo": {"a": {"n": 2}}}], [{"mo": {"b": {"n": 2}}}]),
    (
        "items.head().subs.head().n = 1",
        [{"items": [{"subs": [{"n": 1}]}]}],
        [{"items": [{}, {"subs": [{"n": 1}]}]}],
    ),
    ('mo.get("a").k = "x"', [{"mo": {"a": {"k": "x"}}}], [{"mo": {"a": {}}}]),
]

COMPARISON: list[Row] = [
    ("s = i", [{"s": "42", "i": 42}, {"s": "-1", "i": -1}], [{"s": "042", "i": 42}, {"s": "42.0", "i": 42}]),
    ("s = 42", [{"s": "42"}], [{"s": "042"}, {"s": " 42"}]),
    ("s = 2.0", [{"s": "2"}], [{"s": "2.0"}]),
    ("s = x", [{"s": "2", "x": 2.0}, {"s": "2.5", "x": 2.5}], [{"s": "2.0", "x": 2.0}]),
    (
        "s = b",
        [{"s": "true", "b": True}, {"s": "false", "b": False}],
        [{"s": "True", "b": True}, {"s": "1", "b": True}],
    ),
    ("s < 5", [{"s": "42"}, {"s": ""}], [{"s": "5"}, {"s": "a"}]),
    (
        "i = s",
        [
            {"i": 42, "s": "42"},
            {"i": 42, "s": "042"},
            {"i": 42, "s": "42.0"},
            {"i": 42, "s": "4.2E+1"},
            {"i": 42, "s": "4.2e1"},
        ],
        [
            {"i": 42, "s": " 42"},
            {"i": 42, "s": "+42"},
            {"i": 42, "s": "42."},
            {"i": 0, "s": ".0"},
            {"i": 0, "s": ""},
            {"i": 42, "s": "٤٢"},
        ],
    ),
    (
        "x = s",
        [{"x": -0.5, "s": "-0.5"}, {"x": 1500, "s": "1.5e3"}, {"x": 0.0015, "s": "1.5e-3"}],
        [{"x": 0.5, "s": ".5"}, {"x": 1, "s": "1e999"}],
    ),
    ("i != s", [{"i": 1, "s": "2"}], [{"i": 1, "s": "one"}, {"i": 1, "s": "1"}, {"i": 1}]),
    ("not (i = s)", [{"i": 1, "s": "one"}, NOBODY], [{"i": 1, "s": "1.0"}]),
    ('i > "1.5"', [{"i": 2}], [{"i": 1}]),
    ("b = s", [{"b": True, "s": "true"}], [{"b": True, "s": "TRUE"}, {"b": False, "s": ""}]),
    ("b != s", [{"b": True, "s": "false"}], [{"b": True, "s": "no"}, {"b": True, "s": "true"}]),
    ("b = true", [{"b": True}], [{"b": False}, NOBODY]),
    ("b != true", [{"b": False}], [{"b": True}, NOBODY]),
    ('store = "S1"', [{"store": "S1"}], [{"store": "S2"}]),
    ("s = store", [{"s": "S1", "store": "S1"}], [{"s": "S2", "store": "S1"}]),
    ("i = x", [{"i": 2, "x": 2.0}], [{"i": 2, "x": 2.5}]),
    ("i < x and x < j", [{"i": 1, "x": 1.5, "j": 2}], [{"i": 1, "x": 1.0, "j": 2}]),
    ("x = 0", [{"x": 0.0}, {"x": -0.0}], [{"x": 5e-324}]),
    ('s = "é"', [{"s": "é"}], [{"s": "e\u0301"}, {"s": "É"}, {"s": "é "}]),
    ('s < "b"', [{"s": "a"}, {"s": "B"}, {"s": "aé"}, {"s": ""}], [{"s": "b"}, {"s": "é"}, {"s": "ba"}]),
    ('s > "\uffff"', [{"s": "😀"}], [{"s": "\uffee"}]),
    ('s > "z"', [{"s": "é"}, {"s": "日"}, {"s": "za"}], [{"s": "Z"}]),
    ('s = "A" or s = "b"', [{"s": "A"}], [{"s": "a"}, {"s": "B"}]),
    (
        "o = p",
        [
            {"o": {"s": "a", "i": 1}, "p": {"i": 1, "s": "a"}},
            {"o": {"s": None}, "p": {}},
            {"o": {"i": 2}, "p": {"i": 2.0}},
            {"o": {"ii": [1, 2], "o": {"k": "a"}}, "p": {"ii": [1, 2], "o": {"k": "a", "n": None}}},
        ],
        [
            {"o": {"ii": [1, 2]}, "p": {"ii": [2, 1]}},
            {"o": {"o": {}}, "p": {}},
            {"o": {"s": "a"}, "p": {}},
            {"o": {"ii": []}, "p": {}},
        ],
    ),
    ("o != p", [{"o": {"s": "a"}, "p": {}}], [{"o": {}, "p": {}}, {"o": {}}]),
    ('o.o = {"k": "a"}', [{"o": {"o": {"k": "a"}}}], [{"o": {"o": {"k": "a", "n": 1}}}, {"o": {}}]),
    (
        'o.o = {"n": 1.0, "k": s}',
        [{"o": {"o": {"k": "a", "n": 1}}, "s": "a"}, {"o": {"o": {"n": 1}}}],
        [{"o": {"o": {"k": "a"}}}],
    ),
    (
        "d = t",
        [{"d": "2024-03-10", "t": "2024-03-10T00:00:00Z"}],
        [{"d": "2024-03-10", "t": "2024-03-10T12:00:00Z"}],
    ),
    ('ss = "a"', [{"ss": ["b", "a"]}], [{"ss": ["b"]}, {"ss": []}]),
    ('ss != "a"', [{"ss": ["a", "b"]}, {"ss": ["b"]}], [{"ss": ["a"]}, {"ss": []}, NOBODY]),
    ('not (ss = "a")', [{"ss": ["b"]}, NOBODY], [{"ss": ["a", "b"]}]),
    ('"a" = ss', [{"ss": ["b", "a"]}], [{"ss": ["b"]}]),
    ("5 > ii", [{"ii": [9, 4]}], [{"ii": [5]}]),
    ("ii > 5", [{"ii": [1, 6]}], [{"ii": [5]}]),
    ("ss = 42", [{"ss": ["42"]}], [{"ss": ["042"]}]),
    ('ii = "42"', [{"ii": [42]}], [{"ii": [4]}]),
    ("ii = s", [{"ii": [1, 42], "s": "42"}], [{"ii": [42], "s": "x"}]),
    ("s = ii", [{"ii": [1, 42], "s": "42"}], [{"ii": [42], "s": "042"}]),
    ('ss = ["a", "b"]', [{"ss": ["b", "a"]}], [{"ss": ["a"]}, {"ss": ["a", "b", "b"]}, {"ss": ["a", "a"]}]),
    ("ss = []", [{"ss": []}, {"ss": [None]}], [{"ss": ["a"]}, NOBODY]),
    ("ss != []", [{"ss": ["a"]}], [{"ss": []}, NOBODY]),
    (
        "ss = ss2",
        [{"ss": ["a", "b", "a"], "ss2": ["b", "a", "a"]}],
        [{"ss": ["a", "b", "a"], "ss2": ["b", "b", "a"]}],
    ),
    ("ss != ss2", [{"ss": ["a"], "ss2": ["a", "a"]}], [{"ss": ["a"], "ss2": ["a"]}, {"ss": ["a"]}]),
    ("ii = xx", [{"ii": [1, 2], "xx": [2.0, 1.0]}], [{"ii": [1, 2], "xx": [2.5, 1.0]}]),
    ("ii = ss", [{"ii": [1, 2], "ss": ["2.0", "1"]}], [{"ii": [1], "ss": ["one"]}]),
    ("ii != ss", [{"ii": [1, 2], "ss": ["1"]}], [{"ii": [1, 2], "ss": ["one"]}]),
    ("ss = ii", [{"ii": [1, 2], "ss": ["2", "1"]}], [{"ii": [1], "ss": ["1.0"]}]),
    (
        "dd = tt",
        [{"dd": ["2024-03-10"], "tt": ["2024-03-10T00:00Z"]}],
        [{"dd": ["2024-03-10"], "tt": ["2024-03-10T01:00Z"]}],
    ),
    ("items = items[n > 1]", [items(2, 3), {"items": []}], [items(1, 2), NOBODY]),
    ("items[n = 1] = items[n < 2]", [items(1, 2), {"items": []}, NOBODY], [items(0, 1)]),
    ("ml.values() = ml.values()", [{"ml": {"a": [1]}}, {"ml": {}}, NOBODY], []),
    (
        "items.map(subs)[n = 1] != []",
        [{"items": [{"subs": [{"n": 1}]}]}],
        [{"items": [{"subs": []}]}, NOBODY],
    ),
    (
        'items.map({"k": k, "n": n}).intersects([{"k": "a"}, {"n": i, "k": "b"}])',
        [{"items": [{"k": "a"}]}, {"i": 1, "items": [{"k": "b", "n": 1}]}, {"items": [{"k": "b"}]}],
        [{"items": [{"k": "a", "n": 1}]}, {"i": 1, "items": [{"k": "b"}]}, NOBODY],
    ),
    (
        'items.subs = [{"k": "a", "n": 1}]',
        [{"items": [{"subs": [{"n": 1, "k": "a"}]}]}],
        [{"items": [{"subs": [{"n": 1}]}]}],
    ),
    (
        'items.map({"n": x, "k": k}) = items.subs',
        [
            {
                "items": [
                    {"x": 1.0, "k": "a", "subs": [{"n": 2, "k": "b"}]},
                    {"x": 2.0, "k": "b", "subs": [{"n": 1, "k": "a"}]},
                ]
            }
        ],
        [{"items": [{"x": 1.0, "k": "a", "subs": [{"n": 1, "k": "b"}]}]}],
    ),
    (
        "ml.values() = [[1, 2.0]]",
        [{"ml": {"a": [1, 2]}}],
        [{"ml": {"a": [1]}}, {"ml": {"a": [1, 2], "b": []}}],
    ),
    ("xx = [1]", [{"xx": [1.0]}, {"xx": [1]}], [{"xx": [1.5]}]),
]

LISTS_AND_LITERALS: list[Row] = [
    ("i in [1, 2.5, j]", [{"i": 1}, {"i": 3, "j": 3}], [{"i": 3}, {"i": 2}]),
    ("x in [1, 2.5]", [{"x": 2.5}, {"x": 1}], [{"x": 2.0}]),
    ("i notIn [1, j]", [{"i": 2}, {"i": 2, "j": 3}], [{"i": 2, "j": 2}, {"i": 1}]),
    ('i in ["1", s]', [{"i": 1}, {"i": 2, "s": "2.0"}], [{"i": 2, "s": "x"}]),
    ("s in [1, 2]", [{"s": "1"}], [{"s": "1.0"}, {"s": "01"}]),
    ("s in ii", [{"s": "1", "ii": [1]}], [{"s": "1", "ii": [2]}]),
    ('ss in ["a", "b"]', [{"ss": ["c", "a"]}], [{"ss": ["c"]}, {"ss": []}]),
    ('ss notIn ["a", "b"]', [{"ss": ["c", "a"]}, {"ss": ["c"]}], [{"ss": ["a"]}, {"ss": []}]),
    ("ss in ss2", [{"ss": ["a", "b"], "ss2": ["b"]}], [{"ss": ["a"], "ss2": []}]),
    ("b in [true]", [{"b": True}], [{"b": False}, NOBODY]),
    ("o in [p]", [{"o": {"s": "a"}, "p": {"s": "a"}}], [{"o": {}, "p": {"s": "a"}}]),
    ('store in ["S1", s]', [{"store": "S1"}, {"store": "S2", "s": "S2"}], [{"store": "S2"}]),
    ("[i, j].count() = 1", [{"i": 1}, {"j": 1}], [NOBODY, {"i": 1, "j": 1}]),
    ("[i, j].sum() = 3", [{"i": 1, "j": 2}, {"i": 3}], [{"i": 1}]),
    ('[s, "b"].distinct().count() = 1', [NOBODY, {"s": "b"}], [{"s": "a"}]),
    ("[d, t] = [t, d]", [{"d": "2024-03-10", "t": "2024-03-11"}, NOBODY], []),
    ("[].count() = 0", [NOBODY], []),
    ("if(b, 1, 2.5) * 2 = 5", [NOBODY], [{"b": True}]),
    (
        "if(b, d, t) = date(2024, 3, 10)",
        [{"b": True, "d": "2024-03-10"}, {"t": "2024-03-10"}],
        [{"d": "2024-03-10"}],
    ),
    ('if(b, ss, ["x"]).count() = 2', [{"b": True, "ss": ["a", "b"]}], [{"ss": ["a", "b"]}]),
    ('if(b, store, s) = "S1"', [{"b": True, "store": "S1"}, {"s": "S1"}], [{"store": "S1"}]),
    ("if(b, i > 1, j > 1)", [{"b": True, "i": 2}, {"j": 2}], [{"b": True, "j": 2}]),
    ('if(b, o, p).s = "a"', [{"b": True, "o": {"s": "a"}}, {"p": {"s": "a"}}], [{"o": {"s": "a"}}]),
    ('{"n": i}.n = 1', [{"i": 1}], [NOBODY]),
    ('{"n": i}.isNotNull()', [NOBODY], []),
    ('i = 1 or s = "a" and b', [{"i": 1}, {"s": "a", "b": True}], [{"s": "a"}]),
    ("not i = 1", [{"i": 2}, NOBODY], [{"i": 1}]),
    ("!s.isNull() and b", [{"s": "", "b": True}], [NOBODY, {"b": True}]),
    ("not not b", [{"b": True}], [NOBODY]),
]

TEXT: list[Row] = [
    ('s.startsWith("")', [{"s": ""}, {"s": "a"}], [NOBODY]),
    ('s.endsWith("") and s.contains("")', [{"s": ""}], [NOBODY]),
    ('s.startsWith("ÉA", false)', [{"s": "éab"}, {"s": "Éa"}], [{"s": "eab"}]),
    ('s.equals("STRASSE", false)', [{"s": "strasse"}], [{"s": "straße"}]),
    ('s.equals("straße", false)', [{"s": "STRAßE"}, {"s": "STRAẞE"}], [{"s": "STRASSE"}]),
    ('s.equals("A", true)', [{"s": "A"}], [{"s": "a"}]),
    ('s.equals("a", "b", false)', [{"s": "B"}, {"s": "a"}], [{"s": "c"}]),
    ('s.equals("a", "b")', [{"s": "b"}], [{"s": "B"}]),
    ('s.notEqualTo("a", "b", false)', [{"s": "c"}], [{"s": "B"}, NOBODY]),
    ("s.contains(s2, false)", [{"s": "xAbx", "s2": "aB"}], [{"s": "xAbx", "s2": "ac"}]),
    ('s.contains("%")', [{"s": "a%"}], [{"s": "ab"}]),
    ('s.startsWith("_")', [{"s": "_a"}], [{"s": "ab"}]),
    ('ss.startsWith("a")', [{"ss": ["b", "ab"]}], [{"ss": ["b"]}, {"ss": []}, NOBODY]),
    ('ss.doesNotContain("a")', [{"ss": ["a", "b"]}], [{"ss": ["a"]}, {"ss": []}]),
    ('ss.notEqualTo("a")', [{"ss": ["a", "b"]}], [{"ss": ["a"]}]),
    ('store.startsWith("S")', [{"store": "S9"}], [{"store": "T"}]),
    ('s like "a%"', [{"s": "a"}, {"s": "ab\nc"}], [{"s": "ba"}, {"s": "A"}]),
    (
        's like "_"',
        [{"s": "a"}, {"s": "😀"}, {"s": "日"}, {"s": "\n"}],
        [{"s": ""}, {"s": "ab"}, {"s": "e\u0301"}],
    ),
    ('s like ""', [{"s": ""}], [{"s": "a"}]),
    ('s like "%"', [{"s": ""}, {"s": "a\nb"}], [NOBODY]),
    ('s like "a\\\\_b"', [{"s": "a\\xb"}], [{"s": "a_b"}, {"s": "a\\b"}]),
    ('s like "a.c"', [{"s": "a.c"}], [{"s": "abc"}]),
    ('s like "[a]*"', [{"s": "[a]*"}], [{"s": "a"}]),
    ('ss like "a_"', [{"ss": ["b", "ab"]}], [{"ss": ["a", "b"]}]),
    ('s.matches("b")', [{"s": "abc"}], [{"s": "ac"}]),
    ('s.matches("^b$")', [{"s": "b"}], [{"s": "ab"}, {"s": "b\nc"}]),
    ('s matches "(?i)^AB"', [{"s": "abc"}], [{"s": "cab"}]),
    ('s.matches("^.$")', [{"s": "a"}, {"s": "日"}], [{"s": "\n"}, {"s": "ab"}]),
    ('s.matches("(?s)^a.b$")', [{"s": "a\nb"}], [{"s": "ab"}]),
    ('s.matches("(?m)^b$")', [{"s": "a\nb\nc"}], [{"s": "ab"}]),
    ('s.matches("^\\\\d+$")', [{"s": "12"}], [{"s": "٣"}, {"s": ""}]),
    ('s.matches("^\\\\w+$")', [{"s": "a_1"}], [{"s": "é"}]),
    ('s.matches("\\\\bcat\\\\b")', [{"s": "a cat."}], [{"s": "cats"}]),
    ('s.matches("^[^a-c]{2,3}$")', [{"s": "xyz"}], [{"s": "xa"}, {"s": "x"}]),
    ('ss.matches("^b")', [{"ss": ["a", "b"]}], [{"ss": ["a"]}]),
    ('s.regexGroup("[0-9]+") = "12"', [{"s": "a12b3"}], [{"s": "a"}, {"s": "123"}]),
    ('s.regexGroup("id=([0-9]+)", 1) = "7"', [{"s": "?id=7&id=8"}], [{"s": "id=x"}, NOBODY]),
    ('s.regexGroup("(a)|(b)", 2).isNull()', [{"s": "a"}, {"s": "c"}, NOBODY], [{"s": "b"}]),
    ('s.regexGroup("(a*)b", 1) = ""', [{"s": "b"}], [{"s": "ab"}, {"s": "a"}]),
    ('s.regexGroup("a+?") = "a"', [{"s": "aaa"}], [{"s": "b"}]),
    ('ss.regexGroup("[0-9]+").count() = 2', [{"ss": ["a1", "b", "c22"]}], [{"ss": ["a"]}]),
    ('ss.regexGroup("[0-9]").isNull()', [{"ss": ["a"]}, {"ss": []}, NOBODY], [{"ss": ["1"]}]),
]

NUMBERS: list[Row] = [
    ("i / j = 3.5", [{"i": 7, "j": 2}], [{"i": 6, "j": 2}]),
    ("i / j = 3", [{"i": 6, "j": 2}], [{"i": 7, "j": 2}]),
    ("i % j = -1", [{"i": -7, "j": 3}, {"i": -7, "j": -3}], [{"i": 7, "j": -3}, {"i": 7, "j": 3}]),
    ("x % y = 0.5", [{"x": 5.5, "y": 2.5}, {"x": 5.5, "y": -2.5}], [{"x": -5.5, "y": 2.5}]),
    ("x % y = -0.5", [{"x": -5.5, "y": 2.5}], [{"x": 5.5, "y": -2.5}]),
    ("i % 1.5 = 1", [{"i": 4}], [{"i": 3}]),
    ("(i + j).isNull()", [{"i": 2**63 - 1, "j": 1}, {"i": -(2**63), "j": -1}], [{"i": 2**63 - 1, "j": 0}]),
    ("(i - j).isNull()", [{"i": -(2**63), "j": 1}, {"i": 0, "j": -(2**63)}], [{"i": -1, "j": -(2**63)}]),
    ("(i * j).isNull()", [{"i": 2**62, "j": 2}, {"i": -(2**63), "j": -1}], [{"i": 2**62, "j": -2}]),
    ("(-i).isNull()", [{"i": -(2**63)}], [{"i": 2**63 - 1}]),
    ("(i % j).isNotNull()", [{"i": -(2**63), "j": -1}], [{"i": 1, "j": 0}]),
    ("i / j = -9223372036854775808.0", [{"i": -(2**63), "j": 1}], [{"i": 1, "j": 1}]),
    (
        "(x * y).isNull() or (x + y).isNull()",
        [{"x": 1e308, "y": 1e308}, {"x": 1e200, "y": 1e200}],
        [{"x": 1e154, "y": 1e154}],
    ),
    ("(x / y).isNull()", [{"x": 1e308, "y": 1e-308}], [{"x": 1e308, "y": 1e308}]),
    ("i + x = 3.5", [{"i": 2, "x": 1.5}], [{"i": 2}]),
    ("2 + 3 * 2 = 8 and (2 + 3) * 2 = 10 and 10 - 3 - 2 = 5 and 8 / 4 / 2 = 1", [NOBODY], []),
    ("-2 + 3 = 1 and - 2 * -3 = 6 and 7 % 4 % 2 = 1", [NOBODY], []),
    ("-i = 3 and - -i = -3", [{"i": -3}], [{"i": 3}]),
    (".5 = 0.5 and 1E1 = 10 and 2.5e-1 = 0.25", [NOBODY], []),
]

ARRAYS: list[Row] = [
    ('ss.intersects(["a", s])', [{"ss": ["a"]}, {"ss": ["b"], "s": "b"}], [{"ss": ["b"]}]),
    ("ii.intersects(ss)", [{"ii": [1], "ss": ["x", "1.0"]}], [{"ii": [1], "ss": ["x"]}]),
    ("ss.intersects(ii)", [{"ii": [1], "ss": ["1"]}], [{"ii": [1], "ss": ["1.0"]}]),
    (
        'ss.intersection(ss2) = ["a", "b"]',
        [{"ss": ["b", "b", "a", "c"], "ss2": ["a", "b", "b"]}],
        [{"ss": ["a", "b"]}],
    ),
    (
        'ss.intersection(ss2).head() = "b"',
        [{"ss": ["c", "b", "a"], "ss2": ["a", "b"]}],
        [{"ss": ["a", "b"], "ss2": ["b", "a"]}],
    ),
    (
        "ss.intersection(ss2).count() = 0",
        [NOBODY, {"ss": ["a"]}, {"ss2": ["a"]}, {"ss": ["a"], "ss2": ["b"]}],
        [{"ss": ["a"], "ss2": ["a"]}],
    ),
    (
        "ii.intersection(xx).count() = 1",
        [{"ii": [1, 1, 2], "xx": [1.0, 2.5]}],
        [{"ii": [1, 2], "xx": [1, 2]}],
    ),
    ('ss.subsetOf(["a", "b"])', [{"ss": ["a", "a"]}, {"ss": []}], [{"ss": ["a", "c"]}, NOBODY]),
    ("ss.subsetOf([])", [{"ss": []}], [{"ss": ["a"]}, NOBODY]),
    ("[].subsetOf(ss)", [{"ss": []}, {"ss": ["a"]}], [NOBODY]),
    (
        'ss.supersetOf(["a", s])',
        [{"ss": ["a", "b"]}, {"ss": ["a"], "s": "a"}],
        [{"ss": ["a"], "s": "b"}, {"ss": ["b"]}],
    ),
    ("ss.supersetOf([])", [{"ss": []}, {"ss": ["a"]}], [NOBODY]),
    ("ii.supersetOf(ss)", [{"ii": [1, 2], "ss": ["1"]}], [{"ii": [1], "ss": ["one"]}]),
    ('ii.includes("2")', [{"ii": [1, 2]}], [{"ii": [1]}]),
    ("ss.includes(i)", [{"ss": ["2"], "i": 2}], [{"ss": ["2.0"], "i": 2}]),
    (
        'items.subs.includes({"n": 1, "k": "a"})',
        [{"items": [{"subs": [{"k": "a", "n": 1}]}]}],
        [{"items": [{"subs": [{"n": 1}]}]}],
    ),
    (
        'ss.distinct().head() = "b" and ss.distinct().count() = 2',
        [{"ss": ["b", "a", "b"]}],
        [{"ss": ["a", "b"]}],
    ),
    ("xx.distinct().count() = 2", [{"xx": [1, 1.0, 0.0, -0.0]}], [{"xx": [1, 2, 3]}]),
    (
        "items.distinct().count() = 2",
        [items(1, 1, 2), {"items": [{"n": 1, "k": None}, {"n": 1}, {}]}],
        [items(1, 1)],
    ),
    (
        "items.subs.distinct().count() = 1",
        [{"items": [{"subs": [{"n": 1, "k": "a"}, {"k": "a", "n": 1.0}]}]}],
        [NOBODY],
    ),
    (
        "ml.values().distinct().count() = 2",
        [{"ml": {"a": [1, 2], "b": [1, 2], "c": [2, 1]}}],
        [{"ml": {"a": [1]}}],
    ),
    ("items.exists(n > 1) and items.exists(I => I.n < 1)", [items(2, 0)], [items(2)]),
    ("items.map(n * 2).sum() = 6", [items(1, None, 2)], [items(1)]),
    ("items.map(ss).count() = 3", [{"items": [{"ss": ["a", "b"]}, {}, {"ss": ["a"]}]}], [NOBODY]),
    ('items.map({"d": n * 2, "k": k})[d = 4 and k.isNull()]', [items(1, 2)], [items(1)]),
    ('items.map({"d": n}).d.isNull()', [{"items": [{}]}, NOBODY], [items(0)]),
    ('items.map({"d": n}).count() = 1', [{"items": [{}]}], [NOBODY]),
    (
        'items.groupBy(k).get("a").count() = 2',
        [{"items": [{"k": "a"}, {"k": "b"}, {"k": "a"}]}],
        [{"items": [{"k": "a"}]}],
    ),
    (
        'items.groupBy(k).get("a").n.head() = 2',
        [{"items": [{"k": "b", "n": 1}, {"k": "a", "n": 2}, {"k": "a", "n": 3}]}],
        [NOBODY],
    ),
    (
        'items.groupBy(k).keys().head() = "b"',
        [{"items": [{}, {"k": "b"}, {"k": "a"}, {"k": "b"}]}],
        [{"items": [{"k": "a"}, {"k": "b"}]}],
    ),
    ("items.groupBy(k).count() = 1", [{"items": [{}, {"k": ""}, {"k": ""}]}], [{"items": [{}]}, NOBODY]),
    ('items.groupBy(n).get("1").count() = 1', [items(1, 2)], [items(2)]),
    ('items.groupBy(x).get("1").count() = 1', [{"items": [{"x": 1.0}]}], [{"items": [{"x": 1.5}]}]),
    ('items.groupBy(b).get("true")', [{"items": [{"b": True}]}], [{"items": [{"b": False}]}]),
    (
        'items.groupBy(ss).get("a").count() = 2',
        [{"items": [{"ss": ["a", "a", "b"]}, {"ss": ["a"]}]}],
        [{"items": [{"ss": ["a", "a"]}]}],
    ),
    (
        'items.groupBy(ss).keys() = ["a", "b"]',
        [{"items": [{"ss": ["b", "a"]}, {"ss": []}, {}]}],
        [{"items": [{"ss": ["a"]}]}],
    ),
    ("items.groupBy(I => I.k).a.count() = 1", [{"items": [{"k": "a"}]}], [NOBODY]),
    (
        "items.groupBy(k).map(this.sum(n)).max() = 3",
        [{"items": [{"k": "a", "n": 1}, {"k": "a", "n": 2}, {"k": "b", "n": 2}]}],
        [items(3)],
    ),
    (
        "items.groupBy(k).map(this.n).sum() = 3",
        [{"items": [{"k": "a", "n": 1}, {"k": "b", "n": 2}]}],
        [items(3)],
    ),
    (
        "items.groupBy(k).values().count() = 2",
        [{"items": [{"k": "a"}, {"k": "b"}, {"k": "b"}]}],
        [{"items": [{"k": "a"}]}],
    ),
    ('items.groupBy(store).get("S9")', [{"items": [{"store": "S9"}]}], [{"items": [{"store": "S1"}]}]),
    ("items.topN(n, 2).n.head() = 3", [items(1, 3, 2)], [items(1, 2)]),
    ("items.topN(n, 2).count() = 2", [items(1, 3, 2), items(1, 2, None)], [items(1, None)]),
    ("items.topN(n, 0).count() = 0", [items(1, 2), NOBODY], []),
    ("items.topN(n, 9).count() = 2", [items(1, None, 2)], [items(1)]),
    (
        'items.topN(n, 1).head().k = "first"',
        [{"items": [{"n": 1}, {"n": 2, "k": "first"}, {"n": 2, "k": "tie"}]}],
        [{"items": [{"n": 2, "k": "tie"}, {"n": 2, "k": "first"}]}],
    ),
    (
        'items.bottomN(n, 1).head().k = "first"',
        [{"items": [{"n": 2}, {"n": 1, "k": "first"}, {"n": 1, "k": "tie"}]}],
        [{"items": [{"n": 1, "k": "tie"}, {"n": 1, "k": "first"}]}],
    ),
    ("items.bottomN(n, 2).n.head() = 1 and items.bottomN(n, 2).sum(n) = 3", [items(3, 2, 1)], [items(1, 3)]),
    (
        "items.topN(t, 1).head().n = 2",
        [{"items": [{"n": 1, "t": "2024-01-01"}, {"n": 2, "t": "2024-01-01T00:00:00.001Z"}, {"n": 3}]}],
        [items(2)],
    ),
    (
        "items.bottomN(d, 1).head().n = 2",
        [{"items": [{"n": 1, "d": "2024-01-02"}, {"n": 2, "d": "2024-01-01"}]}],
        [items(2)],
    ),
    ("xx.topN(this, 2).sum() = 5", [{"xx": [1, 3, 2]}], [{"xx": [3]}]),
    ("items.topN(I => I.n * -1, 1).head().n = 1", [items(3, 1)], [items(3)]),
    ("ii.head() = 2", [{"ii": [None, 2, 1]}], [{"ii": [1, 2]}]),
    ("ii.average() = 2.5 and ii.min() = 1 and ii.max() = 4", [{"ii": [4, None, 1]}], [{"ii": [4, 1, 0]}]),
    ("xx.average() = 2", [{"xx": [1, 3]}, {"xx": [2.0]}], [{"xx": [1, 3, 0]}]),
    ("items.average(n) = 2", [items(1, 3), items(1, None, 3)], [items(1)]),
    ("items.sum(n * x) = 3", [{"items": [{"n": 2, "x": 1.5}, {"n": 2}]}], [items(3)]),
    ("items.sum(I => I.n) = 3 and items.min(n) = 1", [items(1, 2)], [items(3)]),
    (
        "items.sum(subs.n) = 6",
        [{"items": [{"subs": [{"n": 1}, {"n": 2}]}, {"subs": [{"n": 3}]}, {}]}],
        [NOBODY],
    ),
    (
        "items.average(subs.n) = 2",
        [{"items": [{"subs": [{"n": 1}, {"n": 2}]}, {"subs": [{"n": 3}]}]}],
        [NOBODY],
    ),
    (
        "ml.values().sum() = 6 and ml.values().max() = 3",
        [{"ml": {"a": [1, 2], "b": [3], "c": []}}],
        [{"ml": {"a": [6]}}],
    ),
    ("items[n > 1][n < 3].count() = 1", [items(1, 2, 3)], [items(1, 3)]),
    ("items.filter(n > 1).filter(I => n < 3).n = 2", [items(1, 2, 3)], [items(1, 3)]),
]

MAPS: list[Row] = [
    ('mi.get("a") = 1', [{"mi": {"a": 1}}], [{"mi": {"A": 1}}, NOBODY]),
    ("mi.get(s) = 1", [{"mi": {"a": 1}, "s": "a"}], [{"mi": {"a": 1}}, {"mi": {"a": 1}, "s": "b"}]),
    ('ms.get("https://ns.example/sms") = "in"', [{"ms": {"https://ns.example/sms": "in"}}], [{"ms": {}}]),
    (
        'maps.get("a").sum() = 3 and maps.get("a").count() = 2',
        [{"maps": [{"a": 1}, {}, {"a": 2}]}],
        [{"maps": [{"a": 3}]}],
    ),
    ('maps.get("a").isNull()', [{"maps": [{}]}, {"maps": []}, NOBODY], [{"maps": [{"a": 1}]}]),
    ('mi.keys().includes("a")', [{"mi": {"a": 1}}], [{"mi": {"a": None}}, NOBODY]),
    (
        'mi.keys().head() = "b" and mi.values().head() = 2',
        [{"mi": {"b": 2, "a": 1}}],
        [{"mi": {"a": 1, "b": 2}}],
    ),
    ("mi.values().sum() = 3", [{"mi": {"a": 1, "b": 2, "c": None}}], [NOBODY]),
    ("ml.values().count() = 2 and ml.count() = 2", [{"ml": {"a": [1, 2], "b": []}}], [{"ml": {"a": [1, 2]}}]),
    (
        "mi.map(this * 2).sum() = 6 and mi.map(v => v + 1).max() = 3",
        [{"mi": {"a": 1, "b": 2}}],
        [{"mi": {"a": 3}}],
    ),
    ("ml.map(this).count() = 3", [{"ml": {"a": [1, 2], "b": [3]}}], [{"ml": {"a": [1]}}]),
    ("ml.map(this.count()) = [2, 0]", [{"ml": {"a": [1, 2], "b": []}}], [{"ml": {"a": [1]}}]),
    ("mo.map(n).sum() = 3", [{"mo": {"a": {"n": 1}, "b": {"n": 2}, "c": {}}}], [NOBODY]),
    ("mi.map((k, v) => v * 2).sum() = 6", [{"mi": {"a": 1, "b": 2}}], [{"mi": {"a": 6}}]),
    ('mi.map((k, v) => k) = ["a", "b"]', [{"mi": {"a": 1, "b": 2}}], [{"mi": {"a": 1}}]),
    ('mi.map((k, v) => mapEntry(k, v * 2)).get("a") = 2', [{"mi": {"a": 1}}], [{"mi": {"b": 1}}, NOBODY]),
    (
        'mi.map((k, v) => mapEntry("one", v)).get("one") = 2',
        [{"mi": {"a": 1, "b": 2}}],
        [{"mi": {"a": 2, "b": 1}}],
    ),
    ('mi.map((k, v) => mapEntry("one", v)).count() = 1', [{"mi": {"a": 1, "b": 2}}], [{"mi": {}}]),
    ('mi.map((k, v) => mapEntry(v, k)).get("1") = "a"', [{"mi": {"a": 1}}], [{"mi": {"a": 2}}]),
    ('mi.map((k, v) => mapEntry(v / 2, k)).get("1.5") = "a"', [{"mi": {"a": 3}}], [{"mi": {"a": 2}}]),
    (
        'mi.map((k, v) => mapEntry(k.regexGroup("^a"), v)).count() = 1',
        [{"mi": {"a": 1, "b": 2}}],
        [{"mi": {"b": 1}}],
    ),
    ("mi.map((k, v) => mapEntry(k, 1 / v)).count() = 1", [{"mi": {"a": 0, "b": 2}}], [{"mi": {"a": 0}}]),
    ("mi.map((k, v) => mapEntry(k, v)).isNotNull()", [NOBODY, {"mi": {}}], []),
    (
        'items.groupBy(k).map((k, v) => mapEntry(k, v.count())).get("a") = 2',
        [{"items": [{"k": "a"}, {"k": "a"}]}],
        [{"items": [{"k": "a"}]}],
    ),
    ("mi.count() = 2", [{"mi": {"a": 1, "b": 2}}], [NOBODY]),
    ("mo.`a`.k.isNull()", [{"mo": {"a": {}}}, NOBODY], [{"mo": {"a": {"k": ""}}}]),
    ("mi.map((k, v) => v + ^.i).sum() = 3", [{"mi": {"a": 1}, "i": 2}], [{"mi": {"a": 1}}]),
]

VARIABLES: list[Row] = [
    ("select I from items where I.n > 1", [items(2)], [items(1), NOBODY]),
    ("select I from items : I.n > 1", [items(2)], [items(1)]),
    ("select I from items", [items(1)], [{"items": []}]),
    ("(select I from items where I.n > 1).n.sum() = 5", [items(1, 2, 3)], [items(2)]),
    ("(select I from items).head().n = 1", [items(1, 2)], [items(2, 1)]),
    ("(select A from ii, B from ii).count() = 4", [{"ii": [1, 1]}], [{"ii": [1]}]),
    ("(select A from ii, B from ii where A < B).count() = 3", [{"ii": [1, 2, 3]}], [{"ii": [1, 1, 1]}]),
    (
        "(select I from items where I.n = 1, S from I.subs where S.n = I.n).count() = 1",
        [{"items": [{"n": 1, "subs": [{"n": 1}, {"n": 2}]}]}],
        [items(1)],
    ),
    (
        "exists I from items where I.n = 1, S from I.subs where S.n = 2",
        [{"items": [{"n": 1, "subs": [{"n": 2}]}]}],
        [{"items": [{"n": 1}, {"n": 2, "subs": [{"n": 2}]}]}],
    ),
    ("some I from ii where I > 1", [{"ii": [1, 2]}], [{"ii": [1]}]),
    ("exists I from ii", [{"ii": [0]}], [{"ii": []}, NOBODY]),
    ("forall I from ii", [NOBODY, {"ii": []}, {"ii": [0]}], []),
    ("forall I from ii where I > 1", [{"ii": [2, 3]}, {"ii": []}], [{"ii": [1, 2]}]),
    ("all I from ii : I > 1", [{"ii": [2]}], [{"ii": [1]}]),
    (
        "forall I from items where I.n > 0, S from I.subs where S.n > 0",
        [NOBODY, items(1), {"items": [{"n": 1, "subs": [{"n": 1}]}]}],
        [items(0), {"items": [{"n": 1, "subs": [{"n": 0}]}]}],
    ),
    ("forall I from items where I.n > 0", [items(1)], [items(1, None)]),
    (
        'none I from ii where I > 1, S from ss where S = "a"',
        [NOBODY, {"ii": [2]}, {"ss": ["a"]}],
        [{"ii": [2], "ss": ["a"]}],
    ),
    ("one I from ii where I > 1", [{"ii": [1, 2]}], [{"ii": [2, 2]}, {"ii": [1]}]),
    ("one I from ii, S from ss", [{"ii": [1], "ss": ["a"]}], [{"ii": [1, 1], "ss": ["a"]}, {"ii": [1]}]),
    ("(one I from ii where I > 1) and b", [{"ii": [2], "b": True}], [{"ii": [2]}]),
    ("(sum I.n over I from items where I.n > 1) = 5", [items(1, 2, 3)], [items(2)]),
    (
        "(sum I.n * S.n over I from items, S from I.subs) = 7",
        [{"items": [{"n": 1, "subs": [{"n": 1}, {"n": 2}]}, {"n": 2, "subs": [{"n": 2}, {}]}]}],
        [NOBODY],
    ),
    ("(sum I.n over I from items) = 0", [NOBODY, {"items": [{}]}], [items(1)]),
    ("(average I.n over I from items).isNull()", [NOBODY, {"items": [{}]}], [items(0)]),
    ("(min I.n over I from items) = 1 and (max I.n over I from items) = 3", [items(3, None, 1)], [items(3)]),
    ("(count I.n over I from items) = 1", [items(1, None)], [items(None), items(1, 2)]),
    (
        "(count I.ss over I from items) = 2",
        [{"items": [{"ss": ["a", "b"]}, {"ss": []}, {}]}],
        [{"items": [{"ss": ["a", "b"]}]}],
    ),
    ("(count I over I from items, S from I.subs) = 2", [{"items": [{"subs": [{}, {}]}]}], [items(1, 2)]),
    ("(sum I.subs.n over I from items) = 3", [{"items": [{"subs": [{"n": 1}, {"n": 2}]}]}], [NOBODY]),
    ("(sum I from ii where I > 1) = 5", [{"ii": [1, 2, 3]}], [{"ii": [1, 2]}]),
    ("(average I from ii) = 1.5", [{"ii": [1, 2]}], [NOBODY]),
    ("(count I from ii where I > 1) = 2", [{"ii": [1, 2, 3]}], [{"ii": [2]}]),
    ("(max I from ml.a) = 2", [{"ml": {"a": [1, 2]}}], [{"ml": {"a": [1]}}]),
    ("let A = ii[this > 1] in A.count() = 2 and A.sum() = 5", [{"ii": [1, 2, 3]}], [{"ii": [2]}]),
    ("let A = i in let B = A + 1 in B = 3 and A = 2", [{"i": 2}], [{"i": 3}]),
    ("let A = (i > 1) in A and not (A = false)", [{"i": 2}], [{"i": 1}, NOBODY]),
    ("let A = i in A.isNull()", [NOBODY], [{"i": 1}]),
    ('let A = o in A.s = "a"', [{"o": {"s": "a"}}], [NOBODY]),
    ("let A = mi in A.a = 1 and A.count() = 1", [{"mi": {"a": 1}}], [NOBODY]),
    ("items[let A = n in A > ^.i]", [items(2, i=1)], [items(1, i=1)]),
    ("(let A = i in A + 1) = 3", [{"i": 2}], [NOBODY]),
]


def at(*moments: tuple[str, str], **fields: Any) -> Profile:
    """A profile with events of a kind at a time of 10 March."""
    return {"xEvent": [{"k": kind, "timestamp": f"2024-03-10T{time}Z"} for kind, time in moments]} | fields


_THEN = 'chain(xEvent, timestamp, [A: WHAT(k = "a"), B: WHAT(k = "b")])'
SEQUENCES: list[Row] = [
    (
        _THEN,
        [
            events("a", "b"),
            events("x", "a", "x", "b"),
            {"xEvent": list(reversed(events("a", "b")["xEvent"]))},
        ],
        [events("b", "a"), events("a"), NOBODY],
    ),
    (
        _THEN,
        [at(("a", "01:00:00.000"), ("b", "01:00:00.001"))],
        [at(("a", "01:00:00.000"), ("b", "01:00:00.000"))],
    ),
    (
        _THEN,
        [],
        [
            {"xEvent": [{"k": "a"}, {"k": "b", "timestamp": "2024-03-10"}]},
            {"xEvent": [{"k": "a", "timestamp": "2024-03-10"}, {"k": "b"}]},
        ],
    ),
    ("chain(xEvent, timestamp, [A: WHAT(true)])", [events("a")], [{"xEvent": [{"k": "a"}]}, NOBODY]),
    ('chain(xEvent, timestamp, [A: WHAT(k = "a"), B: WHAT(k = "a")])', [events("a", "a")], [events("a")]),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a") WHEN(today)])',
        [events("a")],
        [{"xEvent": [{"k": "a", "timestamp": "2024-03-09"}]}],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a") WHEN(on today) WHEN(after now) WHERE(n > 1) WHERE(n < 3)])',
        [{"xEvent": [{"k": "a", "n": 2, "timestamp": "2024-03-10T12:00Z"}]}],
        [
            {"xEvent": [{"k": "a", "n": 2, "timestamp": "2024-03-10T01:00Z"}]},
            {"xEvent": [{"k": "a", "n": 3, "timestamp": "2024-03-10T12:00Z"}]},
        ],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a"), B: WHAT(k = "b") WHEN(<= 2 hours after A.timestamp)])',
        [events("a", "b"), events("a", "a", "x", "x", "x", "a", "b"), events("a", "x", "b")],
        [events("a", "x", "x", "b"), events("b", "a")],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a"), B: WHAT(k = "b") WHEN(>= 2 hours after A.timestamp) WHEN(< 3 hours after A.timestamp)])',
        [events("a", "x", "b"), events("a", "a", "a", "x", "b")],
        [events("a", "b"), events("a", "x", "x", "b")],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a"), B: WHAT(k = "b") WHERE(n = A.n)])',
        [
            {
                "xEvent": [
                    {"k": "a", "n": 1, "timestamp": "2024-01-01"},
                    {"k": "a", "n": 2, "timestamp": "2024-01-02"},
                    {"k": "b", "n": 2, "timestamp": "2024-01-03"},
                ]
            }
        ],
        [
            {
                "xEvent": [
                    {"k": "a", "n": 1, "timestamp": "2024-01-01"},
                    {"k": "b", "n": 2, "timestamp": "2024-01-03"},
                    {"k": "a", "n": 2, "timestamp": "2024-01-04"},
                ]
            },
            events("a", "b"),
        ],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a"), B: WHAT(k = "b"), C: WHAT(k = "c") WHEN(<= 2 hours after A.timestamp)])',
        [events("a", "b", "c"), events("a", "x", "a", "b", "c")],
        [events("a", "b", "x", "c")],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a") COUNT(2)])',
        [events("a", "x", "a"), at(("a", "01:00:00"), ("a", "01:00:00"))],
        [events("a", "x"), {"xEvent": [{"k": "a"}, {"k": "a", "timestamp": "2024-03-10"}]}],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a") COUNT(2), B: WHAT(k = "b")])',
        [events("a", "a", "b"), events("a", "b", "a", "b")],
        [events("a", "b", "a"), events("a", "b")],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a"), B: WHAT(k = "b") COUNT(2)])',
        [events("a", "b", "b")],
        [events("b", "a", "b")],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a") COUNT(2), B: WHAT(k = "b") WHEN(<= 1 hour after A.timestamp)])',
        [events("a", "a", "b"), events("a", "a", "x", "a", "b")],
        [events("a", "a", "x", "b"), events("a", "b")],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a") COUNT(2), B: WHAT(k = "b")])',
        [at(("a", "01:00:00"), ("a", "01:00:00"), ("b", "02:00:00"))],
        [at(("a", "01:00:00"), ("a", "01:00:00"), ("b", "01:00:00"))],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k != "c") COUNT(2), B: WHAT(k = "c") WHERE(A.k = "b")])',
        [
            at(("a", "01:00:00"), ("b", "01:00:00"), ("c", "02:00:00")),
            at(("b", "01:00:00"), ("a", "01:00:00"), ("b", "01:00:00"), ("c", "02:00:00")),
            at(("a", "01:00:00"), ("c", "02:00:00"), ("b", "00:00:00"), ("b", "01:00:00")),
        ],
        [
            at(("b", "01:00:00"), ("a", "01:00:00"), ("c", "02:00:00")),
            at(("c", "02:00:00"), ("a", "01:00:00"), ("b", "00:00:00")),
        ],
    ),
    ('chain(xEvent, timestamp, [A: WHAT(k = "a") COUNT(1)])', [events("a")], [events("b")]),
    (
        "chain(xEvent, timestamp, [A: WHAT(k = ^.s), B: WHAT(this.k = $1.s2)])",
        [events("a", "b", s="a", s2="b")],
        [events("a", "b", s="b", s2="a"), events("a", "b")],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a") WHERE(A.k = k and A.timestamp = timestamp)])',
        [events("a")],
        [events("b")],
    ),
    (
        'chain(xEvent, timestamp, [A: WHAT(k = "a") WHERE(not (xEvent[k = "b" and timestamp occurs after A.timestamp]))])',
        [events("b", "a"), events("a", "b", "a")],
        [events("a", "b")],
    ),
    (
        'not chain(xEvent, timestamp, [A: WHAT(k = "a"), B: WHAT(k = "b")])',
        [NOBODY, events("b", "a")],
        [events("a", "b")],
    ),
    (
        "chain(items, t, [A: WHAT(n = 1), B: WHAT(n = 2)])",
        [{"items": [{"n": 2, "t": "2024-01-02"}, {"n": 1, "t": "2024-01-01"}]}],
        [{"items": [{"n": 1, "t": "2024-01-02"}, {"n": 2, "t": "2024-01-01"}]}],
    ),
    (
        "chain(items, d, [A: WHAT(n = 1), B: WHAT(n = 2) WHEN(= 1 day after A.d)])",
        [{"items": [{"n": 1, "d": "2024-02-28"}, {"n": 2, "d": "2024-02-29"}]}],
        [{"items": [{"n": 1, "d": "2024-02-28"}, {"n": 2, "d": "2024-03-01"}]}],
    ),
    (
        'chain(xEvent[n > 1], timestamp, [A: WHAT(k = "a")])',
        [{"xEvent": [{"k": "a", "n": 2, "timestamp": "2024-01-01"}]}],
        [events("a")],
    ),
    (
        "chain(xEvent, timestamp, [A: WHAT(items[n = ^.n])])",
        [{"xEvent": [{"n": 1, "items": [{"n": 1}], "timestamp": "2024-01-01"}]}],
        [{"xEvent": [{"n": 2, "items": [{"n": 1}], "timestamp": "2024-01-01"}]}],
    ),
    (
        "items[chain(xEvent, timestamp, [A: WHAT(n = ^.n), B: WHAT(n = ^^.i)])]",
        [
            {
                "items": [{"n": 1}],
                "i": 2,
                "xEvent": [{"n": 1, "timestamp": "2024-01-01"}, {"n": 2, "timestamp": "2024-01-02"}],
            }
        ],
        [
            {
                "items": [{"n": 2}],
                "i": 1,
                "xEvent": [{"n": 1, "timestamp": "2024-01-01"}, {"n": 2, "timestamp": "2024-01-02"}],
            }
        ],
    ),
]

_LATER, _NOW, _EARLIER = "2024-03-10T05:45:30.251Z", "2024-03-10T05:45:30.250Z", "2024-03-10"
AUDIENCES: list[Row] = [
    (
        'inSegment("gold")',
        [member("realized"), member("existing"), member(validUntil=None)],
        [
            member("exited"),
            member("Realized"),
            member(None),
            member(5),
            NOBODY,
            {"segmentMembership": {"AAM": {"gold": {"status": "realized"}}}},
        ],
    ),
    (
        'inSegment("gold")',
        [member(validUntil=_LATER), member(validUntil="soon")],
        [member(validUntil=_NOW), member(validUntil=_EARLIER)],
    ),
    (
        'inSegment("gold")',
        [{"segmentMembership": [["ups", [["gold", {"status": "realized"}]]]]}],
        [
            {"segmentMembership": None},
            {"segmentMembership": {}},
            {"segmentMembership": "ups"},
            {"segmentMembership": ["a"]},
            {"segmentMembership": {"ups": None}},
            {"segmentMembership": {"ups": {"gold": None}}},
            {"segmentMembership": {"ups": {"gold": "realized"}}},
            {"segmentMembership": [[["ups"], {}]]},
            {"segmentMembership": {"ups": {"Gold": {"status": "realized"}}}},
        ],
    ),
    ('not inSegment("nobody\'s")', [NOBODY, member()], []),
    (
        'segmentMembership.ups.gold.status in ["realized", "existing"]',
        [member(), member(validUntil=_EARLIER)],
        [member("exited"), NOBODY],
    ),
    (
        'segmentMembership.get("AAM").get("gold").status = "realized"',
        [{"segmentMembership": {"AAM": {"gold": {"status": "realized"}}}}],
        [member()],
    ),
    ('items[inSegment("gold")]', [{**member(), **items(1)}], [member(), items(1)]),
    ('store.city = "Bergen"', [{"store": "S1"}], [{"store": "S2"}, {"store": "S3"}, {"store": "S8"}, NOBODY]),
    (
        "store.city.isNull() and store.isNotNull()",
        [{"store": "S3"}, {"store": "S8"}, {"store": ""}],
        [{"store": "S1"}, NOBODY],
    ),
    ('store.main.city = "Oslo"', [{"store": "S1"}], [{"store": "S2"}]),
    ("store.main.main.isNotNull() and store.main.main.city.isNull()", [{"store": "S1"}], [{"store": "S2"}]),
    ("store.floors = 3", [{"store": "S1"}], [{"store": "S3"}]),
    ('store.ss.count() = 1 and store.ss = "a"', [{"store": "S1"}], [{"store": "S2"}]),
    ('stores.city = "Oslo"', [{"stores": ["S8", None, "S2"]}], [{"stores": ["S1"]}, {"stores": []}]),
    (
        "stores.city.distinct().count() = 2",
        [{"stores": ["S1", "S2", "S1", "S3"]}],
        [{"stores": ["S1", "S1"]}],
    ),
    ('stores[city = "Oslo"].count() = 1', [{"stores": ["S1", "S2"]}], [{"stores": ["S1"]}]),
    ("stores.map(main.city).count() = 1", [{"stores": ["S1", "S2", "S8"]}], [{"stores": ["S2"]}]),
    ("stores.city.isNull()", [{"stores": ["S8"]}, {"stores": []}, NOBODY], [{"stores": ["S1"]}]),
    (
        'xEvent.items.store.city = "Bergen"',
        [{"xEvent": [{"items": [{"store": "S8"}, {"store": "S1"}]}]}],
        [{"xEvent": [{"items": [{"store": "S2"}]}]}],
    ),
    (
        "xEvent[store.city != $1.store.city]",
        [{"store": "S1", "xEvent": [{"store": "S2"}]}],
        [{"store": "S1", "xEvent": [{"store": "S1"}, {"store": "S8"}]}],
    ),
    (
        "xEvent[store = $1.store and store.floors > 2]",
        [{"store": "S1", "xEvent": [{"store": "S1"}]}],
        [{"store": "S2", "xEvent": [{"store": "S2"}]}],
    ),
    (
        'items.groupBy(store.city).get("Oslo").count() = 2',
        [{"items": [{"store": "S2"}, {"store": "S2"}, {"store": "S8"}]}],
        [{"items": [{"store": "S2"}]}],
    ),
    (
        'stores.includes("S1") and stores.subsetOf(["S1", "S8"])',
        [{"stores": ["S1", "S8"]}],
        [{"stores": ["S1", "S2"]}],
    ),
    ("store in stores", [{"store": "S8", "stores": ["S8"]}], [{"store": "S1", "stores": ["S8"]}]),
    (
        'chain(xEvent, timestamp, [A: WHAT(store.city = "Oslo")])',
        [{"xEvent": [{"store": "S2", "timestamp": "2024-01-01"}]}],
        [{"xEvent": [{"store": "S1", "timestamp": "2024-01-01"}]}],
    ),
]

RULES = {
    "stored data": STORED_DATA,
    "missing values": MISSING_VALUES,
    "missing or empty": MISSING_OR_EMPTY,
    "conditions": CONDITIONS,
    "scopes": SCOPES,
    "paths": PATHS,
    "comparison": COMPARISON,
    "lists and literals": LISTS_AND_LITERALS,
    "text": TEXT,
    "numbers": NUMBERS,
    "arrays": ARRAYS,
    "maps": MAPS,
    "variables": VARIABLES,
    "sequences": SEQUENCES,
    "audiences and entities": AUDIENCES,
}
_ROWS = [(topic, *row) for topic, rows in RULES.items() for row in rows]


@cache
def _positions() -> dict[str, int]:
    """Where each profile of the file stands among all of them."""
    texts = dict.fromkeys(repr(profile) for _, _, yes, no in _ROWS for profile in (*yes, *no))
    return {text: position for position, text in enumerate(texts)}


@cache
def crowd() -> Crowd:
    by_text = {repr(profile): profile for _, _, yes, no in _ROWS for profile in (*yes, *no)}
    people = [by_text[text] for text in _positions()]
    return Crowd(people, SCHEMA, entities=ENTITIES, entity_schemas=ENTITY_SCHEMAS)


@cache
def answers(query: str, engine: Engine) -> list[bool]:
    return crowd().ask(query, engine, now=NOW)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("query", "yes", "no"),
    [pytest.param(query, yes, no, id=f"{topic}: {query}") for topic, query, yes, no in _ROWS],
)
def test_a_rule_holds(query: str, yes: Sequence[Profile], no: Sequence[Profile], engine: Engine) -> None:
    found = answers(query, engine)
    assert [profile for profile in yes if not found[_positions()[repr(profile)]]] == []
    assert [profile for profile in no if found[_positions()[repr(profile)]]] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fresh_result_counts_more_than_a_stored_membership(engine: Engine) -> None:
    people = [member("realized"), member("exited"), {}]
    stored = Crowd(people, SCHEMA)
    fresh = {"gold": [False, True, True]}
    for query, expected in (
        ('inSegment("gold")', [False, True, True]),
        ('not inSegment("gold")', [True, False, False]),
        ('inSegment("gold") and inSegment("other")', [False, False, False]),
    ):
        assert stored.ask(query, engine, now=NOW, memberships=fresh) == expected
    assert stored.ask('inSegment("gold")', engine, now=NOW, memberships={"other": fresh["gold"]}) == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_schema_needs_no_events(engine: Engine) -> None:
    small = Crowd([{"s": "a"}, {}], ObjectType({"s": STRING}))
    assert small.ask("xEvent.isNotNull() and xEvent.count() = 0", engine, now=NOW) == [True, True]
