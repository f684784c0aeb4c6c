"""The alarms of both stacks: who is told, which page of the runbook they name, and that their metrics exist."""

import json
import re
from collections.abc import Iterator

from chalicelib.domain.consumers import CONSUMERS
from infra.cloud import data_template
from infra.cloud.functions import FUNCTIONS
from infra.processes import ROOT
from tests.unit.infra.test_docs import anchor, headings_of

from .templates import alarms, both, of_type
from .written import metric_lines

RUNBOOK = ROOT / "docs" / "operations.md"

KEPT = {
    "MoneyToLookAt",
    "PaymentEventsAreLate",
    "RedisDoesNotAnswer",
    "ReservationEventsAreLate",
    "RowEventsAreLate",
    "RowsThrottled",
    "StreamGaveUp",
    *(f"{consumer.logical_id}{end}" for consumer in CONSUMERS for end in ("GaveUp", "IsLate")),
}
"""The ids of alarms that are deployed: with another id each would be made anew, while its name is taken."""

Known = dict[tuple[str, str], list[set[str]]]

AWS_METRICS: Known = {
    # "Amazon API Gateway dimensions and metrics", API Gateway Developer Guide
    **{("AWS/ApiGateway", name): [{"ApiName", "Stage"}] for name in ("Count", "4XXError", "5XXError", "Latency")},
    # "Types of metrics for Lambda functions", Lambda Developer Guide; without a dimension: of all functions
    **{("AWS/Lambda", name): [{"FunctionName"}] for name in ("Errors", "Duration", "IteratorAge")},
    **{("AWS/Lambda", name): [{"FunctionName"}, set()] for name in ("Throttles", "ConcurrentExecutions")},
    # "Available CloudWatch metrics for Amazon SQS", SQS Developer Guide
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): [{"QueueName"}],
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): [{"QueueName"}],
    # "DynamoDB metrics and dimensions", DynamoDB Developer Guide
    ("AWS/DynamoDB", "ReadThrottleEvents"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
    ("AWS/DynamoDB", "WriteThrottleEvents"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
    ("AWS/DynamoDB", "SystemErrors"): [{"TableName", "Operation"}],
    # "Amazon CloudWatch metrics": request metrics, S3 User Guide
    ("AWS/S3", "PutRequests"): [{"BucketName", "FilterId"}],
    # "Creating reputation monitoring alarms" and "Monitoring using CloudWatch", SES Developer Guide
    **{("AWS/SES", name): [set()] for name in ("Reputation.BounceRate", "Reputation.ComplaintRate", "Send")},
}
"""The metrics of AWS that we watch, with the sets of dimensions under which each exists."""


def metrics_that_functions_write() -> Known:
    """Read from what the code writes, in CloudWatch's embedded metric format."""
    found: Known = {}
    for line in metric_lines():
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for metric in directive["Metrics"]:
                dimensions = [set(each) for each in directive["Dimensions"]]
                assert all(each <= line.keys() for each in dimensions)
                found[directive["Namespace"], metric["Name"]] = dimensions
    return found


def metrics_of_logs() -> Known:
    counted = [one["MetricTransformations"][0] for one in of_type("AWS::Logs::MetricFilter").values()]
    return {(one["MetricNamespace"]["Fn::Sub"], one["MetricName"]): [set()] for one in counted}


def known_metrics() -> Known:
    return {**AWS_METRICS, **metrics_that_functions_write(), **metrics_of_logs()}


def watched_by_alarms() -> Iterator[tuple[str, str, set[str]]]:
    for alarm in alarms().values():
        namespace = alarm["Namespace"]
        text = namespace["Fn::Sub"] if isinstance(namespace, dict) else namespace
        yield text, alarm["MetricName"], {one["Name"] for one in alarm["Dimensions"]}


def test_the_metric_of_each_alarm_is_one_that_aws_or_we_report() -> None:
    known = known_metrics()

    assert not [one for one in watched_by_alarms() if one[2] not in known.get(one[:2], [])]


def test_every_metric_that_we_write_has_an_alarm() -> None:
    watched = {(namespace, name) for namespace, name, _ in watched_by_alarms()}

    assert not (metrics_that_functions_write().keys() | metrics_of_logs().keys()) - watched


def test_every_alarm_tells_the_same_people_when_it_begins_and_ends() -> None:
    topics = [{"Ref": "Alarms"}, {"Fn::ImportValue": {"Fn::Sub": "cinema-${Stage}-alarms-arn"}}]

    for name, alarm in alarms().items():
        assert alarm["AlarmActions"] == alarm["OKActions"], name
        assert alarm["AlarmActions"][0] in topics, name


def test_every_alarm_names_a_section_of_the_runbook_that_is_there() -> None:
    sections = set(map(anchor, headings_of(RUNBOOK)))

    for name, alarm in alarms().items():
        said = re.search(r"What to do: docs/operations\.md#([\w-]+)$", alarm["AlarmDescription"])
        assert said, name
        assert said[1] in sections, name
        assert len(alarm["AlarmDescription"]) <= 1024, name


def names_in_the_runbook() -> list[str]:
    """The alarms in its table; what is in braces stands for any word."""
    table = RUNBOOK.read_text().partition("<!-- alarms:")[2].partition("<!-- end of alarms -->")[0]
    return [re.sub(r"\{\w+\}", r"[a-z-]+", name) for name in re.findall(r"^\| `…-([^`]+)`", table, re.MULTILINE)]


def test_the_runbook_lists_every_alarm_that_there_is_and_no_other() -> None:
    listed = names_in_the_runbook()

    assert not [alarm for alarm in alarms() if not any(re.fullmatch(each, alarm) for each in listed)]
    assert not [each for each in listed if not any(re.fullmatch(each, alarm) for alarm in alarms())]


def test_every_alarm_that_its_text_names_is_there() -> None:
    named = re.findall(r"`…-([a-z-]+)`", RUNBOOK.read_text())

    assert named
    assert not [each for each in named if not any(alarm == each or alarm.endswith(f"-{each}") for alarm in alarms())]


def test_each_function_stream_and_queue_is_watched() -> None:
    watched = {(one["MetricName"], json.dumps(one["Dimensions"])) for one in alarms().values()}

    for function in FUNCTIONS:
        by_name = json.dumps([{"Name": "FunctionName", "Value": {"Ref": function.logical_id}}])
        wanted = ["Errors", "Duration", *(["IteratorAge"] if function.stream else [])]
        assert not [metric for metric in wanted if (metric, by_name) not in watched], function.name


def test_alarms_that_are_deployed_keep_their_ids() -> None:
    assert not KEPT - both().keys()


def test_costs_are_told_to_whom_alarms_are_told_where_a_budget_is_set() -> None:
    budget = both()["Budget"]
    told = budget["Properties"]["NotificationsWithSubscribers"]

    assert budget["Condition"] == "BudgetIsSet"
    assert data_template.template()["Conditions"]["BudgetIsSet"] == {
        "Fn::And": [{"Condition": "SomeoneIsTold"}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "MonthlyBudget"}, "0"]}]}]
    }
    assert budget["Properties"]["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "MonthlyBudget"}, "Unit": "USD"}
    assert [one["Notification"]["NotificationType"] for one in told] == ["ACTUAL", "FORECASTED"]
    assert all(one["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": {"Ref": "AlarmEmail"}}] for one in told)
    assert "it-costs-more-than-planned" in map(anchor, headings_of(RUNBOOK))


def test_what_names_a_cause_may_be_left_out_and_what_people_notice_never() -> None:
    conditions = {
        one["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("cinema-${Stage}-"): one.get("Condition", "")
        for one in both().values()
        if one.get("Type") == "AWS::CloudWatch::Alarm"
    }

    assert set(conditions.values()) == {"", "CausesAreWatched", "RequestsAreLogged", "HasUserPool"}
    for noticed in ("api-fails", "api-throttled", "money-to-look-at", "emails-bounce", "expiry-late", "rows-throttled"):
        assert conditions[noticed] == "", noticed
