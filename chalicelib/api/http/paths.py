"""Path parameters: decodes them exactly once, for every view and every gateway.

A REST API passes them on percent-encoded, as they are in the address. So does our local server. An event with a
`version` has the form of HTTP APIs, whose gateway has decoded them: ministack sends such events for REST APIs, too.
Decoding twice would take the user `qa%2540example.com` for another; not decoding finds no `qa%40example.com`.
"""

from collections.abc import Mapping
from urllib.parse import unquote

from chalice.app import Request


def decoded(request: Request, path: Mapping[str, str]) -> dict[str, str]:
    """Gives the path parameters decoded. Bytes that are no UTF-8 become replacement characters: no id has them."""
    if "version" in request.to_original_event():
        return dict(path)
    return {name: unquote(value) for name, value in path.items()}
