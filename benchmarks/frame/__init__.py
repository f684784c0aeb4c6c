"""The frame of `make bench`: what a benchmark is given, what it gives back, and how that is shown."""
