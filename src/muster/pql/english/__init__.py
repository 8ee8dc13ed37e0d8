"""Definitions in English, for people who read what an audience is.

`definition` is the door. An expression is a *thing* that can be spoken of (`values`, `things`) or a condition, which
becomes a *claim* (`conditions`, `claims`); `vocabulary` and `places` are tables, `words` is grammar.
"""

from muster.pql.english.definition import in_english

__all__ = ["in_english"]
