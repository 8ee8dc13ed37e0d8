"""The version of a stored resource; etags and `1.0.n` are dialects of it."""

from __future__ import annotations

from typing import NewType

Version = NewType("Version", int)
"""Counts the writes of one resource from 1. Only equality means anything to a caller."""
