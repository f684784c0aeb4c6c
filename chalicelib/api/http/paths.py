"""Percent-decoding of path parameters, exactly once, whatever gateway calls.

A REST API and our local server pass path parameters percent-encoded. An HTTP API decodes them; its events have a
`version`. ministack sends such events for REST APIs, too. With two decodings, `qa%2540example.com` would become
another user; with none, `qa%40example.com` would not be found.
"""

from collections.abc import Mapping
from urllib.parse import unquote

from chalice.app import Request


def decoded(request: Request, path: Mapping[str, str]) -> dict[str, str]:
    """Gives the decoded path parameters. Invalid UTF-8 becomes replacement characters, which no id has."""
    if "version" in request.to_original_event():
        return dict(path)
    return {name: unquote(value) for name, value in path.items()}
