"""The REST doors. Only here is HTTP known."""
