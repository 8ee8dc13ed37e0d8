"""One call that is being bound, and what the functions share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from muster.pql import syntax
from muster.pql.bound import Bound, Missing, Variable
from muster.pql.compare import lift
from muster.pql.errors import Place
from muster.pql.types import ANY, ArrayType, Type, is_text

if TYPE_CHECKING:
    from muster.pql.bind import Binder, Env

NOTHING = Missing(ANY)
MANY = 1_000


@dataclass(frozen=True, slots=True)
class At:
    """One call that is being bound."""

    binder: Binder
    node: syntax.Call
    env: Env

    @property
    def place(self) -> Place:
        return self.node.place

    def expr(self, index: int) -> syntax.Expr:
        argument = self.node.arguments[index]
        assert isinstance(argument, syntax.Expr)
        return argument

    def value(self, index: int) -> Bound:
        """An argument that is evaluated where the call stands."""
        return self.binder.expr(self.expr(index), self.env)

    def text(self, index: int) -> Bound:
        value = self.value(index)
        if not is_text(value.type) and value.type != ANY:
            return self.binder.mismatch(self.expr(index).place, "text", value.type)
        return value

    def array(self, index: int) -> Bound:
        value = self.value(index)
        if not isinstance(value.type, ArrayType) and value.type != ANY:
            return self.binder.mismatch(self.expr(index).place, "array", value.type)
        return value

    def literal(self, index: int, kind: Literal["string", "integer", "boolean"]) -> syntax.Literal | None:
        """An argument that must be written out, or None with an error noted."""
        node = self.expr(index)
        if isinstance(node, syntax.Literal) and node.kind == kind:
            return node
        if kind == "integer" and isinstance(node, syntax.Negative):
            self.binder.fail(node.place, "BAD_VALUE", "the number is not negative")
            return None
        if isinstance(node, syntax.Broken):
            return None
        found = _described(node)
        message = f"{kind} literal needed, {found} found"
        self.binder.fail(node.place, "TYPE_MISMATCH", message, expected=(f"{kind} literal",), found=found)
        return None

    def element(self, type_: Type, *, condition: bool = False) -> tuple[Variable, Bound]:
        """The first argument, evaluated once per element of this type."""
        argument = self.node.arguments[0]
        variable = self.binder.new(type_)
        env = self.env.enter(variable)
        body = argument
        if isinstance(argument, syntax.Lambda):
            env = env.bind(argument.parameters[0], variable)
            body = argument.body
        assert isinstance(body, syntax.Expr)
        bind = self.binder.condition if condition else self.binder.expr
        return variable, bind(body, env)

    def body_place(self) -> Place:
        argument = self.node.arguments[0]
        return argument.body.place if isinstance(argument, syntax.Lambda) else argument.place

    def refuse(self, expected: str, receiver: Bound) -> Bound:
        """The receiver has the wrong type."""
        return self.binder.mismatch(self.place, expected, receiver.type)


def _described(node: syntax.Expr) -> str:
    """What stands where a literal is needed, in words."""
    return f"{node.kind} literal" if isinstance(node, syntax.Literal) else "an expression"


Handler = Callable[[At, Bound], Bound]


@dataclass(frozen=True, slots=True)
class Method:
    """`least` to `most` arguments; `lambdas` are the numbers of parameters its first argument may have as a lambda."""

    handler: Handler
    least: int
    most: int
    lambdas: tuple[int, ...] = ()


def check_call(binder: Binder, node: syntax.Call, least: int, most: int, lambdas: tuple[int, ...]) -> bool:
    given = len(node.arguments)
    if not least <= given <= most:
        wanted = str(least) if least == most else f"{least} or more" if most == MANY else f"{least} to {most}"
        binder.fail(
            node.place,
            "BAD_ARGUMENTS",
            f"{node.name} takes {wanted} {'argument' if wanted == '1' else 'arguments'}, {given} given",
            expected=(wanted,),
            found=str(given),
        )
        return False
    for index, argument in enumerate(node.arguments):
        if not isinstance(argument, syntax.Lambda):
            continue
        repeated = _repeated_parameter(argument)
        if repeated is not None:
            binder.fail(repeated, "DUPLICATE_NAME", "two parameters have one name")
            return False
        if index > 0 or len(argument.parameters) not in lambdas:
            message = "a lambda does not fit here" if index or not lambdas else "another number of parameters"
            binder.fail(argument.start, "BAD_ARGUMENTS", f"{node.name}: {message}")
            return False
    return True


def _repeated_parameter(node: syntax.Lambda) -> Place | None:
    """Where a parameter has the name of one before it."""
    for index, name in enumerate(node.parameters):
        if name in node.parameters[:index]:
            return node.parameter_places[index] if node.parameter_places else node.start
    return None


def lifted(
    at: At, receiver: Bound, expected: str, fits: Callable[[Type], bool], make: Callable[[Bound], Bound]
) -> Bound:
    """A function of a scalar; over an array, the array of the results."""
    if isinstance(receiver.type, ArrayType):
        variable = at.binder.new(receiver.type.element)
        return lift(receiver, variable, lifted(at, variable, expected, fits, make))
    if receiver.type == ANY:
        return NOTHING
    return make(receiver) if fits(receiver.type) else at.refuse(expected, receiver)


def needs_array(handler: Handler) -> Handler:
    def handle(at: At, receiver: Bound) -> Bound:
        if not isinstance(receiver.type, ArrayType) and receiver.type != ANY:
            return at.refuse("array", receiver)
        return handler(at, receiver)

    return handle
