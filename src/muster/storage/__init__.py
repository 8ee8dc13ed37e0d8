"""Where things are kept: resources in a database, files in the lake, columns in an engine."""
