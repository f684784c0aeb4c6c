"""Makes the watching resources of each stack: alarms; and for functions, log metrics, saved queries, a dashboard."""

from infra.cloud.templates import Template, imported

from .alarms import alarm_resources
from .app_alarms import APP_ALARMS
from .dashboard import dashboard_resources
from .data_alarms import DATA_ALARMS
from .log_metrics import log_metric_resources
from .queries import query_resources


def watching_of_data() -> Template:
    """Makes the alarms of the data stack, which has their topic."""
    return alarm_resources(DATA_ALARMS, {"Ref": "Alarms"})


def watching_of_app() -> Template:
    """Makes the watching resources of the functions' stack."""
    return {
        **log_metric_resources(),
        **alarm_resources(APP_ALARMS, imported("alarms-arn")),
        **query_resources(),
        **dashboard_resources(),
    }
