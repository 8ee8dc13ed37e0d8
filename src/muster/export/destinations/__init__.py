"""Where files go: one file per kind of storage."""
