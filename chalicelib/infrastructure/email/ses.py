"""Emails through SES, as MIME messages of our own. SES v1, because LocalStack's free edition has no v2."""

from __future__ import annotations

from dataclasses import dataclass
from email.encoders import encode_base64
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formataddr
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from chalicelib.domain.email import (
    EmailNotConfirmed,
    EmailRefused,
    EmailThrottled,
    Enclosures,
    File,
    RenderedEmail,
    mask_email_local_parts,
)
from chalicelib.infrastructure import aws
from chalicelib.infrastructure.breakers import Breaker, BreakerOpen

if TYPE_CHECKING:
    from mypy_boto3_ses import SESClient

    from chalicelib.domain.ports import EmailSender

log = Logger(service="cinema-tickets", child=True)

CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1})
"""The client's options, with timeouts in seconds. The client makes one attempt. Further attempts come from the queue,
with longer pauses, and after the processed events have been checked. If SES hangs, a batch of 5 emails still ends
within the function's 30 s."""

SENDER_NAME = "Cinema Tickets"

LINES_AS_IN_MAIL = compat32.clone(linesep="\r\n")

PERMANENT = {
    "InvalidParameterValue",
    "MailFromDomainNotVerified",
    "MailFromDomainNotVerifiedException",
    "MessageRejected",
}


THROTTLED = {
    "LimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
"""The codes of the errors that SES gives if the account sends more emails than it may. They are from the list "SES API
errors" in the developer guide of SES."""

BY_THE_SECOND = (1, 120)
"""The shortest and the longest delay, in seconds, before SES is asked again to send an email that exceeded the
account's sending rate."""
BY_THE_DAY = (600, 900)
"""The shortest and the longest delay, in seconds, before SES is asked again to send an email that exceeded the
account's daily quota. The quota is for any 24 hours, so parts of it become free all the time."""


def new_ses_client() -> SESClient:
    made: SESClient = aws.new_client("ses", CONFIG)
    return made


@dataclass(frozen=True)
class SesEmailSender:
    """A sender of emails by SES. `sender` is a bare address. The address or its domain must be verified in SES.

    With a `configuration_set`, SES publishes bounces and complaints to the destination of that set.
    """

    client: SESClient
    sender: str
    configuration_set: str = ""

    def send(self, message: RenderedEmail) -> None:
        """Sends the message. Raises EmailRefused, EmailThrottled, EmailNotConfirmed.

        These errors reach logs and the DLQ. So their text is SES's answer with all addresses masked, and SES's error is
        not their `__cause__`.
        """
        raw = build_mime(message, self.sender).as_bytes(policy=LINES_AS_IN_MAIL)
        request: Any = {"Source": self.sender, "Destinations": [message.to], "RawMessage": {"Data": raw}}
        if self.configuration_set:
            request["ConfigurationSetName"] = self.configuration_set
        try:
            answer = self.client.send_raw_email(**request)
        except ClientError as error:
            raise _to_email_error(error) from None
        except (BotoCoreError, ResponseParserError) as error:
            raise EmailNotConfirmed(mask_email_local_parts(str(error))) from None
        log.info(
            "email sent", event_id=message.reference, mail_id=answer["MessageId"], to=mask_email_local_parts(message.to)
        )


@dataclass(frozen=True)
class CircuitBreakerEmailSender:
    """A sender of emails behind a circuit breaker. While the breaker is open, sending raises EmailNotConfirmed at
    once.

    Throttling does not open the breaker, because SES answers then.
    """

    sender: EmailSender
    breaker: Breaker

    def send(self, message: RenderedEmail) -> None:
        try:
            self.breaker.call(lambda: self.sender.send(message), (EmailNotConfirmed,))
        except BreakerOpen as error:
            raise EmailNotConfirmed("SES was not asked: it has just failed") from error


def build_mime(message: RenderedEmail, sender: str) -> MIMEMultipart:
    """Builds the MIME message. Its `as_bytes` raises an error if a text would inject a header.

    A message without pictures has no `related` part. A message without attachments has no `mixed` part. EmailMessage is
    not used, because in Python 3.11 it loses spaces between encoded words.

        mixed ─┬─ related ─┬─ alternative: text, HTML
               │           └─ the pictures that the HTML shows
               └─ attachments
    """
    made = _with_files(_words(message), message.enclosures)
    made["From"] = formataddr((SENDER_NAME, sender))
    made["To"] = message.to
    made["Subject"] = _encoded_subject(message.subject)
    made["Content-Language"] = message.language
    made["Auto-Submitted"] = "auto-generated"  # so that no out-of-office answers it (RFC 3834)
    return made


def _words(message: RenderedEmail) -> MIMEMultipart:
    made = MIMEMultipart("alternative")
    made.attach(MIMEText(message.text, "plain", "utf-8"))
    made.attach(MIMEText(message.html, "html", "utf-8"))
    return made


def _with_files(words: MIMEMultipart, enclosures: Enclosures) -> MIMEMultipart:
    made = words
    for kind, files in (("related", enclosures.pictures), ("mixed", enclosures.attachments)):
        if files:
            outer = MIMEMultipart(kind)
            for part in (made, *(_file(file, is_shown=kind == "related") for file in files)):
                outer.attach(part)
            made = outer
    return made


def _file(file: File, *, is_shown: bool) -> MIMENonMultipart:
    kind, _, rest = file.content_type.partition("/")
    part = MIMENonMultipart(kind, rest.partition(";")[0])
    if kind == "text":
        part.set_param("charset", "utf-8")
    part.set_payload(file.content)
    encode_base64(part)
    part.add_header("Content-Disposition", "inline" if is_shown else "attachment", filename=file.name)
    if is_shown:
        part["Content-ID"] = f"<{file.name}>"
    return part


def _encoded_subject(subject: str) -> str:
    """Encodes a subject that is not ASCII, or that contains `=?`. Leaves all other subjects unchanged."""
    return Header(subject, "utf-8" if "=?" in subject else None, header_name="Subject").encode()


def _to_email_error(error: ClientError) -> EmailRefused | EmailThrottled | EmailNotConfirmed:
    code, said = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    reason = mask_email_local_parts(f"SES: {code}: {said}")
    if code in THROTTLED:
        return EmailThrottled(reason, *(BY_THE_DAY if "daily" in said.lower() else BY_THE_SECOND))
    return EmailRefused(reason) if code in PERMANENT else EmailNotConfirmed(reason)
