"""The profile store: buckets as base plus runs, and the memberships of their persons. Stages meet here."""
