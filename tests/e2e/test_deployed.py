"""The whole booking flow through API Gateway and Lambda, with the event handlers and roles that are deployed."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote, urljoin
from uuid import uuid4

import boto3
import jwt
import pytest
import urllib3
from botocore.exceptions import ClientError

from chalicelib.domain.signatures import sign_body
from chalicelib.domain.webhooks import Secret, Webhook
from chalicelib.infrastructure.dynamodb.events.webhooks import DynamoWebhooks
from infra.cloud import deploy, event_mappings
from infra.cloud.deploying import buyers, canary
from infra.cloud.deploying.changes import Plan
from infra.cloud.deploying.stacks import app_stack, data_stack, outputs_of
from infra.cloud.watching.app_alarms import APP_ALARMS
from infra.cloud.watching.data_alarms import DATA_ALARMS
from infra.local import mailbox
from infra.local.identity_provider import Provider
from infra.local.payment_gateway import Gateway
from infra.ops.__main__ import main
from tests.effort import thorough

from .conftest import BUYER, HOLD_SECONDS

STAGE = "dev"
HANDLERS_SECONDS = 45
"""A hold lapses within half of it; the rest is for cold starts on a busy machine."""


SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-26T19:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/sweep"],
    "detail": {},
}
"""The event that EventBridge sends at a rule's time."""


class Answer(Protocol):
    status: int
    body: Any
    headers: Any


Api = Callable[..., Answer]


def _schedule(api: Api) -> str:
    """Schedules a screening and gives its id."""
    screening = {"movieTitle": "Oppenheimer", "startTime": "2030-02-15T19:00:00Z", "roomNumber": "A1"}
    answer = api("POST", "/api/sessions", {**screening, "totalSeats": 16, "ticketPrice": 25.00})
    assert answer.status == 201, answer.body
    return str(answer.body["sessionId"])


def _hold(api: Api, session_id: str, *seats: str, user: str | None = None, **headers: str) -> Answer:
    request = {"sessionId": session_id, "userId": user or f"user-{uuid4()}", "seatNumbers": seats}
    return api("POST", "/api/reservations", request, **headers)


def _pay(api: Api, reservation_id: str) -> tuple[str, Answer]:
    """Pays for the reservation and gives the transaction and the sale.

    The simulated bank charges at once and tells the deployed webhook.
    """
    path = f"/api/reservations/{reservation_id}"
    started = api("POST", f"{path}/payment")
    assert started.status == 201, started.body
    transaction = str(started.body["paymentId"])
    payment = {"paymentMethod": "credit_card", "transactionId": transaction}
    confirmed: list[Answer] = []

    def received() -> int:
        confirmed.append(api("POST", f"{path}/confirm", payment))
        return confirmed[-1].status

    _wait_until_equal(received, 200)
    return transaction, confirmed[-1]


def _read_seats(api: Api, session_id: str) -> dict[str, str]:
    body = api("GET", f"/api/sessions/{session_id}/seats").body
    return {seat["number"]: seat["status"] for seat in body["seats"]}


def _wait_until_equal(found: Callable[[], object], wanted: object) -> None:
    """Asks until the value is the wanted one. Fails after HANDLERS_SECONDS."""
    deadline = time.monotonic() + HANDLERS_SECONDS
    while (last := found()) != wanted:
        assert time.monotonic() < deadline, f"{last!r} instead of {wanted!r} after {HANDLERS_SECONDS} s"
        time.sleep(0.2)


def test_seats_are_scheduled_held_paid_for_and_remembered(api: Api) -> None:
    session_id, user = _schedule(api), f"user-{uuid4()}"
    assert session_id in [s["sessionId"] for s in api("GET", "/api/sessions?limit=100").body["sessions"]]
    assert set(_read_seats(api, session_id).values()) == {"available"}

    held = _hold(api, session_id, "A1", "B2", user=user)
    assert (held.status, held.body["status"], held.body["totalAmount"]) == (201, "pending", 50.00)
    path = f"/api/reservations/{held.body['reservationId']}"
    assert api("GET", path).body["status"] == "pending"

    made_up = api("POST", f"{path}/confirm", {"paymentMethod": "credit_card", "transactionId": f"tx-{uuid4()}"})
    assert (made_up.status, made_up.body["error"], made_up.headers["Retry-After"]) == (402, "PAYMENT_NOT_RECEIVED", "2")
    _, sale = _pay(api, held.body["reservationId"])
    assert (sale.status, sale.body["status"], sale.body["seats"]) == (200, "confirmed", ["A1", "B2"])
    (purchase,) = api("GET", f"/api/users/{user}/purchases").body["purchases"]
    assert purchase["saleId"] == sale.body["saleId"]
    assert _read_seats(api, session_id)["B2"] == "sold"


def test_a_sale_gets_an_invoice_that_anybody_with_its_link_can_fetch(api: Api) -> None:
    reservation = _hold(api, _schedule(api), "A1").body["reservationId"]
    path = f"/api/reservations/{reservation}"
    _pay(api, reservation)
    _wait_until_equal(lambda: api("GET", f"{path}/invoice").status, 303)

    pdf = urllib3.request("GET", api("GET", f"{path}/invoice").headers["Location"])
    assert (pdf.status, pdf.data[:5]) == (200, b"%PDF-")


def test_a_sale_gets_tickets_that_a_gate_admits_once(api: Api) -> None:
    """In the roles that are deployed: only the consumer of sales may sign."""
    soon = (datetime.now(UTC) + timedelta(minutes=20)).isoformat()
    screening = {"movieTitle": "Oppenheimer", "startTime": soon, "roomNumber": "A1"}
    session_id = api("POST", "/api/sessions", {**screening, "totalSeats": 16, "ticketPrice": 25.00}).body["sessionId"]
    reservation = _hold(api, session_id, "A1").body["reservationId"]
    _pay(api, reservation)
    path = f"/api/reservations/{reservation}/tickets"
    _wait_until_equal(lambda: api("GET", path).status, 200)
    (old,) = api("GET", path).body["tickets"]
    assert api("POST", f"/api/tickets/{old['code']}/transfer").status == 202
    _wait_until_equal(lambda: api("GET", path).status, 200)
    (ticket,) = api("GET", path).body["tickets"]
    scan = {"gateId": "north", "roomNumber": "A1"}

    answers = [api("POST", "/api/tickets/admit", {**scan, "token": one["token"]}) for one in (ticket, ticket, old)]

    assert [answer.status for answer in answers] == [200, 409, 410]
    assert len(api("GET", "/.well-known/jwks.json").body["keys"]) >= 1


def test_seats_that_are_held_are_refused_and_none_of_the_request_is_held(api: Api) -> None:
    session_id = _schedule(api)
    assert _hold(api, session_id, "A1").status == 201
    refused = _hold(api, session_id, "A1", "A2")
    assert (refused.status, refused.body["error"]) == (409, "SEAT_ALREADY_RESERVED")
    assert refused.body["conflictingSeats"] == ["A1"]
    assert _read_seats(api, session_id)["A2"] == "available"


@pytest.mark.parametrize("user", ["qa@example.com", "qa%40example.com", "José da Silva 7%", "a+b"])
def test_the_user_whose_purchases_are_asked_for_may_have_any_name(api: Api, user: str) -> None:
    """The emulator's gateway decodes the address, AWS's does not: tests/aws/test_requests.py."""
    user = f"{uuid4()}{user}"

    assert api("GET", f"/api/users/{quote(user, safe='')}/purchases").body == {"userId": user, "purchases": []}


@pytest.mark.parametrize("path", ["/health", "/ready", "/api/sessions", "/openapi.json"])
def test_head_is_answered_as_get_without_the_body(deployed: deploy.AppDeployment, path: str) -> None:
    answer = urllib3.request("HEAD", f"{deployed.url}{path}")

    assert (answer.status, answer.data) == (200, b"")
    assert answer.headers["Content-Type"] == "application/json"


def test_the_same_key_schedules_one_screening(api: Api) -> None:
    """The deployed function has the rights to put rows, and no longer to write batches."""
    screening = {"movieTitle": "Oppenheimer", "startTime": "2030-02-15T19:00:00Z", "roomNumber": "A1"}
    order, key = {**screening, "totalSeats": 2000, "ticketPrice": 25.00}, {"Idempotency-Key": str(uuid4())}
    first, again = (api("POST", "/api/sessions", {**order, "seatsPerRow": 10}, **key) for _ in range(2))
    other = api("POST", "/api/sessions", {**order, "seatsPerRow": 20}, **key)

    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert (other.status, other.body["error"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_user_and_an_address_are_limited_by_their_requests(api: Api) -> None:
    session_id = _schedule(api)
    by_user, by_address = _hold(api, session_id, "A1"), api("GET", f"/api/sessions/{session_id}/seats")
    assert by_user.headers["RateLimit-Policy"] == "10;w=10"
    assert int(by_user.headers["RateLimit-Remaining"]) == 9
    assert by_address.headers["RateLimit-Policy"] == "300;w=10"


def test_a_resent_request_gets_the_same_reservation(api: Api) -> None:
    session_id, user, key = _schedule(api), f"user-{uuid4()}", {"Idempotency-Key": str(uuid4())}
    first = _hold(api, session_id, "A1", user=user, **key)
    again = _hold(api, session_id, "A1", user=user, **key)
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body


def test_a_payment_is_told_of_in_a_letter(api: Api, emulator_with_iam: str) -> None:
    """The deployed handler writes in its own role, from templates in the package."""
    address = f"{uuid4()}@example.com"
    request = {"sessionId": _schedule(api), "userId": "ana", "seatNumbers": ["A1"], "email": address}
    held = api("POST", "/api/reservations", request, **{"Accept-Language": "pt-BR"})
    _pay(api, held.body["reservationId"])

    def is_in_mailbox() -> bool:
        emails = [email for email in mailbox.read_emails(emulator_with_iam) if address in email.to]
        return "Seus assentos A1 para Oppenheimer" in " ".join(email.subject for email in emails)

    _wait_until_equal(is_in_mailbox, True)


BOUGHT_AND_PAID_TWICE_AND_RETURNED = {
    "holds": 1,
    "seatsInHolds": 2,
    "sales": 1,
    "seatsInSales": 2,
    "expiries": 0,
    "cancellations": 0,
    "revenue": 50,
    "refunds": 2,
    "refunded": 100,
    "netRevenue": 0,
}
"""The totals of two seats at 25.00."""


def _list_waiting_payments() -> subprocess.CompletedProcess[str]:
    """Runs the operator's command in a process of its own, for it becomes that stage."""
    command = [sys.executable, "-m", "infra.ops", "payments", "--stage", STAGE]
    endpoint = ["--endpoint", os.environ["AWS_ENDPOINT_URL"]]
    return subprocess.run([*command, *endpoint], capture_output=True, text=True, check=False)


def test_what_bought_nothing_and_what_a_cancelled_screening_had_cost_is_returned(
    api: Api, simulated_gateway: tuple[str, Gateway]
) -> None:
    """The deployed handlers run in their own roles: API, three streams, the refund queue."""
    session_id, user, second = _schedule(api), f"user-{uuid4()}", f"tx-{uuid4()}"
    reservation = _hold(api, session_id, "A10", "B1", user=user).body["reservationId"]
    sold, _ = _pay(api, reservation)
    simulated_gateway[1].charge(second, reservation, 5000)
    _wait_until_equal(lambda: [one["amountCents"] for one in simulated_gateway[1].list_refunds(second)], [5000])

    assert main(["cancel", session_id, "--yes", "--stage", STAGE, "--endpoint", os.environ["AWS_ENDPOINT_URL"]]) == 0

    _wait_until_equal(lambda: [one["amountCents"] for one in simulated_gateway[1].list_refunds(sold)], [5000])
    _wait_until_equal(lambda: api("GET", f"/api/users/{user}/purchases").body["purchases"][0].get("status"), "refunded")
    _wait_until_equal(
        lambda: api("GET", f"/api/sessions/{session_id}/analytics").body["totals"],
        BOUGHT_AND_PAID_TWICE_AND_RETURNED,
    )
    assert api("GET", f"/api/sessions/{session_id}/seats").body["error"] == "SESSION_CANCELLED"
    said = _list_waiting_payments()
    assert said.returncode == 0, f"{said.stdout}{said.stderr}: a process of its own, for it becomes that stage"


def test_a_payment_whose_message_was_lost_is_found_by_the_sweep_in_its_own_role(
    api: Api, simulated_gateway: tuple[str, Gateway]
) -> None:
    session_id, user = _schedule(api), f"user-{uuid4()}"
    reservation = _hold(api, session_id, "A1", user=user).body["reservationId"]
    simulated_gateway[1].charge(f"tx-lost-{uuid4()}", reservation, 2500)

    functions = boto3.client("lambda")
    (sweep,) = (
        one["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for one in page["Functions"]
        if "OnReconciliationDue" in one["FunctionName"]
    )
    answer = functions.invoke(FunctionName=sweep, Payload=json.dumps(SCHEDULED))

    assert "FunctionError" not in answer, answer["Payload"].read()
    assert api("GET", f"/api/reservations/{reservation}").body["status"] == "confirmed"
    rules = boto3.client("events").list_rules()["Rules"]
    assert "rate(5 minutes)" in [rule.get("ScheduleExpression") for rule in rules]


def test_cancelled_seats_are_free_again(api: Api) -> None:
    session_id = _schedule(api)
    held = _hold(api, session_id, "A1")
    assert api("DELETE", f"/api/reservations/{held.body['reservationId']}").body["status"] == "cancelled"
    assert _read_seats(api, session_id)["A1"] == "available"


@thorough
def test_the_deployed_handlers_write_down_that_a_hold_has_lapsed_and_empty_its_seats(api: Api) -> None:
    session_id, user = _schedule(api), f"user-{uuid4()}"
    held = _hold(api, session_id, "A1", user=user)
    reservation = _stored_item("reservations", id=held.body["reservationId"])
    assert reservation()["state"] == {"S": "pending"}
    _wait_until_equal(lambda: reservation()["state"], {"S": "expired"})
    assert "r" not in _stored_item("rows", id=f"{session_id}#A")()["seats"]["M"]["A1"]["M"]
    late = {"paymentMethod": "credit_card", "transactionId": "tx-late"}
    refused = api("POST", f"/api/reservations/{held.body['reservationId']}/confirm", late)
    assert (refused.status, refused.body["error"]) == (410, "RESERVATION_EXPIRED")


def _stored_item(table: str, *, id: str) -> Callable[[], dict[str, Any]]:  # noqa: A002 - the attribute's name
    """Gives a function that reads the stored item with this id, past the API."""
    client = boto3.client("dynamodb")

    def read() -> dict[str, Any]:
        found = client.scan(
            TableName=f"cinema-{STAGE}-{table}",
            ConsistentRead=True,
            FilterExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": id}},
        )
        return dict(found["Items"][0])

    return read


def test_an_event_is_numbered_queued_for_its_subscriber_and_replayed(api: Api) -> None:
    """The receiver's name leads nowhere: what is queued for it comes again, and is dropped with the subscription."""
    now = datetime.now(UTC)
    webhook = Webhook(f"wh-{uuid4()}", "https://nowhere.invalid/", (Secret("whsec_1", now),), frozenset(), now)
    webhooks = DynamoWebhooks(boto3.client("dynamodb"), f"cinema-{STAGE}-webhooks")
    webhooks.put(webhook)
    session_id = _schedule(api)
    _hold(api, session_id, "A1")
    wanted = {"sessionId": session_id, "afterSequence": 0}

    def replayed(key: str = "whsec_1") -> Answer:
        # as urllib3 writes it, which the deployed API is asked with
        raw = json.dumps(wanted, separators=(",", ":"), ensure_ascii=False).encode()
        signed = {"Cinema-Signature": sign_body([key], raw, datetime.now(UTC))}
        return api("POST", f"/api/webhooks/{webhook.id}/replay", wanted, **signed)

    _wait_until_equal(lambda: replayed().body.get("queued", 0) >= 1, True)
    assert replayed().status == 202
    assert replayed("whsec_other").body["error"] == "SIGNATURE_INVALID"
    webhooks.remove(webhook.id)
    _wait_until_equal(lambda: _read_depth("webhooks"), 0)
    assert _read_depth("webhooks-dlq") == 0


def _read_depth(queue: str) -> int:
    client = boto3.client("sqs")
    url = client.get_queue_url(QueueName=f"cinema-{STAGE}-{queue}")["QueueUrl"]
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def test_who_numbers_events_is_refused_the_secrets_of_who_is_told(api: Api) -> None:
    """IAM refuses, whatever the handler's code may ask for."""
    now = datetime.now(UTC)
    webhook = Webhook(f"wh-{uuid4()}", "https://nowhere.invalid/", (Secret("whsec_1", now),), frozenset(), now)
    ours, theirs = (
        DynamoWebhooks(c, f"cinema-{STAGE}-webhooks")
        for c in (boto3.client("dynamodb"), _database_as_numbering_function())
    )
    ours.put(webhook)

    assert webhook.without_url_and_secrets in theirs.list_all_subscribers_without_urls_and_secrets()
    with pytest.raises(ClientError, match="AccessDenied"):
        theirs.list_all()
    with pytest.raises(ClientError, match="AccessDenied"):
        theirs.client.scan(TableName=theirs.table_name, ProjectionExpression="id, secrets")

    ours.remove(webhook.id)


def _database_as_numbering_function() -> Any:
    """Makes a client of DynamoDB in the role of the function that numbers events."""
    functions = boto3.client("lambda").list_functions(MaxItems=100)["Functions"]
    (role,) = [one["Role"] for one in functions if "OnEventToNotification" in one["FunctionName"]]
    lent = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
    keys = {"aws_access_key_id": lent["AccessKeyId"], "aws_secret_access_key": lent["SecretAccessKey"]}
    return boto3.client("dynamodb", **keys, aws_session_token=lent["SessionToken"])


def test_everything_that_bookings_need_is_ready(api: Api) -> None:
    assert api("GET", "/health").status == 200
    ready = api("GET", "/ready")
    assert ready.status == 200
    names = "dynamodb", "sqs", "ses", "payments"
    assert {one["name"]: one["state"] for one in ready.body["dependencies"]} == dict.fromkeys(names, "up")
    assert [one.get("breaker") for one in ready.body["dependencies"]] == [None, None, "closed", "closed"]


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/api/nothing-here", 404, "NOT_FOUND"),
        ("GET", "/api/sessions/unknown", 404, "SESSION_NOT_FOUND"),
        ("DELETE", "/api/sessions", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/reservations", 400, None),
    ],
)
def test_every_error_has_the_contracts_form(api: Api, method: str, path: str, status: int, error: str | None) -> None:
    answer = api(method, path, {} if method == "POST" else None)
    assert answer.status == status
    assert answer.body["error"] == (error or answer.body["error"])
    assert answer.body["message"]


def test_the_docs_work_behind_the_stages_path_because_they_refer_to_nothing_absolutely(
    deployed: deploy.AppDeployment,
) -> None:
    page = urllib3.request("GET", f"{deployed.url}/docs", retries=False)
    references = re.findall(r'(?:src|href)="([^"]+)"', page.data.decode())
    document = urllib3.request("GET", urljoin(f"{deployed.url}/docs", "openapi.json")).json()
    server = urljoin(f"{deployed.url}/openapi.json", document["servers"][0]["url"])

    assert page.status == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert len(references) == 6
    for reference in references:
        answer = urllib3.request("GET", urljoin(f"{deployed.url}/docs", reference), retries=False)
        assert (answer.status, answer.headers["X-Content-Type-Options"]) == (200, "nosniff"), reference
    assert urllib3.request("GET", f"{server.rstrip('/')}/health").status == 200


def test_every_alarm_and_the_dashboard_are_there_and_know_whom_to_tell(deployed: deploy.AppDeployment) -> None:
    cloudwatch, prefix = boto3.client("cloudwatch"), f"cinema-{STAGE}"
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{prefix}-")
    alarms = {one["AlarmName"]: one for page in pages for one in page["MetricAlarms"]}

    assert alarms.keys() == {f"{prefix}-{alarm.name}" for alarm in (*APP_ALARMS, *DATA_ALARMS)}
    assert all(one["AlarmActions"][0].endswith(f":{prefix}-alarms") for one in alarms.values())
    body = json.loads(cloudwatch.get_dashboard(DashboardName=prefix)["DashboardBody"])
    named = {line[3] for widget in body["widgets"] for line in widget["properties"].get("metrics", []) if len(line) > 4}
    functions = {one["FunctionName"] for one in boto3.client("lambda").list_functions()["Functions"]}
    assert functions <= named
    assert not [name for name in named if "${" in name]


@thorough
def test_a_deployment_that_forgets_a_setting_changes_nothing(
    deployed: deploy.AppDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLD_SECONDS")
    monkeypatch.delenv("PAYMENTS_WEBHOOK_SECRETS")
    plans: list[Plan] = []

    deploy.deploy_data(STAGE, plans.append)
    assert deploy.deploy_app(STAGE, plans.append) == deployed

    assert plans == [Plan(data_stack(STAGE), False), Plan(app_stack(STAGE), False)]
    functions = boto3.client("lambda").list_functions()["Functions"]
    held_for = {
        one["Environment"]["Variables"]["HOLD_SECONDS"] for one in functions if "APIHandler" in one["FunctionName"]
    }
    assert held_for == {str(HOLD_SECONDS)}


def test_a_deployment_buys_a_seat_for_a_try_and_cancels_its_screening(
    deployed: deploy.AppDeployment,
    api: Api,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", provider.access_token(BUYER))
    canary.buy_and_undo(STAGE, deployed.url)

    said = capsys.readouterr().out
    (session_id,) = re.findall(r"cancelled: ([0-9a-f-]{36})", said)
    stored = _stored_item("sessions", id=session_id)()
    assert "held, bought, and seen as sold" in said
    assert (stored["price_cents"], "cancelled_at" in stored) == ({"N": "0"}, True)
    assert _hold(api, session_id, "A2").status == 410


def test_a_deployment_without_a_buyers_token_buys_nothing_and_says_how_it_would(
    deployed: deploy.AppDeployment, capsys: pytest.CaptureFixture[str]
) -> None:
    canary.buy_and_undo(STAGE, deployed.url)

    said = capsys.readouterr().out
    (session_id,) = re.findall(r"cancelled: ([0-9a-f-]{36})", said)
    assert "a hold without a token is refused. The purchase was left out" in said
    assert "CANARY_TOKEN=…" in said
    assert "A1" not in _stored_item("rows", id=f"{session_id}#A")()["seats"]["M"]


def test_a_purchase_with_a_token_that_is_none_fails_at_the_hold(
    deployed: deploy.AppDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "none")

    with pytest.raises(canary.CanaryError, match="failed at the hold: POST /api/reservations was answered 401"):
        canary.buy_and_undo(STAGE, deployed.url)


def test_a_user_of_the_pool_is_lent_for_a_purchase_and_deleted(deployed: deploy.AppDeployment) -> None:
    cognito, outputs = boto3.client("cognito-idp"), outputs_of(data_stack(STAGE))
    pool, client = outputs["UserPoolId"], outputs["PageClientId"]

    with buyers.lend_pool_token(cognito, pool, client) as token:
        claims = jwt.decode(token, options={"verify_signature": False})
        assert len(cognito.list_users(UserPoolId=pool)["Users"]) == 1

    assert (claims["token_use"], claims["client_id"], claims.get("cognito:groups", [])) == ("access", client, [])
    assert "email" not in claims, "letters go to nobody"
    assert cognito.list_users(UserPoolId=pool)["Users"] == []


def test_a_purchase_that_fails_says_where_and_is_undone_all_the_same(deployed: deploy.AppDeployment) -> None:
    before = _canaries()

    with pytest.raises(canary.CanaryError, match=r"(?s)failed at the health: GET /health .* 404.*CANARY=off"):
        canary.buy_and_undo(STAGE, f"{deployed.url}/nowhere", patience=0.0)

    (made,) = _canaries().keys() - before.keys()
    assert "cancelled_at" in _canaries()[made]


def _canaries() -> dict[str, dict[str, Any]]:
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=f"cinema-{STAGE}-sessions")
    return {one["id"]["S"]: one for page in pages for one in page["Items"] if one["movie_title"]["S"] == canary.TITLE}


@thorough
def test_paused_handlers_leave_events_where_they_are_until_they_go_on(api: Api) -> None:
    event_mappings.set_event_mappings(STAGE, enabled=False)
    reservation_id = _hold(api, _schedule(api), "A1").body["reservationId"]
    stored = _stored_item("reservations", id=reservation_id)
    _wait_until_equal(lambda: api("GET", f"/api/reservations/{reservation_id}").body["status"], "expired")
    assert stored()["state"] == {"S": "pending"}
    event_mappings.set_event_mappings(STAGE, enabled=True)
    _wait_until_equal(lambda: stored()["state"], {"S": "expired"})


def test_the_endpoint_says_whether_it_runs_the_handlers(deployed: deploy.AppDeployment) -> None:
    assert event_mappings.does_endpoint_run_functions(STAGE)
    assert not event_mappings.does_endpoint_run_functions("prod")  # not deployed here
