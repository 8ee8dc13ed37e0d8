"""Made-up people whose data is awkward on purpose, and random queries over them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from muster.pql import (
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    MapType,
    ObjectType,
)

NOW = datetime(2024, 3, 10, 5, 45, 30, 250_000, tzinfo=UTC)

_ORDER = ObjectType(
    {
        "sku": STRING,
        "qty": INTEGER,
        "price": NUMBER,
        "at": DATETIME,
        "due": DATE,
        "paid": BOOLEAN,
        "notes": ArrayType(STRING),
    }
)
_EVENT = ObjectType(
    {
        "eventType": STRING,
        "timestamp": DATETIME,
        "total": NUMBER,
        "n": INTEGER,
        "due": DATE,
        "done": BOOLEAN,
        "place": ObjectType({"city": STRING}),
        "items": ArrayType(_ORDER),
        "labels": ArrayType(STRING),
        "extra": MapType(NUMBER),
    }
)
SCHEMA = ObjectType(
    {
        "name": STRING,
        "code": STRING,
        "age": INTEGER,
        "score": NUMBER,
        "vip": BOOLEAN,
        "born": DATE,
        "seen": DATETIME,
        "home": ObjectType({"zip": STRING, "floor": INTEGER}),
        "tags": ArrayType(STRING),
        "wishes": ArrayType(STRING),
        "marks": ArrayType(NUMBER),
        "counts": ArrayType(INTEGER),
        "prefs": MapType(STRING),
        "quota": MapType(INTEGER),
        "lists": MapType(ArrayType(INTEGER)),
        "orders": ArrayType(_ORDER),
        "xEvent": ArrayType(_EVENT),
    }
)

_TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "aB",
    "é",
    "É",
    "日本",
    "a%b",
    "_",
    "12",
    "1.5",
    "-3",
    " 5",
    "true",
    "x\ny",
    "buy",
    "view",
)
_WHOLE = (0, 1, -1, 2, 3, 7, 12, -300, 41)
_REAL = (0.0, -0.5, 0.25, 1.5, 2.0, 3.0, -7.0, 1e308)
_DAYS = ("2024-03-10", "2024-03-09", "2024-02-29", "1964-02-29", "2023-12-31", "2024-03-31")
_TIMES = (
    "2024-03-10T05:45:30.250Z",
    "2024-03-10T05:45:30.249Z",
    "2024-03-10T00:00:00Z",
    "2024-03-09T23:59:59.999Z",
    "2024-02-29T12:00:00+05:30",
    "2023-03-10T05:45:30.251Z",
    "2024-04-01T00:00:00-04:00",
)
_KEYS = ("a", "b", "A-b", "é")


def make_people(seed: int, count: int) -> list[dict[str, Any]]:
    """People of a seed; the first two have nothing at all and nulls everywhere."""
    chance = random.Random(seed)
    nothing: dict[str, Any] = {name: None for name in SCHEMA.fields}
    return [{}, nothing, *({**_thing(SCHEMA, chance), "xEvent": _events(chance)} for _ in range(count - 2))]


def _events(chance: random.Random) -> list[Any]:
    return [
        _thing(_EVENT, chance) | {"eventType": chance.choice(("buy", "view", "", None))} for _ in range(4)
    ]


def _thing(type_: Any, chance: random.Random) -> Any:
    match type_:
        case ObjectType(fields):
            names = [name for name in fields if chance.random() < 0.8]
            return {name: None if chance.random() < 0.1 else _thing(fields[name], chance) for name in names}
        case ArrayType(element):
            return [_maybe(element, chance) for _ in range(chance.randrange(4))]
        case MapType(value):
            keys = chance.sample(_KEYS, chance.randrange(4))
            return {key: _maybe(value, chance) for key in keys}
    pool: dict[Any, Sequence[Any]] = {
        STRING: _TEXTS,
        INTEGER: _WHOLE,
        NUMBER: _REAL,
        BOOLEAN: (True, False),
        DATE: _DAYS,
        DATETIME: _TIMES,
    }
    return chance.choice(pool[type_])


def _maybe(type_: Any, chance: random.Random) -> Any:
    return None if chance.random() < 0.15 else _thing(type_, chance)


# --- queries: for every scope, the paths of every kind

_PROFILE: dict[str, Sequence[str]] = {
    "text": ("name", "code", "home.zip", 'prefs.get("a")', "prefs.`A-b`", "tags.head()"),
    "number": ("age", "score", "home.floor", 'quota.get("b")', "counts.head()", "$1.age"),
    "whole": ("age", "home.floor"),
    "truth": ("vip",),
    "time": ("born", "seen", "orders.head().at", "$1.seen"),
    "texts": (
        "tags",
        "wishes",
        "orders.sku",
        "orders.notes",
        "prefs.keys()",
        "prefs.values()",
        "xEvent.labels",
    ),
    "numbers": ("marks", "counts", "orders.price", "quota.values()", "lists.values()", "xEvent.items.qty"),
    "times": ("orders.at", "orders.due", "xEvent.timestamp"),
    "objects": ("home", "prefs"),
    "orders": ("orders", "orders[paid]", "orders.topN(qty, 2)", "orders.bottomN(at, 2)", "xEvent.items"),
    "events": ("xEvent", 'xEvent[eventType = "buy"]', "xEvent.filter(total > 1)"),
}
_ORDER_PATHS: dict[str, Sequence[str]] = {
    "text": ("sku", "^.name", "$1.code"),
    "number": ("qty", "price", "$1.age"),
    "whole": ("qty",),
    "truth": ("paid",),
    "time": ("at", "due"),
    "texts": ("notes", "$1.tags"),
    "numbers": ("[qty, 2]", "$1.marks"),
    "times": (),
    "objects": (),
    "orders": (),
    "events": (),
}
_EVENT_PATHS: dict[str, Sequence[str]] = {
    "text": ("eventType", "place.city", "labels.head()"),
    "number": ("total", "n", 'extra.get("a")'),
    "whole": ("n",),
    "truth": ("done",),
    "time": ("timestamp", "due"),
    "texts": ("labels", "items.sku"),
    "numbers": ("items.price", "extra.values()"),
    "times": ("items.at",),
    "objects": ("place",),
    "orders": (),
    "events": (),
}

Draw = Callable[[st.SearchStrategy[Any]], Any]


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class _Writer:
    """Writes one random query; `depth` bounds its nesting."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def one(self, options: Sequence[str]) -> str:
        return str(self._draw(st.sampled_from(list(options))))

    def text(self, scope: dict[str, Sequence[str]], depth: int) -> str:
        kind = self.one(["path", "path", "literal", "group", "if"]) if depth else "path"
        match kind:
            case "literal":
                return _quote(self.one(_TEXTS))
            case "group":
                path = self.one(scope["text"])
                return self.one([f'{path}.regexGroup("[a-z]+")', f'{path}.regexGroup("(.)b", 1)'])
            case "if":
                return f"if({self.test(scope, 0)}, {self.text(scope, 0)}, {self.text(scope, 0)})"
        return self.one(scope["text"])

    def number(self, scope: dict[str, Sequence[str]], depth: int) -> str:
        kinds = ["path", "path", "literal", "sum", "count", "aggregate", "part", "if", "minus"]
        kind = self.one(kinds) if depth else self.one(["path", "literal"])
        match kind:
            case "literal":
                return self.one(["0", "1", "2", "7", "-3", "1.5", "-0.5", "currentYear()", "currentMonth()"])
            case "sum":
                sign = self.one("+-*/%")
                return f"({self.number(scope, depth - 1)} {sign} {self.number(scope, depth - 1)})"
            case "minus":
                return f"(-{self.number(scope, depth - 1)})"
            case "count":
                return self.one(
                    [f"{self.texts(scope, depth)}.count()", f"{self.texts(scope, 0)}.distinct().count()"]
                )
            case "aggregate":
                return f"{self.one(scope['numbers'])}.{self.one(['sum', 'min', 'max', 'average'])}()"
            case "part":
                return f"{self.one(scope['time'])}.{self.one(['getYear', 'getMonth', 'getDayOfMonth'])}()"
            case "if":
                return f"if({self.test(scope, 0)}, {self.number(scope, 0)}, {self.number(scope, 0)})"
        return self.one(scope["number"])

    def texts(self, scope: dict[str, Sequence[str]], depth: int) -> str:
        path = self.one(scope["texts"])
        match self.one(["path", "path", "literal", "filter", "both"]) if depth else "path":
            case "literal":
                items = ", ".join(_quote(self.one(_TEXTS)) for _ in range(int(self.one("0123"))))
                return f"[{items}]"
            case "filter":
                return f"{path}[this {self.one(['=', '!=', '>'])} {_quote(self.one(_TEXTS))}]"
            case "both":
                return f"{path}.intersection({self.one(scope['texts'])})"
        return path

    def time(self, scope: dict[str, Sequence[str]]) -> str:
        days = ["now", "today", "yesterday", "date(2024, 2, 29)", "date(currentYear() - 1, 3, 10)"]
        return self.one([*scope["time"], *days])

    def when(self, scope: dict[str, Sequence[str]]) -> str:
        unit = self.one(["millisecond", "hour", "day", "week", "month", "year", "decade"])
        period = f"{self.one(['this', 'last', 'next'])} {unit}"
        anchor = self.one([self.time(scope), period])
        match self.one(["on", "side", "between", "distance", "distance"]):
            case "on":
                return anchor
            case "side":
                return f"{self.one(['before', 'after', 'from'])} {anchor}"
            case "between":
                return f"between {self.time(scope)} and {anchor}"
        sign, amount = self.one(["<", "<=", ">", ">=", "=", "!="]), self.one(["0", "1", "2", "10"])
        return f"{sign} {amount} {unit} {self.one(['before', 'after', 'from'])} {anchor}"

    def test(self, scope: dict[str, Sequence[str]], depth: int) -> str:
        kinds = ["compare", "text", "number", "lists", "time", "null", "truth", "in"]
        if depth:
            kinds += ["and", "or", "not", "orders", "events", "lifted"]
        sign = self.one(["=", "!=", "<", "<=", ">", ">="])
        match self.one(kinds):
            case "and":
                return f"({self.test(scope, depth - 1)} and {self.test(scope, depth - 1)})"
            case "or":
                return f"({self.test(scope, depth - 1)} or {self.test(scope, depth - 1)})"
            case "not":
                return f"not ({self.test(scope, depth - 1)})"
            case "compare":
                return f"{self.text(scope, depth)} {sign} {self.text(scope, 0)}"
            case "number":
                right = self.one([self.number(scope, 0), '"1.5"', self.number(scope, depth)])
                return f"{self.number(scope, depth)} {sign} {right}"
            case "text":
                return self._text_test(scope, depth)
            case "lists":
                return self._list_test(scope, depth)
            case "time":
                left = self.one([*scope["time"], *scope["times"]])
                return self.one([f"{left} occurs {self.when(scope)}", f"{left} {sign} {self.time(scope)}"])
            case "null":
                everything = [path for kind in ("text", "number", "time", "texts") for path in scope[kind]]
                return f"{self.one(everything)}.{self.one(['isNull', 'isNotNull'])}()"
            case "in":
                word = self.one(["in", "notIn"])
                numbers = f"{self.number(scope, 0)} {word} [1, 2, {self.number(scope, 0)}]"
                return self.one([f"{self.text(scope, 0)} {word} {self.texts(scope, depth)}", numbers])
            case "orders" if scope["orders"]:
                return self._loop(self.one(scope["orders"]), _ORDER_PATHS, depth)
            case "events" if scope["events"]:
                return self._loop(self.one(scope["events"]), _EVENT_PATHS, depth)
            case "lifted" if scope["events"]:
                return f"{self.one(['xEvent.total', 'orders.qty', 'marks'])} {sign} {self.number(scope, 0)}"
        return self.one([*scope["truth"], *scope["objects"], *scope["texts"], "true"])

    def _text_test(self, scope: dict[str, Sequence[str]], depth: int) -> str:
        left = self.one([self.text(scope, 0), self.one(scope["texts"])])
        right = self.text(scope, depth)
        names = [
            "startsWith",
            "endsWith",
            "contains",
            "equals",
            "doesNotStartWith",
            "doesNotContain",
            "notEqualTo",
        ]
        case = self.one(["", ", false"])
        return self.one(
            [
                f"{left}.{self.one(names)}({right}{case})",
                f"{left} like {self.one([right, _quote('a%'), _quote('_'), _quote('%b_')])}",
                f"{left}.matches({_quote(self.one(['^a', 'b$', '(?i)A.', '[^a]', '^$', 'a|b', '[0-9]{2}']))})",
            ]
        )

    def _list_test(self, scope: dict[str, Sequence[str]], depth: int) -> str:
        left, right = self.texts(scope, depth), self.texts(scope, depth)
        name = self.one(["intersects", "subsetOf", "supersetOf"])
        item = self.text(scope, 0)
        other = self.one(scope["texts"])
        return self.one(
            [
                f"{left}.{name}({right})",
                f"{left}.includes({item})",
                f"{other} {self.one(['=', '!='])} {right}",
            ]
        )

    def _loop(self, source: str, inner: dict[str, Sequence[str]], depth: int) -> str:
        test = self.test(inner, depth - 1)
        number = self.number(inner, 1)
        sign, least = self.one(["=", "!=", "<", ">", ">="]), self.one("012")
        function = self.one(["sum", "min", "max", "average"])
        return self.one(
            [
                f"{source}[{test}]",
                f"{source}.exists({test})",
                f"not {source}[{test}]",
                f"{source}[{test}].count() {sign} {least}",
                f"{source}[{test}].{function}({number}) {sign} {least}",
                f"{source}.map({number}).{function}() {sign} {least}",
                f"{source}[{test}].head().isNull()",
            ]
        )


@st.composite
def queries(draw: Draw) -> str:
    """The text of a query; a few are refused, because types meet that do not compare."""
    return _Writer(draw).test(_PROFILE, 3)
