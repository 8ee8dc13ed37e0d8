"""People as columns: queries answered for all of them at once, without a server."""

from muster.pql.tables.profile_table import ProfileTable

__all__ = ["ProfileTable"]
