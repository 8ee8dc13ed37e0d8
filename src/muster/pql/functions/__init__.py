"""What every method and function means."""

from muster.pql.functions.free import FREE
from muster.pql.functions.table import METHODS, apply_function, apply_method
from muster.pql.functions.text import text_test

__all__ = ["FREE", "METHODS", "apply_function", "apply_method", "text_test"]
