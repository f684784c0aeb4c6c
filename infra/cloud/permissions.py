"""The IAM policy of each function, made from its row in functions.py: what it may do, and its queue or stream."""

from collections.abc import Iterator, Sequence

from chalicelib.domain.consumers import CONSUMERS
from chalicelib.infrastructure.dynamodb.events.webhooks import SUBSCRIBER_ATTRIBUTES

from .functions import Function, settings_of
from .templates import Template, sub

HERE = "${AWS::Region}:${AWS::AccountId}"

ON_TABLES = {
    "get": "GetItem",
    "get-many": "BatchGetItem",
    "put": "PutItem",
    "update": "UpdateItem",
    "delete": "DeleteItem",
    "query": "Query",
}
"""The action for each verb on a table (`sessions`) or an index (`sessions/programme`). Transactions need no others."""

LISTED_WITHOUT_SECRETS = {
    "StringEquals": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
    "ForAllValues:StringEquals": {"dynamodb:Attributes": SUBSCRIBER_ATTRIBUTES.split(", ")},
}
SENT_AS_OURSELVES = {"StringEqualsIfExists": {"ses:FromAddress": {"Ref": "MailFrom"}}}
"""The condition that emails come from MailFrom. Any identity may verify it: the address or its domain."""

BY_ITS_ALIAS = {"StringEquals": {"kms:RequestAlias": sub("alias/cinema-${Stage}-tickets")}}
"""The condition that a key is named by the alias of those that sign tickets: so another key can take its place."""

SENDING = ("GetQueueUrl", "SendMessage", "SendMessageBatch")
PARKING = ("GetQueueUrl", "SendMessage")
LOOKING = ("GetQueueAttributes", "GetQueueUrl")
CONSUMING = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ReceiveMessage")
READING = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")


def policy(function: Function) -> Template:
    """Makes the policy of a function. Raises KeyError for a verb or resource that is unknown here."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            *_log_statements(function),
            *_source_statements(function),
            *_queue_statements(function),
            *_table_statements(function),
            *_secret_statements(function),
        ],
    }


def _allow(service: str, actions: Sequence[str], *resources: str, condition: Template | None = None) -> Template:
    found = [one if one == "*" else sub(f"arn:${{AWS::Partition}}:{one}") for one in resources]
    statement = {
        "Effect": "Allow",
        "Action": [f"{service}:{action}" for action in actions],
        "Resource": found[0] if len(found) == 1 else found,
    }
    return {**statement, "Condition": condition} if condition else statement


def _log_statements(function: Function) -> Iterator[Template]:
    group = f"logs:{HERE}:log-group:/aws/lambda/${{AWS::StackName}}-{function.logical_id}-*"
    yield _allow("logs", ("CreateLogStream", "PutLogEvents"), group)


def _source_statements(function: Function) -> Iterator[Template]:
    if function.consumer:
        yield _allow("sqs", CONSUMING, _queue_arn(function.consumer.queue))
        yield _allow("sqs", PARKING, _queue_arn(f"{function.consumer.queue}-dlq"))
    if function.stream:
        yield _allow("dynamodb", READING, _table_arn(f"{function.stream}/stream/*"))
    if function.relays:
        yield _SPECIAL["stream failures", "put"]
        yield _SPECIAL["stream failures", "list"]


def _queue_statements(function: Function) -> Iterator[Template]:
    if function.sends_to:
        yield _allow("sqs", SENDING, *map(_queue_arn, function.sends_to))
    if function.shows_queues:
        queues = sorted(consumer.queue for consumer in CONSUMERS)
        yield _allow("sqs", LOOKING, *(_queue_arn(f"{queue}{end}") for queue in queues for end in ("", "-dlq")))


def _table_statements(function: Function) -> Iterator[Template]:
    for what, verbs in function.allowed_verbs.items():
        special = [_SPECIAL[what, verb] for verb in verbs.split() if (what, verb) in _SPECIAL]
        actions = [ON_TABLES[verb] for verb in verbs.split() if (what, verb) not in _SPECIAL]
        if actions:
            yield _allow("dynamodb", actions, _table_arn(what.replace("/", "/index/")))
        yield from special


def _secret_statements(function: Function) -> Iterator[Template]:
    """Lets a function read its own secrets.

    Decrypting needs no right of its own: SSM encrypts by the key aws/ssm, which everybody of the account may use
    through SSM ("AWS KMS encryption for AWS Systems Manager Parameter Store SecureString parameters").
    """
    names = [one.ssm_parameter_in("${Stage}") for one in settings_of(function) if one.secret]
    if names:
        yield _allow("ssm", ["GetParameters"], *(f"ssm:{HERE}:parameter{name}" for name in sorted(names)))


def _queue_arn(name: str) -> str:
    return f"sqs:{HERE}:cinema-${{Stage}}-{name}"


def _table_arn(name: str) -> str:
    return f"dynamodb:{HERE}:table/cinema-${{Stage}}-{name}"


def _bucket_arn(name: str, files: str = "") -> str:
    return f"s3:::cinema-${{Stage}}-{name}-${{AWS::AccountId}}-${{AWS::Region}}{files}"


_SPECIAL = {
    ("invoice files", "get"): _allow("s3", ["GetObject"], _bucket_arn("invoices", "/invoices/*")),
    ("invoice files", "put"): _allow("s3", ["PutObject"], _bucket_arn("invoices", "/invoices/*")),
    ("stream failures", "put"): _allow("s3", ["PutObject"], _bucket_arn("failures", "/*")),
    ("stream failures", "list"): _allow("s3", ["ListBucket"], _bucket_arn("failures")),
    ("mail service", "ask"): _allow("ses", ["GetSendQuota"], "*"),
    ("mail service", "send"): _allow("ses", ["SendRawEmail"], "*", condition=SENT_AS_OURSELVES),
    ("ticket key", "sign"): _allow("kms", ["GetPublicKey", "Sign"], f"kms:{HERE}:key/*", condition=BY_ITS_ALIAS),
    ("webhooks", "list-without-secrets"): _allow(
        "dynamodb", ["Scan"], _table_arn("webhooks"), condition=LISTED_WITHOUT_SECRETS
    ),
    ("connections", "post"): _allow(
        "execute-api", ["ManageConnections"], f"execute-api:{HERE}:${{WebsocketAPI}}/${{Stage}}/POST/@connections/*"
    ),
}
"""The statements for all other access than that to tables in general, by resource and verb."""
