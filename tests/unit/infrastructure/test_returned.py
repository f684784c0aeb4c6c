"""Bounces and complaints in SES's own words: "Examples of event data that Amazon SES publishes to Amazon SNS"."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.email import BounceOrComplaint
from chalicelib.domain.events import UnreadableMessage
from chalicelib.infrastructure.email.returned import returned_email_in

MAIL = {
    "timestamp": "2017-08-05T00:40:02.012Z",
    "source": "Sender Name <sender@example.com>",
    "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/sender@example.com",
    "sendingAccountId": "123456789012",
    "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
    "destination": ["recipient@example.com"],
    "headersTruncated": False,
    "commonHeaders": {"from": ["Sender Name <sender@example.com>"], "to": ["recipient@example.com"]},
    "tags": {"ses:configuration-set": ["ConfigSet"], "ses:from-domain": ["example.com"]},
}

BOUNCE = {
    "eventType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "recipient@example.com",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "timestamp": "2017-08-05T00:41:02.669Z",
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
        "reportingMTA": "dsn; mta.example.com",
    },
    "mail": MAIL,
}

COMPLAINT = {
    "eventType": "Complaint",
    "complaint": {
        "complainedRecipients": [{"emailAddress": "recipient@example.com"}],
        "timestamp": "2017-08-05T00:41:02.669Z",
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
        "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": "abuse",
        "arrivalDate": "2017-08-05T00:41:02.669Z",
    },
    "mail": MAIL,
}

MOMENT = datetime(2017, 8, 5, 0, 41, 2, 669000, tzinfo=UTC)
TO = ("recipient@example.com",)


def returned(told: object) -> BounceOrComplaint:
    return returned_email_in({"body": json.dumps(told)})


def of_type(kind: str, sub_type: str) -> dict[str, Any]:
    bounce: Any = BOUNCE["bounce"]
    return {**BOUNCE, "bounce": {**bounce, "bounceType": kind, "bounceSubType": sub_type}}


def complaint(**changes: object) -> dict[str, Any]:
    told: Any = COMPLAINT["complaint"]
    kept = {name: value for name, value in {**told, **changes}.items() if value is not None}
    return {**COMPLAINT, "complaint": kept}


def test_an_address_that_does_not_exist_is_final() -> None:
    assert returned(BOUNCE) == BounceOrComplaint(TO, "bounce Permanent General", MOMENT, is_final=True)


@pytest.mark.parametrize(
    ("kind", "sub_type", "is_final"),
    [
        ("Permanent", "NoEmail", True),
        ("Permanent", "Suppressed", True),
        ("Permanent", "OnAccountSuppressionList", True),
        ("Transient", "General", False),
        ("Transient", "MailboxFull", False),
        ("Undetermined", "Undetermined", False),
    ],
)
def test_only_a_permanent_bounce_is_final(kind: str, sub_type: str, is_final: bool) -> None:
    assert returned(of_type(kind, sub_type)).is_final is is_final


def test_who_complains_is_not_written_to_again() -> None:
    assert returned(COMPLAINT) == BounceOrComplaint(TO, "complaint abuse", MOMENT, is_final=True)


def test_a_complaint_may_be_of_no_type_and_may_be_the_opposite_of_one() -> None:
    assert returned(complaint(complaintFeedbackType=None)).is_final
    assert not returned(complaint(complaintFeedbackType="not-spam")).is_final


@pytest.mark.parametrize(
    "told",
    [
        {},
        [],
        "text",
        None,
        {"eventType": "Bounce"},
        {"eventType": "Delivery", "delivery": {}},
        complaint(timestamp=""),
    ],
)
def test_what_is_neither_is_unreadable_and_names_nobody(told: object) -> None:
    with pytest.raises(UnreadableMessage) as caught:
        returned(told)

    assert "@" not in str(caught.value)


def test_the_address_is_in_no_text_of_what_is_read() -> None:
    assert "recipient@" not in repr(returned(BOUNCE))
