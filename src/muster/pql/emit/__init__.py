"""Printers of atoms for engines over columns."""
