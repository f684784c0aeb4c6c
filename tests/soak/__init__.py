"""Constant load for minutes: what was sold agrees at its end, and no process grows."""
