"""Warnings: what is valid, and probably means another thing than it says."""

from muster.pql.traps.search import NEVER_HOLDS, warnings_of

__all__ = ["NEVER_HOLDS", "warnings_of"]
