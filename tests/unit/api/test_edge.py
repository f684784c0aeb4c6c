"""Viewers who come by CloudFront are known by their own address, and nobody can make one up."""

from types import SimpleNamespace
from typing import Any

import pytest
from chalice.app import Response

from chalicelib.api.http import edge
from chalicelib.api.http.answers import HEADERS
from chalicelib.api.wire.bodies import client_address_or_network
from tests.conftest import other_settings

SECRET = "s" * 64
VIEWER, CLOUDFRONT = "198.51.100.7", "130.176.0.1"


def _source(secret: str, **headers: str) -> str:
    context: dict[str, Any] = {"identity": {"sourceIp": CLOUDFRONT}}
    request: Any = SimpleNamespace(headers={"x-forwarded-for": f"{VIEWER}, {CLOUDFRONT}"} | headers, context=context)
    with other_settings(EDGE_SECRET=secret):
        edge.with_viewers_address(request, lambda _: Response(""))
    return client_address_or_network(context)


def test_a_viewer_by_cloudfront_is_known_by_its_own_address() -> None:
    assert _source(SECRET, **{"x-edge-secret": SECRET}) == VIEWER


def test_an_address_that_a_viewer_made_up_is_not_believed() -> None:
    made_up = {"x-forwarded-for": f"10.0.0.1, {VIEWER}, {CLOUDFRONT}"}

    assert _source(SECRET, **{"x-edge-secret": SECRET}, **made_up) == VIEWER


@pytest.mark.parametrize(
    ("secret", "headers"),
    [
        (SECRET, {}),
        (SECRET, {"x-edge-secret": "s" * 63}),
        (SECRET, {"x-edge-secret": ""}),
        (SECRET, {"x-edge-secret": "é"}),
        ("", {"x-edge-secret": ""}),
        ("", {"x-edge-secret": SECRET}),
        (SECRET, {"x-edge-secret": SECRET, "x-forwarded-for": VIEWER}),
        (SECRET, {"x-edge-secret": SECRET, "x-forwarded-for": ""}),
    ],
)
def test_who_does_not_come_by_our_cloudfront_is_who_connects(secret: str, headers: dict[str, str]) -> None:
    assert _source(secret, **headers) == CLOUDFRONT


def test_what_is_not_said_to_be_public_is_kept_by_no_edge() -> None:
    assert HEADERS["Cache-Control"] == "no-store"
