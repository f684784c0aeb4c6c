"""Percent-decoding of path parameters, exactly once, whichever gateway calls.

A REST API and our local server pass path parameters percent-encoded. An HTTP API passes them decoded, in events that
have a `version`. The emulator ministack sends such events for REST APIs, too. Decoded twice, `qa%2540example.com` would
become another user's id; not decoded, `qa%40example.com` would not be found.
"""

from collections.abc import Mapping
from urllib.parse import unquote

from chalice.app import Request


def percent_decoded_once(request: Request, path: Mapping[str, str]) -> dict[str, str]:
    """Gives the path parameters percent-decoded. Invalid UTF-8 becomes replacement characters, which no id contains."""
    if "version" in request.to_original_event():
        return dict(path)
    return {name: unquote(value) for name, value in path.items()}
