"""Property tests take as many examples as fit into a quick run, and no deadline: the machine may be busy."""

from hypothesis import settings

settings.register_profile("quick", max_examples=40, deadline=None)
settings.load_profile("quick")
