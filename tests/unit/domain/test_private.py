"""What is only for us, a request's fingerprint, is in no answer and in no webhook."""

import json
from dataclasses import replace

from chalicelib.api.wire import board as board_wire
from chalicelib.api.wire import events as schemas
from chalicelib.api.wire.bodies import encoded
from chalicelib.domain.board import DeadLetter
from chalicelib.domain.pages import Page
from chalicelib.domain.webhooks import Notification
from chalicelib.infrastructure.sqs.envelopes import event_from_wire, event_to_wire
from chalicelib.infrastructure.webhooks.sender import delivery_body
from tests.builders import NOW, a_webhook, an_event

FINGERPRINT = "0123456789ab"
EVENT = replace(an_event("event-1"), data={"amountCents": 5000, "fingerprint": FINGERPRINT})


def test_no_event_that_is_listed_has_it() -> None:
    (listed,) = json.loads(encoded(schemas.events("session-1", Page([EVENT], None))))["events"]

    assert listed["data"] == {"amountCents": 5000}


def test_no_webhook_is_told_of_it() -> None:
    body = delivery_body(Notification(EVENT, 1, {}), a_webhook(webhook_id="wh-1"))

    assert body["data"] == {"amountCents": 5000}


def test_no_dead_letter_on_the_board_shows_it() -> None:
    for message in (json.dumps(event_to_wire(EVENT)), json.dumps({"fingerprint": FINGERPRINT}, separators=(",", ":"))):
        letter = DeadLetter("1", NOW, "reason", 5, 1, {}, message)

        assert FINGERPRINT not in encoded(board_wire.dead_letters("email", [letter]))


def test_our_own_log_keeps_it() -> None:
    """infra.ops rebuild compares the rows with it."""
    assert event_from_wire(event_to_wire(EVENT)) == EVENT
