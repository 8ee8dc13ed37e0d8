"""Syntax tree → the JSON form of a query."""

from __future__ import annotations

from typing import Any

from muster.pql import syntax
from muster.pql.syntax import ELEMENT_METHODS, Expr

Json = dict[str, Any]

_PROFILE: Json = {"nodeType": "parameterReference", "position": 1}
_LITERAL_TYPES = {"string": "String", "integer": "Integer", "double": "Double", "boolean": "Boolean"}


def write_json(query: syntax.Query) -> Json:
    """The query as the node that `json.dumps` turns into an `expression.value` of format `pql/json`."""
    if isinstance(query, syntax.Lambda):
        return _Writer(frozenset(), 0).function(query)
    return _Writer(frozenset(), 0).expr(query)


def _apply(name: str, *parameters: Json) -> Json:
    return {"nodeType": "fnApply", "fnName": name, "params": list(parameters)}


def _literal(node: syntax.Literal) -> Json:
    return {"nodeType": "literal", "literalType": _LITERAL_TYPES[node.kind], "value": node.value}


def _lookup(name: str, object_: Json | None) -> Json:
    # Readers drop one `xdm:`, so a name that begins so keeps its own behind it.
    node: Json = {"nodeType": "fieldLookup", "fieldName": f"xdm:{name}" if name.startswith("xdm:") else name}
    return node if object_ is None else {**node, "object": object_}


class _Writer:
    """Writes inside one scope: `_variables` in sight, `_depth` element scopes around."""

    def __init__(self, variables: frozenset[str], depth: int) -> None:
        self._variables = variables
        self._depth = depth

    def _with(self, *names: str, depth: int = 0) -> _Writer:
        return _Writer(self._variables | frozenset(names), self._depth + depth)

    def function(self, node: syntax.Lambda, depth: int = 0) -> Json:
        """A lambda; one that is an argument opens an element scope, `depth` 1."""
        inner = self._with(*node.parameters, depth=depth)
        parameters = [{"varName": name} for name in node.parameters]
        return {"nodeType": "fnCreate", "params": parameters, "body": inner.expr(node.body)}

    def _element(self, body: Expr) -> Json:
        return {"nodeType": "fnCreate", "params": [], "body": self._with(depth=1).expr(body)}

    def expr(self, node: Expr) -> Json:
        match node:
            case syntax.Literal():
                return _literal(node)
            case syntax.Moment(word):
                return {"nodeType": "literal", "literalType": "RelativeTime", "value": word}
            case syntax.ArrayLiteral(items):
                return self._array(items)
            case syntax.ObjectLiteral(entries):
                pairs = [{"key": key, "value": self.expr(value)} for key, value in entries]
                return {"nodeType": "object", "entries": pairs}
            case syntax.Parameter(position):
                return {"nodeType": "parameterReference", "position": position}
            case syntax.ScopeReference(up):
                return {"nodeType": "scopeReference", "up": up}
            case syntax.Name(name):
                return self._name(name)
            case syntax.Field(object_, name):
                return _lookup(name, self.expr(object_))
            case syntax.Call():
                return self._call(node)
            case syntax.Filter(array, condition):
                return _apply("[]", self.expr(array), self._element(condition))
            case syntax.Not(operand):
                return _apply("not", self.expr(operand))
            case syntax.Negative(operand):
                return _apply("negate", self.expr(operand))
            case syntax.Logic(operator, operands):
                return _apply(operator, *(self.expr(operand) for operand in operands))
            case syntax.Binary(operator, left, right):
                return _apply(operator, self.expr(left), self.expr(right))
            case syntax.If(test, then, otherwise):
                return _apply("if", self.expr(test), self.expr(then), self.expr(otherwise))
            case _:
                return self._construct(node)

    def _construct(self, node: Expr) -> Json:
        match node:
            case syntax.Let(name, value, body):
                inner = self._with(name).expr(body)
                return {"nodeType": "let", "varName": name, "value": self.expr(value), "body": inner}
            case syntax.Select(clauses):
                return {"nodeType": "select", "variables": self._clauses(clauses)}
            case syntax.Quantified(quantifier, clauses):
                variables = self._clauses(clauses)
                return {"nodeType": "quantification", "quantifier": quantifier, "variables": variables}
            case syntax.Aggregate(function, value, clauses):
                head: Json = {"nodeType": "aggregation", "fnName": function}
                if value is not None:
                    head["value"] = self._with(*(clause.name for clause in clauses)).expr(value)
                return {**head, "variables": self._clauses(clauses)}
            case syntax.Occurs(value, when):
                return {"nodeType": "occurs", "value": self.expr(value), "when": self._when(when)}
            case syntax.Chain():
                return self._chain(node)
        raise TypeError(f"no JSON form of {type(node).__name__}")

    def _array(self, items: tuple[Expr, ...]) -> Json:
        literals = [item.value for item in items if isinstance(item, syntax.Literal)]
        if len(literals) == len(items):
            return {"nodeType": "literal", "literalType": "List", "value": literals}
        return {"nodeType": "list", "items": [self.expr(item) for item in items]}

    def _name(self, name: str) -> Json:
        if name in self._variables:
            return {"nodeType": "varRef", "varName": name}
        if self._depth:
            return _lookup(name, None)
        return _lookup(name, dict(_PROFILE))

    def _call(self, node: syntax.Call) -> Json:
        parameters = [] if node.receiver is None else [self.expr(node.receiver)]
        for index, argument in enumerate(node.arguments):
            if isinstance(argument, syntax.Lambda):
                parameters.append(self.function(argument, depth=1))
            elif index == 0 and node.name in ELEMENT_METHODS and node.receiver is not None:
                parameters.append(self._element(argument))
            else:
                parameters.append(self.expr(argument))
        return _apply(node.name, *parameters)

    def _clauses(self, clauses: tuple[syntax.Clause, ...]) -> list[Json]:
        writer, nodes = self, []
        for clause in clauses:
            node: Json = {"nodeType": "varDecl", "varName": clause.name, "from": writer.expr(clause.source)}
            writer = writer._with(clause.name)
            if clause.condition is not None:
                node["where"] = writer.expr(clause.condition)
            nodes.append(node)
        return nodes

    def _anchor(self, anchor: syntax.Anchor) -> Json:
        if isinstance(anchor, syntax.Period):
            return {"nodeType": "period", "which": anchor.which, "unit": anchor.unit}
        return self.expr(anchor)

    def _when(self, when: syntax.When) -> Json:
        match when:
            case syntax.Distance(comparison, amount, unit, direction, anchor):
                return {
                    "form": "distance",
                    "comparison": comparison,
                    "amount": amount,
                    "unit": unit,
                    "direction": direction,
                    "anchor": self._anchor(anchor),
                }
            case syntax.Side(direction, anchor):
                return {"form": "side", "direction": direction, "anchor": self._anchor(anchor)}
            case syntax.Between(lower, upper):
                return {"form": "between", "lower": self._anchor(lower), "upper": self._anchor(upper)}
            case syntax.During(anchor):
                return {"form": "during", "anchor": self._anchor(anchor)}
        raise TypeError(f"no JSON form of {type(when).__name__}")

    def _chain(self, node: syntax.Chain) -> Json:
        writer, steps = self._with(depth=1), []
        for step in node.steps:
            writer = writer._with(step.name)
            steps.append(writer._step(step))
        return {"nodeType": "chain", "array": self.expr(node.array), "time": list(node.time), "steps": steps}

    def _step(self, step: syntax.Step) -> Json:
        node: Json = {"name": step.name, "what": self.expr(step.what)}
        if step.where:
            node["where"] = [self.expr(condition) for condition in step.where]
        if step.when:
            node["when"] = [self._when(when) for when in step.when]
        if step.count is not None:
            node["count"] = step.count
        return node
