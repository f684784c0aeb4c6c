"""Races for seats over HTTP: the buyers, the API's instances, controls without a guard, and the final state."""
