"""Races for seats over HTTP: buyers, instances of the API, controls without a guard, and the final state."""
