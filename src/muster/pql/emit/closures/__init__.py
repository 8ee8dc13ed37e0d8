"""A query as Python functions, for one profile after another."""

from muster.pql.emit.closures.matcher import Matcher, compile_query, compile_test

__all__ = ["Matcher", "compile_query", "compile_test"]
