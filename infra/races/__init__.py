"""Races for seats over HTTP: the crowd, the instances, the control without a guard, and the state afterwards."""
