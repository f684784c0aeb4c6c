"""What the canary purchase asks of an API: with a buyer's token, without one, and where nobody signs in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import urllib3

from chalicelib.domain.sessions import Session
from infra.cloud.deploying.buyers import Buyers
from infra.cloud.deploying.canary import Api, Purchase, StepFailed

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
SESSION = Session("s-1", "Test", NOW, "Canary", 4, 4, Decimal(0), NOW)
OTHER_PROVIDER = {"AuthIssuer": "https://id.example.com"}


@dataclass
class FakeApi(urllib3.PoolManager):
    """An API that sells one seat to whoever may buy, and remembers the requests."""

    checks_tokens: bool = True
    sold: bool = False
    asked: list[tuple[str, str | None, Any]] = field(default_factory=list)

    def request(self, method: str, url: str, *_: Any, **details: Any) -> Any:
        token = details["headers"].get("Authorization")
        self.asked.append((f"{method} {url}", token, details["json"]))
        status, body = self._answer(f"{method} {url.partition('?')[0]}", token)
        return urllib3.HTTPResponse(json.dumps(body).encode(), status=status)

    def _answer(self, asked: str, token: str | None) -> tuple[int, dict[str, Any]]:
        if asked.startswith("POST") and self.checks_tokens and (token or "").rpartition(" ")[2] != "good":
            return 401, {"error": "UNAUTHENTICATED"}
        self.sold = self.sold or asked.endswith("/confirm")
        answers: dict[str, tuple[int, dict[str, Any]]] = {
            "GET /health": (200, {"status": "ok"}),
            "GET /api/sessions": (200, {"sessions": [{"sessionId": "s-1"}]}),
            "GET /api/sessions/s-1/seats": (
                200,
                {"seats": [{"number": "A1", "status": "sold" if self.sold else "available"}]},
            ),
            "POST /api/reservations": (201, {"reservationId": "r-1"}),
            "POST /api/reservations/r-1/confirm": (200, {}),
        }
        return answers[asked]


def _make(api: FakeApi, stage: str = "dev", environment: Mapping[str, str] | None = None) -> bool:
    buyers = Buyers(stage, environment or {}, OTHER_PROVIDER, {}, lambda: pytest.fail("there is no pool"))
    return Purchase(Api(api, ""), SESSION, patience=0.0).make(buyers)


def test_a_buyer_with_a_token_buys_after_a_hold_without_one_was_refused() -> None:
    api = FakeApi()

    assert _make(api, environment={"CANARY_TOKEN": "good"})

    posts = [(asked, token) for asked, token, _ in api.asked if asked.startswith("POST")]
    assert posts == [
        ("POST /api/reservations", None),
        ("POST /api/reservations", "Bearer good"),
        ("POST /api/reservations/r-1/confirm", "Bearer good"),
    ]
    assert "userId" not in api.asked[4][2], "the token says who buys"


def test_without_a_token_everything_else_is_looked_at() -> None:
    api = FakeApi()

    assert not _make(api)

    assert [asked for asked, _, _ in api.asked] == [
        "GET /health",
        "GET /api/sessions?limit=100&from=2026-11-27T03%3A00%3A00.000Z",
        "GET /api/sessions/s-1/seats",
        "POST /api/reservations",
    ]


def test_an_api_that_sells_to_whoever_asks_fails_where_buyers_must_sign_in() -> None:
    with pytest.raises(StepFailed, match="a hold without a token: POST /api/reservations was answered 201, not 401"):
        _make(FakeApi(checks_tokens=False), environment={"CANARY_TOKEN": "good"})


def test_where_nobody_signs_in_a_user_is_named_in_the_hold() -> None:
    api = FakeApi(checks_tokens=False)

    assert _make(api, stage="local")

    (hold,) = [body for asked, _, body in api.asked if asked == "POST /api/reservations"]
    assert hold["userId"].startswith("canary-")
