"""Random conditions: comparisons, tests, quantifiers, times and sequences."""

from __future__ import annotations

from tests.property.pql.containers import Containers
from tests.property.pql.sight import Sight
from tests.property.pql.words import EVENTS, ORDERS, UNITS, Rule, quote
from tests.property.pql.world import SEGMENTS

from muster.pql import (
    ArrayType,
)

_PATTERNS = (
    "^a",
    "b$",
    "(?i)A.",
    "[^a]",
    "^$",
    "a|b",
    "[0-9]{2}",
    "^.$",
    "\\\\d+",
    "(a)|(b)",
    "\\\\bb",
    "(?s)x.y",
)
_LONGS = ("0", "1", "9223372036854775807", "-9223372036854775807", "4611686018427387904", "9007199254740993")


class Writer(Containers):
    """Writes one random query."""

    # --- tests

    def test(self, sight: Sight, depth: int) -> str:
        """A condition of any type."""
        rules: list[Rule] = [self.boolean] * 5
        if depth:
            return self.rule(
                [*rules, self._stored, self._array, self.tuples, self._let(self.test)], sight, depth
            )
        return self.rule([*rules, self._stored], sight, depth)

    def boolean(self, sight: Sight, depth: int) -> str:
        """A test of type boolean."""
        rules: list[Rule] = [self._compare_texts, self._compare_numbers, self._compare_numbers]
        rules += [
            self._compare_times,
            self._compare_truths,
            self._text_test,
            self._text_test,
            self._in,
            self._occurs,
            self._null,
            self._long,
        ]
        if depth:
            rules += [
                self._null_inside,
                self._and,
                self._or,
                self._not,
                self._list_test,
                self._compare_arrays,
                self._compare_objects,
            ]
            rules += [
                self._exists,
                self._exists,
                self._quantified,
                self._quantified,
                self._chain,
                self._chain,
            ]
            rules += [self._counted, self._counted, self._segment, self._if(self.truth)]
            depth -= 1
        return self.rule(rules, sight, depth)

    def _and(self, sight: Sight, depth: int) -> str:
        return f"({self.test(sight, depth)} {self.one(['and', 'AND'])} {self.test(sight, depth)})"

    def _or(self, sight: Sight, depth: int) -> str:
        return f"({self.test(sight, depth)} or {self.test(sight, depth)})"

    def _not(self, sight: Sight, depth: int) -> str:
        return f"({self.one(['not ', '!', 'NOT '])}{self.test(sight, depth)})"

    def _compare_texts(self, sight: Sight, depth: int) -> str:
        if self.one("012") == "0":
            right = self.rule([self._number_path, self._truth_path, self._number_literal], sight, 0)
            return f"({self.string(sight, depth)} {self.sign()} {right})"
        return f"({self.rule([self.text, self.texts], sight, depth)} {self.sign()} {self.text(sight, 0)})"

    def _compare_numbers(self, sight: Sight, depth: int) -> str:
        left = self.rule([self.number, self.number, self.numbers], sight, depth)
        right = self.rule([self.number, self.number, self.number, self._text_path], sight, depth)
        return f"({left} {self.sign()} {self.one([right, right, right, quote('1.5'), quote('-3')])})"

    def _compare_times(self, sight: Sight, depth: int) -> str:
        left = self.rule([self.time, self.time, self.times], sight, depth)
        right = self.rule([self.time, self.time, self._text_path], sight, 0)
        texts = (
            quote("2024-03-10"),
            quote("2024-03-10T05:45:30.25Z"),
            quote("2024-03-10T07:45:30.250+02:00"),
        )
        return f"({left} {self.sign()} {self.one([right, right, *texts])})"

    def _compare_truths(self, sight: Sight, depth: int) -> str:
        right = self.one(["true", "false", quote("true"), self.truth(sight, 0), self._text_path(sight, 0)])
        return f"({self.truth(sight, min(depth, 1))} {self.one(['=', '!='])} {right})"

    def _compare_arrays(self, sight: Sight, depth: int) -> str:
        write = self.one([self.texts, self.numbers, self.times])
        return f"({write(sight, depth)} {self.one(['=', '!='])} {write(sight, 0)})"

    def _compare_objects(self, sight: Sight, depth: int) -> str:
        left, right = self.object(sight, depth)[0], self.object(sight, depth)[0]
        same = self.one(["$1.home", '{"zip": $1.name, "floor": 2.0}', right])
        return f"({left} {self.one(['=', '!='])} {same})"

    def _long(self, sight: Sight, depth: int) -> str:
        """Whole numbers near the end of 64 bits, and doubles near the end of theirs."""
        whole = self.one(
            [
                "$1.long",
                f"($1.long {self.one('+-*')} {self.one(_LONGS)})",
                f"($1.long % {self.one(_LONGS)})",
                "(-$1.long)",
            ]
        )
        real = self.one(
            [
                "$1.big",
                f"($1.big {self.one('+-*/')} {self.one(['$1.score', '$1.big', '1.5', '0'])})",
                "(-$1.big)",
            ]
        )
        return self.one(
            [
                f"({whole} {self.sign()} {self.one([*_LONGS, '$1.long'])})",
                f"{whole}.{self.one(['isNull', 'isNotNull'])}()",
                f"({real} {self.sign()} {self.one(['0', '1.5', '1E308', '$1.big'])})",
                f"{real}.{self.one(['isNull', 'isNotNull'])}()",
            ]
        )

    def _text_test(self, sight: Sight, depth: int) -> str:
        left = self.rule([self.text, self.text, self._text_path, self.texts], sight, depth)
        right, case = self.text(sight, depth), self.one(["", ", true", ", false"])
        name = self.one(
            ["startsWith", "doesNotStartWith", "endsWith", "doesNotEndWith", "contains", "doesNotContain"]
        )
        several = f"{self.one(['equals', 'notEqualTo'])}({right}, {self.text(sight, 0)}{case})"
        pattern = f'"{self.one(_PATTERNS)}"'
        return self.one(
            [
                f"{left}.{name}({right}{case})",
                f"{left}.{self.one(['equals', 'notEqualTo'])}({right}{case})",
                f"{left}.{several}",
                f"({left} like {self.one([right, quote('a%'), quote('_'), quote('%b_'), quote('%')])})",
                f"{left}.matches({pattern})",
                f"({left} matches {pattern})",
            ]
        )

    def _in(self, sight: Sight, depth: int) -> str:
        word = self.one(["in", "notIn", "not in", "NOTIN"])
        left, right = self.one(
            [
                (self.text, self.texts),
                (self.texts, self.texts),
                (self.number, self.numbers),
                (self.time, self.times),
                (self.string, self.numbers),
                (self.number, lambda s, d: self.fallback("texts", s, "$1.tags")),
            ]
        )
        return f"({left(sight, depth)} {word} {right(sight, depth)})"

    def _list_test(self, sight: Sight, depth: int) -> str:
        write = self.one([self.texts, self.numbers, self.times])
        single = {self.texts: self.text, self.numbers: self.number, self.times: self.time}[write]
        left = write(sight, depth)
        name = self.one(["intersects", "subsetOf", "supersetOf"])
        return self.one([f"{left}.{name}({write(sight, depth)})", f"{left}.includes({single(sight, depth)})"])

    def _null(self, sight: Sight, depth: int) -> str:
        rules: list[Rule] = [self.text, self.number, self.time, self.texts, self.numbers, self.truth]
        rules += [
            lambda s, d: self.object(s, d)[0],
            lambda s, d: self.mapping(s, d)[0],
            lambda s, d: self.objects(s, d)[0],
        ]
        return f"{self.rule(rules, sight, depth)}.{self.one(['isNull', 'isNotNull'])}()"

    def _null_inside(self, sight: Sight, depth: int) -> str:
        """Whether an array that went through something else is missing or only empty."""
        write = self.one([self.texts, self.numbers, self.times])
        array, other = write(sight, depth), write(sight, 0)
        return self.one(
            [
                f'{{"a": {array}}}.a.isNull()',
                f"if({self.test(sight, 0)}, {array}, {other}).isNull()",
                f"([{array}, {other}].count() = {self.one('12')})",
                f"($1.quota.map((k, w) => mapEntry(k, {self.one(['w', '$1.tags', '$1.orders.sku', '$1.tags.distinct()'])})).count() > 0)",
            ]
        )

    def _stored(self, sight: Sight, depth: int) -> str:
        """A value of any type as a condition."""
        kinds = [
            "text",
            "number",
            "truth",
            "time",
            "object",
            "map",
            "texts",
            "truths",
            "objects",
            "maps",
            "nested",
        ]
        found = self.path(self.one(kinds), sight)
        return "$1.vip" if found is None else found[0]

    def _exists(self, sight: Sight, depth: int) -> str:
        source, element = self.objects(sight, depth)
        test = self.per_element(sight, element, depth, self.test)
        return f"{source}.exists({test})"

    def _array(self, sight: Sight, depth: int) -> str:
        """An array as a condition: it has an element."""
        return self.rule([lambda s, d: self.objects(s, d)[0], self.texts, self.numbers], sight, depth)

    def _quantified(self, sight: Sight, depth: int) -> str:
        word = self.one(["exists", "forall", "some", "all", "none", "one"])
        return f"({word} {self.clauses(sight, depth, int(self.one('1112')))[0]})"

    def _counted(self, sight: Sight, depth: int) -> str:
        """How often something happened."""
        source, element = self.objects(sight, depth)
        return f"({source}[{self.test(sight.enter(element), depth)}].count() {self.sign()} {self.one('012')})"

    def _segment(self, sight: Sight, depth: int) -> str:
        fields = '$1.segmentMembership.ups.gold.status = "realized"'
        entry = 'segmentMembership.get("AAM").get("gold").status.isNotNull()'
        named = [f'inSegment("{each}")' for each in (*SEGMENTS, "fresh")]
        return self.one([*named, f"({fields})", f"$1.{entry}"])

    # --- time

    def _occurs(self, sight: Sight, depth: int) -> str:
        left = self.rule([self.time, self.time, self.times], sight, depth)
        return f"({left} occurs {self.when(sight, depth)})"

    def when(self, sight: Sight, depth: int) -> str:
        """What may follow `occurs`."""
        anchor = self.anchor(sight, depth)
        match self.one(["on", "side", "between", "distance", "distance"]):
            case "on":
                return anchor if anchor.startswith("[") else f"{self.one(['', 'on '])}{anchor}"
            case "side":
                return f"{self.one(['before', 'after', 'from'])} {anchor}"
            case "between":
                return f"between {self.anchor(sight, 0)} and {anchor}"
        amount = self.one(["0", "1", "2", "10", "30000"])
        return f"{self.sign()} {amount} {self.one(UNITS)} {self.one(['before', 'after', 'from'])} {anchor}"

    def anchor(self, sight: Sight, depth: int) -> str:
        period = f"{self.one(['this', 'last', 'next'])} {self.one(UNITS)}"
        return self.one([self.time(sight, 0), self.time(sight, 0), self.time(sight, depth), period])

    # --- sequences

    def _chain(self, sight: Sight, depth: int) -> str:
        array, field = "$1.orders", self.one(["at", "due"])
        element = ORDERS
        if self.one("012") != "0":
            array, field, element = (
                self.one(["xEvent", 'xEvent[eventType = "buy"]']),
                "timestamp",
                EVENTS,
            )
        assert isinstance(element, ArrayType)
        steps: list[str] = []
        for index in range(int(self.one("12223"))):
            name = "ABC"[index]
            sight = sight.bind(name, element.element)
            steps.append(f"{name}: {self._step(sight.enter(element.element), depth, name, field, index)}")
        return f"{self.one(['chain', 'CHAIN'])}({array}, {field}, [{', '.join(steps)}])"

    def _step(self, sight: Sight, depth: int, name: str, field: str, index: int) -> str:
        what = self.one([self.test(sight, depth), "true", self.test(sight, 0)])
        parts = [f"WHAT({what})"]
        before = "ABC"[: index + 1]
        if index and self.one("01") == "0":
            earlier = self.one(before[:-1])
            distance = f"{self.sign()} {self.one('012')} {self.one(['hour', 'day', 'month'])} after {earlier}.{field}"
            parts.append(f"WHEN({distance})")
        if self.one("012") == "0":
            parts.append(f"WHEN({self.when(sight, 0)})")
        if self.one("01") == "0":
            parts.append(f"WHERE({self.test(sight, depth)})")
        if self.one("0123") == "0":
            parts.append(f"COUNT({self.one('123')})")
        return " ".join(parts)

    # --- the query

    def query(self, depth: int) -> str:
        if self.one("0123") == "0":
            name = self.name()
            sight = Sight().bind(name, Sight().scopes[0])
            return f"{self.one([name, f'({name})'])} => {self.test(sight, depth)}"
        return self.test(Sight(), depth)
