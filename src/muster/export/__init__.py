"""Stage four: memberships become files, in datasets and at destinations."""
