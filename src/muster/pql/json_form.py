"""The JSON form of queries, both directions; the reader and the writer have a file each."""

from muster.pql.json_read import read_json
from muster.pql.json_write import write_json

__all__ = ["read_json", "write_json"]
