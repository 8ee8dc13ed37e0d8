"""Rows of members become files: names, formats, parts. Nothing here knows where they go."""
