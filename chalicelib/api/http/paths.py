"""Path parameters, decoded: the one door through which they reach the views, whoever made the event.

A REST API hands them over as they came in the address, percent-encoded, and so does our local server. An event with a
`version` is of the form of HTTP APIs, whose gateway has decoded them already: ministack sends it for REST APIs, too.
Who can't tell the two apart either finds no `qa%40example.com`, or takes the user `qa%2540example.com` for another.
"""

from collections.abc import Mapping
from urllib.parse import unquote

from chalice.app import Request


def decoded(request: Request, path: Mapping[str, str]) -> dict[str, str]:
    """Bytes that are no UTF-8 become replacement characters: nothing of ours has such a name."""
    if "version" in request.to_original_event():
        return dict(path)
    return {name: unquote(value) for name, value in path.items()}
