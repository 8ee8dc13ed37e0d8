"""Stage three: profiles and definitions become memberships."""
