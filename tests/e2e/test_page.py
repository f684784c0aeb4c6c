"""The seat-map page behind API Gateway, below the path of its stage; and what its WebSocket brings."""

import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import boto3
import pytest
import urllib3
from playwright.sync_api import Browser

from infra.cloud.deploy import AppDeployment
from infra.cloud.deploying.stacks import app_stack
from infra.local.lambda_proxy import ReceivedRequest, Resource, event
from tests.browser.visitor import Visitor

STAGE = "dev"
PATIENCE_SECONDS = 20


def test_the_page_and_all_it_refers_to_are_found_below_the_stage(deployed: AppDeployment) -> None:
    page = urllib3.request("GET", f"{deployed.url}/", headers={"Accept": "text/html,*/*;q=0.8"}, retries=False)
    references = re.findall(r'(?:href|src)="(assets/[^"]+)"', page.data.decode())

    assert page.headers["Content-Type"].startswith("text/html")
    assert b'data-time-zone="UTC"' in page.data
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert len(references) == 4
    for reference in references:
        assert urllib3.request("GET", f"{deployed.url}/{reference}", retries=False).status == 200


def test_without_its_slash_the_stage_leads_to_the_page(deployed: AppDeployment) -> None:
    """The function is asked as AWS asks it: an emulator puts the slash in, and nobody behind it can tell."""
    without_slash = f"/{deployed.url.rpartition('/')[2]}"
    sent = event(ReceivedRequest("GET", without_slash), Resource("/"))

    invoked = boto3.client("lambda").invoke(FunctionName=_find_function(), Payload=json.dumps(sent).encode())
    answer = json.load(invoked["Payload"])

    assert answer["statusCode"] == 308, answer
    assert urljoin(deployed.url, answer["headers"]["Location"]) == f"{deployed.url}/"
    assert urllib3.request("GET", f"{deployed.url}/", redirect=False).status == 200


def _find_function() -> str:
    """Gives the name of the deployed function that answers over HTTP."""
    resources = boto3.client("cloudformation").describe_stack_resource(
        StackName=app_stack(STAGE), LogicalResourceId="APIHandler"
    )
    return str(resources["StackResourceDetail"]["PhysicalResourceId"])


def _open_subscribed(browser: Browser, url: str, session_id: str) -> Visitor:
    """Opens the screening, and waits until the page has heard on its live connection that it is subscribed."""
    visitor = Visitor.with_own_profile(browser, url)
    frames: list[str] = []
    visitor.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    visitor.opens_screening(session_id)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not frames:
        assert time.monotonic() < deadline, "the page was not subscribed"
        visitor.page.wait_for_timeout(50)
    assert "subscribed" in frames[0]
    return visitor


def test_what_others_do_is_on_the_screen_without_being_asked_for(
    deployed: AppDeployment, api: Callable[..., Any], browser: Browser
) -> None:
    screening = {"movieTitle": "Oppenheimer", "startTime": "2030-02-15T19:00:00Z", "roomNumber": "A1"}
    scheduled = api("POST", "/api/sessions", {**screening, "totalSeats": 16, "ticketPrice": 25.00})
    session_id = scheduled.body["sessionId"]
    visitor = _open_subscribed(browser, deployed.url, session_id)
    visitor.sees("A1", "free")
    maps = visitor.asked_for(f"/{session_id}/seats")

    held = api("POST", "/api/reservations", {"sessionId": session_id, "userId": "another", "seatNumbers": ["A1"]})

    visitor.sees("A1", "held")
    api("DELETE", f"/api/reservations/{held.body['reservationId']}")
    visitor.sees("A1", "free")
    assert visitor.asked_for(f"/{session_id}/seats") - maps <= 1, "the page asks seldom while it is told"
    visitor.page.context.close()
    assert visitor.faults == []


@pytest.mark.parametrize("path", ["/operations", "/api/operations", "/api/operations/queues/email/letters"])
def test_the_operators_board_is_not_there_even_for_operators(api: Callable[..., Any], path: str) -> None:
    answer = api("GET", path)

    assert (answer.status, answer.body["error"]) == (404, "NOT_FOUND")
