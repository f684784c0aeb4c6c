"""The metrics that alarms and the dashboard watch: AWS's, those that functions write, and those of log_metrics.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.infrastructure.metrics import NAMESPACE
from infra.cloud.functions import Function

API_NAME = "cinema-tickets"
"""The API's name in API Gateway: app_name in .chalice/config.json."""

STAGE = {"Stage": "${Stage}"}
OF_LOGS = f"{NAMESPACE}/${{Stage}}"
"""The namespace of what is counted in logs: such a metric can't have the stage as a dimension, for no line names it."""


@dataclass(frozen=True, slots=True)
class Metric:
    namespace: str
    name: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    """Values, as the namespace, are texts for Fn::Sub: `${Stage}`, or `${APIHandler}` for the name of a resource."""


def ours(name: str, **further: str) -> Metric:
    """Makes a metric of our own namespace, of this stage."""
    return Metric(NAMESPACE, name, STAGE | further)


def of_log(name: str) -> Metric:
    """Gives a metric that CloudWatch counts in our logs (log_metrics.py)."""
    return Metric(OF_LOGS, name)


def of_api(name: str) -> Metric:
    return Metric("AWS/ApiGateway", name, {"ApiName": API_NAME} | STAGE)


def of_function(name: str, function: Function) -> Metric:
    return Metric("AWS/Lambda", name, {"FunctionName": f"${{{function.logical_id}}}"})


def of_token_trigger(name: str) -> Metric:
    """Gives a metric of the function that Cognito calls for each token (infra/cloud/user_pool.yaml)."""
    return Metric("AWS/Lambda", name, {"FunctionName": "cinema-${Stage}-token-trigger"})


def of_all_functions(name: str) -> Metric:
    """Gives a metric of all functions of the account and region together."""
    return Metric("AWS/Lambda", name)


def of_queue(name: str, queue: str) -> Metric:
    return Metric("AWS/SQS", name, {"QueueName": f"cinema-${{Stage}}-{queue}"})


def of_table(name: str, table: str, operation: str = "") -> Metric:
    """Gives a metric of a table or, where `table` is sessions/programme, of an index; some are for each operation."""
    table, _, index = table.partition("/")
    dimensions = {"TableName": f"cinema-${{Stage}}-{table}"}
    dimensions |= {"GlobalSecondaryIndexName": index} if index else {}
    return Metric("AWS/DynamoDB", name, dimensions | ({"Operation": operation} if operation else {}))


def of_emails(name: str) -> Metric:
    """Gives a metric of the account's sending in SES."""
    return Metric("AWS/SES", name)
