"""Random arrays, maps and objects, and variables over them."""

from __future__ import annotations

from tests.property.pql.scalars import Scalars
from tests.property.pql.sight import Found, Sight, paths_from
from tests.property.pql.words import EVENTS, Rule, Typed

from muster.pql import (
    DATETIME,
    INTEGER,
    NUMBER,
    STRING,
    ArrayType,
    MapType,
    ReferenceType,
    Type,
)


class Containers(Scalars):
    """Writes what has parts."""

    # --- arrays

    def per_element(self, sight: Sight, element: Type, depth: int, write: Rule) -> str:
        """An argument that is evaluated per element: an expression in its scope, or a lambda that has both."""
        inner = sight.enter(element)
        if self.one("012") == "0":
            name = self.name()
            return f"{self.one([name, f'({name})'])} => {write(inner.bind(name, element), depth)}"
        return write(inner, depth)

    def _plural(self, kind: str, type_: Type, single: Rule, otherwise: str) -> list[Rule]:
        """What arrays of plain values of a kind have in common."""

        def path(sight: Sight, depth: int) -> str:
            return self.fallback(kind, sight, otherwise)

        def literal(sight: Sight, depth: int) -> str:
            return f"[{', '.join(single(sight, 0) for _ in range(int(self.one('0123'))))}]"

        def chosen(sight: Sight, depth: int) -> str:
            test = self.per_element(sight, type_, depth, self.test)
            source = path(sight, 0)
            return f"{source}.filter({test})" if "=>" in test else f"{source}[{test}]"

        def selected(sight: Sight, depth: int) -> str:
            return f"(select {self.clauses(sight, depth, 1, array=lambda s, d: (path(s, d), ArrayType(type_)))[0]})"

        def unique(sight: Sight, depth: int) -> str:
            return f"{path(sight, 0)}.distinct()"

        def common(sight: Sight, depth: int) -> str:
            return f"{path(sight, 0)}.intersection({self.one([path, literal])(sight, 0)})"

        def mapped(sight: Sight, depth: int) -> str:
            source, element = self.objects(sight, depth)
            return f"{source}.map({self.per_element(sight, element, depth, single)})"

        rules: list[Rule] = [path, path, path, literal, chosen, selected, unique, common, mapped]
        return [*rules, self._if(path), self._let(path)]

    def texts(self, sight: Sight, depth: int) -> str:
        rules = self._plural("texts", STRING, self.text, "$1.tags")
        if depth and self.one("01234") == "0":
            rules = self._plural("", ReferenceType("products"), self._key_path, "$1.owned")
        if not depth:
            return self.rule(rules[:4], sight, 0)
        rules += [self._keys, self._records_text, self._values_of_texts, self._groups_of_texts]
        return self.rule(rules, sight, depth - 1)

    def _keys(self, sight: Sight, depth: int) -> str:
        return f"{self.mapping(sight, depth)[0]}.keys()"

    def _values_of_texts(self, sight: Sight, depth: int) -> str:
        return self.one(
            ["$1.prefs.values()", "$1.prefs.map((k, v) => k)", "$1.prefs.map(v => v)", "$1.prefs.map(this)"]
        )

    def _groups_of_texts(self, sight: Sight, depth: int) -> str:
        return f'{self.fallback("texts", sight, "$1.tags")}.regexGroup("{self.one(["a|b", "(.).*", "^.$"])}")'

    def _records_text(self, sight: Sight, depth: int) -> str:
        source, element = self.objects(sight, depth)
        record = self.per_element(sight, element, depth, self.record)
        return f"{source}.map({record}).{self.one(['t', 'sub.t'])}"

    def record(self, sight: Sight, depth: int) -> str:
        """An object literal with the fields `t` and `n`, and once more inside `sub`."""
        text, number = self.text(sight, 0), self.number(sight, depth)
        return f'{{"t": {text}, "n": {number}, "sub": {{"t": {self.text(sight, 0)}}}}}'

    def numbers(self, sight: Sight, depth: int) -> str:
        rules = self._plural("numbers", NUMBER, self.number, "$1.marks")
        if not depth:
            return self.rule(rules[:4], sight, 0)
        rules += [self._values_of_numbers, self._parts, self._sizes, self._tops, self._records_number]
        return self.rule(rules, sight, depth - 1)

    def _values_of_numbers(self, sight: Sight, depth: int) -> str:
        source = self.numbers_map(sight, depth)
        return f"{source}.{self.one(['values()', 'map((k, v) => v * 2)', 'map(v => v + 1)', 'map(this)'])}"

    def _parts(self, sight: Sight, depth: int) -> str:
        return f"{self.times(sight, 0)}.{self.one(['getYear', 'getMonth', 'getDayOfMonth'])}()"

    def _sizes(self, sight: Sight, depth: int) -> str:
        source, element = self.objects(sight, depth)
        groups = f"{source}.groupBy({self.per_element(sight, element, 0, self.key)})"
        # The group is a scope, too.
        inside = sight.enter(ArrayType(element)).enter(element)
        return self.one(
            [
                f"{groups}.map(this.sum({self.number(inside, 0)}))",
                f"{groups}.map((k, v) => v.max({self.number(inside, 0)}))",
                f"{groups}.map(this.count())",
                f"{groups}.map((k, v) => v.count())",
                f"{groups}.values().map(this.count())",
            ]
        )

    def _tops(self, sight: Sight, depth: int) -> str:
        return f"{self.fallback('numbers', sight, '$1.marks')}.{self.one(['topN', 'bottomN'])}(this, {self.one('0125')})"

    def _records_number(self, sight: Sight, depth: int) -> str:
        source, element = self.objects(sight, depth)
        return f"{source}.map({self.per_element(sight, element, depth, self.record)}).n"

    def times(self, sight: Sight, depth: int) -> str:
        rules = self._plural("times", DATETIME, self.time, "$1.visits")
        return self.rule(rules if depth else rules[:4], sight, max(depth - 1, 0))

    # --- arrays of objects, objects, maps: their types matter

    def objects(self, sight: Sight, depth: int) -> Found:
        """An array of objects, with the type of its elements."""
        found = self.path("objects", sight) or ("xEvent", EVENTS)
        source, type_ = self.one([found, ("xEvent", EVENTS)])
        assert isinstance(type_, ArrayType)
        element = type_.element
        if not depth:
            return source, element
        match self.one(
            [
                "path",
                "path",
                "filter",
                "brackets",
                "top",
                "select",
                "group",
                "distinct",
                "if",
                "let",
                "lambda",
            ]
        ):
            case "filter":
                return f"{source}.filter({self.per_element(sight, element, depth - 1, self.test)})", element
            case "brackets":
                return f"{source}[{self.test(sight.enter(element), depth - 1)}]", element
            case "top":
                key = self.per_element(sight, element, 0, self.one([self.number, self.time]))
                return f"{source}.{self.one(['topN', 'bottomN'])}({key}, {self.one('01235')})", element
            case "select":
                clause = self.clauses(sight, depth - 1, 1, array=lambda s, d: (source, ArrayType(element)))[0]
                return f"(select {clause})", element
            case "group":
                key = self.per_element(sight, element, 0, self.key)
                return f"{source}.groupBy({key}).get({self.text(sight, 0)})", element
            case "distinct":
                return f"{source}.distinct()", element
            case "if":
                return (
                    f"if({self.test(sight, 0)}, {source}, {source}[{self.test(sight.enter(element), 0)}])",
                    element,
                )
            case "let":
                name = self.name()
                return (
                    f"(let {name} = {source} in {name}[{self.test(sight.bind(name, type_).enter(element), 0)}])",
                    element,
                )
            case "lambda":
                name = self.name()
                test = self.test(sight.enter(element).bind(name, element), depth - 1)
                return f"{source}.filter({name} => {test})", element
        return source, element

    def key(self, sight: Sight, depth: int) -> str:
        """What a group may be named after."""
        rules: list[Rule] = [self._text_path, self._text_path, self._number_path, self._truth_path]
        rules += [self._time_path, lambda s, d: self.fallback("texts", s, "$1.tags"), self.text]
        return self.rule(rules, sight, depth)

    def object(self, sight: Sight, depth: int) -> Found:
        found = self.path("object", sight) or ("$1.home", paths_from(sight.scopes[0])["object"][0][1])
        if depth and self.one("01") == "0":
            source, element = self.objects(sight, depth - 1)
            return f"{source}.head()", element
        return found

    def mapping(self, sight: Sight, depth: int) -> Found:
        """A map, with the type of its values."""
        found = self.path("map", sight) or ("$1.quota", MapType(INTEGER))
        if not depth:
            assert isinstance(found[1], MapType)
            return found[0], found[1].value
        match self.one(["path", "path", "group", "entries"]):
            case "group":
                source, element = self.objects(sight, depth - 1)
                return (
                    f"{source}.groupBy({self.per_element(sight, element, depth - 1, self.key)})",
                    ArrayType(element),
                )
            case "entries":
                return self.numbers_map(sight, depth), NUMBER
        return self.mapping(sight, 0)

    def numbers_map(self, sight: Sight, depth: int) -> str:
        """A map of numbers, computed where depth allows."""
        if not depth or self.one("01") == "0":
            return "$1.quota"
        source, element = self.objects(sight, 0)
        groups = f"{source}.groupBy({self.key(sight.enter(element), 0)})"
        # The group is a scope, too.
        inside = sight.enter(ArrayType(element)).enter(element)
        key = self.one(["k", "v.count()", '"a"', 'k.regexGroup("a|b")'])
        return self.one(
            [
                f"{groups}.map((k, v) => mapEntry({key}, v.count()))",
                f"{groups}.map((k, v) => mapEntry({key}, v.sum({self.number(inside, 0)})))",
                f"$1.quota.map((k, v) => mapEntry({self.one(['k', 'v', '$1.name'])}, {self.one(['v', 'v / 2', 'v % 0'])}))",
                "$1.lists.map((k, v) => mapEntry(k, v.sum()))",
            ]
        )

    # --- variables

    def clauses(self, sight: Sight, depth: int, count: int, array: Typed | None = None) -> tuple[str, Sight]:
        """`V from A where c, …`, and what is seen after it."""
        parts: list[str] = []
        for _ in range(count):
            name = self.name()
            source, type_ = self._source(sight) if array is None else array(sight, 0)
            assert isinstance(type_, ArrayType)
            sight = sight.bind(name, type_.element)
            word = self.one([" where ", " where ", " : ", ""])
            parts.append(f"{name} from {source}" + (f"{word}{self.test(sight, depth)}" if word else ""))
        return ", ".join(parts), sight

    def _source(self, sight: Sight) -> Found:
        kind = self.one(["objects", "objects", "objects", "texts", "numbers", "times"])
        return self.path(kind, sight) or ("xEvent", EVENTS)

    def tuples(self, sight: Sight, depth: int) -> str:
        return f"(select {self.clauses(sight, depth, int(self.one('122')))[0]})"
