"""Benchmarks: what is measured, never asserted. `make bench`."""
