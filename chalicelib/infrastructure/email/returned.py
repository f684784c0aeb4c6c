"""Bounces and complaints as SES tells them: the record of an event, which EventBridge puts into our queue.

Its form: "Contents of event data that Amazon SES publishes to Amazon SNS" in the developer guide of SES. EventBridge
has the same record as `detail` of its own events; our rule passes on only that.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain.email import BounceOrComplaint
from chalicelib.domain.events import UnreadableMessage
from chalicelib.domain.times import utc_whole_ms_from_iso_with_zone

WRONGLY_SORTED = "not-spam"
"""The type of a complaint in which a reader says that an email is not spam."""


def returned_email_in(record: Mapping[str, Any]) -> BounceOrComplaint:
    """Reads the bounce or complaint from an SQS record. Raises UnreadableMessage."""
    try:
        told = json.loads(record["body"])
        return _complaint(told["complaint"]) if told["eventType"] == "Complaint" else _bounce(told["bounce"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UnreadableMessage(f"no bounce or complaint: {type(error).__name__}") from None  # it may name an address


def _bounce(bounce: Mapping[str, Any]) -> BounceOrComplaint:
    """Reads a bounce. Only a permanent bounce is final. A full mailbox, for example, is not permanent."""
    return BounceOrComplaint(
        addresses=_read_addresses(bounce["bouncedRecipients"]),
        reason=f"bounce {bounce['bounceType']} {bounce['bounceSubType']}",
        returned_at=_moment(bounce),
        is_final=bounce["bounceType"] == "Permanent",
    )


def _complaint(complaint: Mapping[str, Any]) -> BounceOrComplaint:
    kind = complaint.get("complaintFeedbackType") or "of no type"
    return BounceOrComplaint(
        addresses=_read_addresses(complaint["complainedRecipients"]),
        reason=f"complaint {kind}",
        returned_at=_moment(complaint),
        is_final=kind != WRONGLY_SORTED,
    )


def _read_addresses(recipients: Any) -> tuple[str, ...]:
    return tuple(str(one["emailAddress"]) for one in recipients)


def _moment(told: Mapping[str, Any]) -> datetime:
    return utc_whole_ms_from_iso_with_zone(str(told["timestamp"]))
