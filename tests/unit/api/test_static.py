"""Files and pages for browsers: what may be asked for, and for how long it is kept."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from chalice.app import Chalice
from chalice.test import Client

from chalicelib.api.http import static
from infra.local.lambda_proxy import ReceivedRequest, Resource, event


@pytest.fixture
def client(app: Chalice) -> Iterator[Client]:
    with Client(app) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    [
        "/assets/docs/nothing.js",
        "/assets/nothing/index.html",
        "/assets/docs/index.html",
        "/assets/docs/..",
        "/assets/../app.py",
        "/assets/docs/%2e%2e%2f%2e%2e%2fapi%2fstatic.py",
        "/assets/docs/..%2F..%2Fsettings.py",
        "/assets/docs/%00",
        "/assets/%2Fetc/passwd",
    ],
)
def test_what_is_not_among_the_assets_is_not_found(client: Client, path: str) -> None:
    answer = client.http.get(path)

    assert (answer.status_code, answer.json_body["error"]) == (404, "NOT_FOUND")


def test_every_file_of_a_part_is_of_a_kind_that_is_served() -> None:
    """Or it would be shipped, and be a 404: see static.TYPES."""
    pages = {path for path in static.WEB.glob("*/*") if path.name == "index.html"}
    unserved = {path for path in static.WEB.rglob("*") if path.is_file() and path.suffix not in static.TYPES}

    assert unserved == pages


LIBRARIES = {
    "qr/decode.js": "00e209820dcb11d624e9a03d6383e580766792b57d1651318f0a29e4e1ff0fe8",
    "qr/index.js": "a0de370051f94bd74f218f74401fdf197585e3f9ef0143164f87ea941a3fdd6f",
    "qr/LICENSE-MIT.txt": "07a9f887e9215644439b808628b09f8eece932d79130ff563f958f3a1783e684",
    "ed25519/index.js": "a4f631d1876b5d9e43a86cd71194ca27b5e1451edf4ba4db9a418f40a475569a",
    "ed25519/LICENSE.txt": "394c2e6e5552e5dba202bee6390b9d6aa2754d657f5b9869e83b3d265a315501",
}
"""The SHA-256 of each file of the libraries qr 0.7.0 and @noble/ed25519 3.2.0, as npm has them: see decision 122."""


def test_the_libraries_of_the_pages_are_as_their_makers_published_them() -> None:
    found = {
        f"{part}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for part in ("qr", "ed25519")
        for path in (static.WEB / part).iterdir()
    }

    assert found == LIBRARIES


def test_a_service_worker_may_keep_its_page_and_no_other(client: Client) -> None:
    answer = client.http.get("/assets/gate/worker.js")

    allowed = answer.headers["Service-Worker-Allowed"]
    assert urljoin("https://cinema.example/prod/assets/gate/worker.js", allowed) == "https://cinema.example/prod/gate"
    assert "Service-Worker-Allowed" not in client.http.get("/assets/gate/main.js").headers


def asked_of_lambda(app: Chalice, resource: str, path: str) -> Any:
    """Makes a request as API Gateway does: `path` is all of it, with the stage or a domain's mapping."""
    return app(event(ReceivedRequest("GET", path), Resource(resource)), None)


@pytest.mark.parametrize(
    ("resource", "path", "shown_at"),
    [
        ("/", "/prod", "/prod/"),
        ("/", "/tickets/prod", "/tickets/prod/"),  # a domain may map a path of several parts
        ("/docs", "/docs/", "/docs"),
        ("/docs", "/prod/docs/", "/prod/docs"),
        ("/operations", "/prod/operations/", "/prod/operations"),
    ],
)
def test_a_page_is_led_to_the_address_that_its_references_are_relative_to(
    app: Chalice, resource: str, path: str, shown_at: str
) -> None:
    answer = asked_of_lambda(app, resource, path)

    assert (answer["statusCode"], answer["headers"]["Cache-Control"]) == (308, "no-cache")
    assert (
        urljoin(f"https://cinema.example{path}", answer["headers"]["Location"]) == f"https://cinema.example{shown_at}"
    )
    assert asked_of_lambda(app, resource, shown_at)["statusCode"] == 200


@pytest.mark.parametrize(
    ("resource", "path"),
    [("/", "/"), ("/", "/prod/"), ("/", ""), ("/docs", "/docs"), ("/docs", "/prod/docs"), ("/docs", "")],
)
def test_a_page_is_shown_where_its_references_hit_and_where_nobody_says_where_it_is(
    app: Chalice, resource: str, path: str
) -> None:
    assert asked_of_lambda(app, resource, path)["statusCode"] == 200


@pytest.mark.parametrize("part", [path.parent.name for path in static.WEB.glob("*/index.html")])
def test_a_page_runs_nothing_that_is_written_into_it_and_loads_nothing_from_elsewhere(part: str) -> None:
    html = (static.WEB / part / "index.html").read_text()

    assert not re.search(r"<style|style=|\son\w+=|javascript:", html)
    assert all(re.match(r"""\s[^>]*src=["']assets/""", tag) for tag in re.findall(r"<script([^>]*>)", html))
    assert not re.search(r"""(src|href)=["'](https?:)?/""", html)
