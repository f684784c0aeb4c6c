"""Mutants that mutmut makes of domain and application: `python -m tests.mutmut`. Those made by hand are in
tests/mutants."""
