"""AWS's list prices, with the date and the page that they were read on: the one place where they are said."""

from datetime import date
from typing import NamedTuple

READ_ON = date(2026, 11, 26)
REGION = "us-east-1"


class Price(NamedTuple):
    what: str
    """The unit of which `per` cost `usd`."""
    usd: float
    per: int
    source: str

    def of(self, amount: float) -> float:
        """Gives the price of an amount, in USD."""
        return amount * self.usd / self.per


MILLION = 1_000_000

WRITE_UNIT = Price("DynamoDB write units", 0.625, MILLION, "Amazon DynamoDB pricing for on-demand capacity")
READ_UNIT = Price("DynamoDB read units", 0.125, MILLION, "Amazon DynamoDB pricing for on-demand capacity")
REST_REQUEST = Price("REST requests of API Gateway", 3.50, MILLION, "Amazon API Gateway pricing")
SOCKET_MESSAGE = Price("WebSocket messages", 1.00, MILLION, "Amazon API Gateway pricing")
SOCKET_MINUTE = Price("WebSocket connection minutes", 0.25, MILLION, "Amazon API Gateway pricing")
INVOCATION = Price("Lambda invocations", 0.20, MILLION, "AWS Lambda pricing")
GB_SECOND = Price("Lambda GB-seconds", 16.6667, MILLION, "AWS Lambda pricing")
SQS_REQUEST = Price("SQS requests", 0.40, MILLION, "Amazon SQS pricing")
EMAIL = Price("emails of SES", 0.10, 1000, "Amazon SES pricing")
S3_PUT = Price("files put into S3", 0.005, 1000, "Amazon S3 pricing")
SIGNING_KEY_MONTH = Price("keys of KMS a month", 1.00, 1, "AWS Key Management Service pricing")
SIGNATURE = Price("signatures by an asymmetric key of KMS", 0.15, 10_000, "AWS Key Management Service pricing")
ALARM = Price("alarm metrics a month", 0.10, 1, "Amazon CloudWatch pricing")
METRIC = Price("metrics of one's own a month", 0.30, 1, "Amazon CloudWatch pricing")
DASHBOARD = Price("dashboards a month", 3.00, 1, "Amazon CloudWatch pricing")
LOG_GB = Price("GB of logs taken in", 0.50, 1, "Amazon CloudWatch pricing")
REDIS_MONTH = Price("small ElastiCache nodes (cache.t4g.micro) a month", 11.68, 1, "Amazon ElastiCache pricing")
POSTGRES_MONTH = Price(
    "PostgreSQL to compare with (db.t4g.medium, two zones) a month", 94.90, 1, "Amazon RDS for PostgreSQL pricing"
)
ENDPOINT_MONTH = Price("interface endpoints a month, one zone", 7.30, 1, "AWS PrivateLink pricing")

PRICES = (
    *(WRITE_UNIT, READ_UNIT, REST_REQUEST, SOCKET_MESSAGE, SOCKET_MINUTE, INVOCATION, GB_SECOND, SQS_REQUEST),
    *(SIGNING_KEY_MONTH, SIGNATURE),
    *(EMAIL, S3_PUT, ALARM, METRIC, DASHBOARD, LOG_GB, REDIS_MONTH, POSTGRES_MONTH, ENDPOINT_MONTH),
)
