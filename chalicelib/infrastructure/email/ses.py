"""Mail through SES, as a MIME message of our own: SES v1, which LocalStack's free edition has and v2 it has not."""

from dataclasses import dataclass
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formataddr
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from chalicelib.domain.email import EmailRefused, EmailUnavailable, Message, masked
from chalicelib.domain.ports import EmailSender
from chalicelib.infrastructure.breakers import Breaker, BreakerOpen

if TYPE_CHECKING:
    from mypy_boto3_ses import SESClient

log = Logger(service="cinema-tickets", child=True)

CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1})
"""Seconds. One attempt: the queue tries again, with longer pauses, and asks the ledger first. A batch of 5 letters to
an SES that hangs ends within the function's 30 s."""

SENDER_NAME = "Cinema Tickets"

LINES_AS_IN_MAIL = compat32.clone(linesep="\r\n")

PERMANENT = {
    "InvalidParameterValue",
    "MailFromDomainNotVerified",
    "MailFromDomainNotVerifiedException",
    "MessageRejected",
}


def client() -> "SESClient":
    return boto3.client("ses", config=CONFIG)


@dataclass(frozen=True)
class SesEmailSender:
    """`sender` is a bare address; it or its domain must be a verified identity of the account."""

    client: "SESClient"
    sender: str

    def send(self, message: Message) -> None:
        """What SES says of an address is masked: it ends in logs and in the DLQ. So its own error is left out, too."""
        raw = mime(message, self.sender).as_bytes(policy=LINES_AS_IN_MAIL)
        try:
            answer = self.client.send_raw_email(Source=self.sender, Destinations=[message.to], RawMessage={"Data": raw})
        except ClientError as error:
            raise _translated(error) from None
        except (BotoCoreError, ResponseParserError) as error:
            raise EmailUnavailable(masked(str(error))) from None
        log.info("letter sent", event_id=message.reference, mail_id=answer["MessageId"], to=masked(message.to))


@dataclass(frozen=True)
class GuardedEmailSender:
    """While SES does not answer, most letters come again later without having waited for it."""

    mail: EmailSender
    breaker: Breaker

    def send(self, message: Message) -> None:
        try:
            self.breaker.call(lambda: self.mail.send(message), (EmailUnavailable,))
        except BreakerOpen as error:
            raise EmailUnavailable("SES was not asked: it has just failed") from error


def mime(message: Message, sender: str) -> MIMEMultipart:
    """Its `as_bytes` raises for a header that holds another: nothing that was typed by someone may become one.

    The email package's older half: EmailMessage of Python 3.11 loses spaces between words that it encodes.
    """
    made = MIMEMultipart("alternative")
    made["From"] = formataddr((SENDER_NAME, sender))
    made["To"] = message.to
    made["Subject"] = _encoded(message.subject)
    made["Content-Language"] = message.language
    made["Auto-Submitted"] = "auto-generated"  # so that no out-of-office answers it (RFC 3834)
    made.attach(MIMEText(message.text, "plain", "utf-8"))
    made.attach(MIMEText(message.html, "html", "utf-8"))
    return made


def _encoded(subject: str) -> str:
    """Encoded where it must be, and where it only looks as if it were."""
    return Header(subject, "utf-8" if "=?" in subject else None, header_name="Subject").encode()


def _translated(error: ClientError) -> EmailRefused | EmailUnavailable:
    code, said = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    kind = EmailRefused if code in PERMANENT else EmailUnavailable
    return kind(masked(f"SES: {code}: {said}"))
