"""Stage two: rows and identities become one profile per person."""
