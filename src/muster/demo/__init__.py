"""The path of a record, shown on real purchases through the REST API; `make demo`."""
