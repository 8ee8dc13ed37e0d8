"""Random expressions that give one text, number, time or truth value."""

from __future__ import annotations

from tests.property.pql.sight import Found, Sight
from tests.property.pql.words import TEXTS, Rule, Words, quote

from muster.pql import (
    DATETIME,
    NUMBER,
    STRING,
    ArrayType,
    MapType,
)

_NUMBERS = (
    "0",
    "1",
    "2",
    "7",
    "(-3)",
    "1.5",
    "(-.5)",
    "2.0",
    "1E1",
    "currentYear()",
    "currentMonth()",
    "currentDayOfMonth()",
)
_DAYS = (
    "today",
    "yesterday",
    "tomorrow",
    "date(2024, 2, 29)",
    "date(2024, 3, 31)",
    "date(9999, 12, 31)",
    "date(currentYear() - 1, 3, 10)",
    "date(currentYear(), currentMonth() + 1, currentDayOfMonth())",
)


class Scalars(Words):
    """Writes scalars."""

    # --- values of one kind

    def text(self, sight: Sight, depth: int) -> str:
        if not depth:
            return self.rule([self._text_path, self._text_path, self._text_literal], sight, depth)
        rules: list[Rule] = [*[self._text_path] * 4, *[self._text_literal] * 2]
        rules += [self._key_path, self._group, self._entry_text, self._head_of_texts]
        return self.rule([*rules, self._if(self.text), self._let(self.text)], sight, depth - 1)

    def _text_path(self, sight: Sight, depth: int) -> str:
        return self.fallback("text", sight, "$1.name")

    def _key_path(self, sight: Sight, depth: int) -> str:
        return self.fallback("key", sight, "$1.store")

    def string(self, sight: Sight, depth: int) -> str:
        """Text that is no reference: only such is converted, or converts others."""
        return self.rule([self._text_path, self._text_path, self._text_literal], sight, depth)

    def _text_literal(self, sight: Sight, depth: int) -> str:
        return quote(self.one(TEXTS))

    def _group(self, sight: Sight, depth: int) -> str:
        pattern = self.one(['"[a-z]+"', '"(.)b", 1', '"(a)|(b)", 2', '"(a)?b?", 1', '"^.*$", 0'])
        return f"{self.text(sight, 0)}.regexGroup({pattern})"

    def _entry_text(self, sight: Sight, depth: int) -> str:
        return f"$1.prefs.get({self.text(sight, 0)})"

    def _head_of_texts(self, sight: Sight, depth: int) -> str:
        return f"{self.texts(sight, depth)}.head()"

    def number(self, sight: Sight, depth: int) -> str:
        if not depth:
            return self.rule([self._number_path, self._number_literal], sight, depth)
        rules: list[Rule] = [self._number_path] * 3
        rules += [
            self._number_literal,
            self._arithmetic,
            self._arithmetic,
            self._negative,
            self._count,
            self._count,
        ]
        rules += [self._aggregate] * 3 + [self._aggregate_over] * 2
        rules += [self._date_part, self._entry_number, self._head_of_numbers]
        return self.rule([*rules, self._if(self.number), self._let(self.number)], sight, depth - 1)

    def _number_path(self, sight: Sight, depth: int) -> str:
        return self.fallback("number", sight, "$1.age")

    def _number_literal(self, sight: Sight, depth: int) -> str:
        return str(self.one(_NUMBERS))

    def _arithmetic(self, sight: Sight, depth: int) -> str:
        return f"({self.number(sight, depth)} {self.one('+-*/%')} {self.number(sight, depth)})"

    def _negative(self, sight: Sight, depth: int) -> str:
        return f"(-{self.number(sight, depth)})"

    def _count(self, sight: Sight, depth: int) -> str:
        arrays = [self.texts, self.numbers, self.times, lambda s, d: self.objects(s, d)[0]]
        mapping: Rule = lambda s, d: self.mapping(s, d)[0]  # noqa: E731
        return f"{self.rule([*arrays, self.tuples, mapping], sight, depth)}.count()"

    def _aggregate(self, sight: Sight, depth: int) -> str:
        function = self.one(["sum", "average", "min", "max"])
        if self.one([True, False]):
            nested = self.path("nested", sight)
            return f"{nested[0] if nested and self.one('01') == '0' else self.numbers(sight, depth)}.{function}()"
        source, element = self.objects(sight, depth)
        return f"{source}.{function}({self.per_element(sight, element, depth, self.number)})"

    def _aggregate_over(self, sight: Sight, depth: int) -> str:
        """The prefix forms, with one and with several variables."""
        function = self.one(["sum", "average", "min", "max", "count"])
        if self.one("012") == "0":
            return f"({function} {self.clauses(sight, depth, 1, array=self._number_array)[0]})"
        clauses, inner = self.clauses(sight, depth, int(self.one("112")))
        value = self.number(inner, depth)
        if function == "count":
            value = self.rule([self.number, self.text, self.time, self.texts], inner, depth)
        return f"({function} {value} over {clauses})"

    def _number_array(self, sight: Sight, depth: int) -> Found:
        return self.numbers(sight, depth), ArrayType(NUMBER)

    def _date_part(self, sight: Sight, depth: int) -> str:
        return f"{self.time(sight, 0)}.{self.one(['getYear', 'getMonth', 'getDayOfMonth'])}()"

    def _entry_number(self, sight: Sight, depth: int) -> str:
        return f"{self.numbers_map(sight, depth)}.get({self.text(sight, 0)})"

    def _head_of_numbers(self, sight: Sight, depth: int) -> str:
        return f"{self.numbers(sight, depth)}.head()"

    def time(self, sight: Sight, depth: int) -> str:
        if not depth:
            return self.rule([self._time_path, self._time_path, self._time_literal], sight, depth)
        rules: list[Rule] = [*[self._time_path] * 4, *[self._time_literal] * 2]
        rules += [self._made_date, self._head_of_times, self._if(self.time), self._let(self.time)]
        return self.rule(rules, sight, depth - 1)

    def _time_path(self, sight: Sight, depth: int) -> str:
        return self.fallback("time", sight, "$1.seen")

    def _time_literal(self, sight: Sight, depth: int) -> str:
        return str(self.one([*_DAYS, "now", "now"]))

    def _made_date(self, sight: Sight, depth: int) -> str:
        year, month = self.one(["currentYear()", "2023", "1964"]), self.one(["2", "currentMonth()", "-1"])
        whole = self.one(["$1.age", "$1.home.floor", "$1.tags.count()", "$1.born.getDayOfMonth()"])
        return f"date({year}, {month}, {self.one([whole, f'({whole} + 28)', '(28 + 1)'])})"

    def _head_of_times(self, sight: Sight, depth: int) -> str:
        return f"{self.times(sight, depth)}.head()"

    def truth(self, sight: Sight, depth: int) -> str:
        if not depth:
            return str(self.one([self._truth_path(sight, 0), "true", "false"]))
        rules: list[Rule] = [self._truth_path, self._if(self.truth), self._let(self.truth), self.boolean]
        return self.rule(rules, sight, depth - 1)

    def _truth_path(self, sight: Sight, depth: int) -> str:
        return self.fallback("truth", sight, "$1.vip")

    def _if(self, branch: Rule) -> Rule:
        return lambda sight, depth: (
            f"if({self.test(sight, min(depth, 1))}, {branch(sight, depth)}, {branch(sight, 0)})"
        )

    def _let(self, body: Rule) -> Rule:
        def write(sight: Sight, depth: int) -> str:
            name, (value, type_) = self.name(), self.anything(sight, depth)
            return f"(let {name} = {value} in {body(sight.bind(name, type_), depth)})"

        return write

    def anything(self, sight: Sight, depth: int) -> Found:
        """A value of any type."""
        kind = self.one(["text", "number", "texts", "numbers", "objects", "map", "object", "time"])
        match kind:
            case "texts":
                return self.fallback("texts", sight, "$1.tags"), ArrayType(STRING)
            case "numbers":
                return self.numbers(sight, depth), ArrayType(NUMBER)
            case "objects":
                source, element = self.objects(sight, depth)
                return source, ArrayType(element)
            case "map":
                source, value = self.mapping(sight, depth)
                return source, MapType(value)
            case "object":
                return self.object(sight, depth)
            case "time":
                return self.time(sight, 0), DATETIME
            case "text":
                return self.string(sight, depth), STRING
        return self.number(sight, depth), NUMBER
