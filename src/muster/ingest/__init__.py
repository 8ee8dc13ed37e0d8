"""Stage one: bytes become checked XDM rows in a batch."""
