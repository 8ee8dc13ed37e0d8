"""The schema registry: classes, field groups, data types, union schemas; XDM types and what they are in Arrow."""
