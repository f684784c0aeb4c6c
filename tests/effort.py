"""The effort of long tests: a portion in `make test`, all of it in `make prove`, which sets PROVE=1."""

import os

PROVING = os.environ.get("PROVE") == "1"


def effort(portion: int, whole: int) -> int:
    """Gives the number of rounds, examples or events: `whole` while proving, else `portion`."""
    return whole if PROVING else portion
