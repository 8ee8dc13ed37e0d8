"""The door of one service; see its routes."""
