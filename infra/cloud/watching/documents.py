"""Writes documents from the tables of alarms and logs: the alarms in docs/operations.md, and docs/logs.md."""

from collections.abc import Iterable

from infra.cloud.markdown import table

from .alarms import Alarm
from .app_alarms import APP_ALARMS
from .data_alarms import DATA_ALARMS
from .log_lines import log_lines
from .log_schema import FIELDS, FUNCTIONS, LOG_GROUPS, METRICS, REQUESTS
from .queries import QUERIES

HEADINGS = {
    FUNCTIONS: "Lines of functions",
    METRICS: "Lines of metrics, among those of functions",
    REQUESTS: "Lines of API Gateway, one for each request",
}

LOGS = """\
# Logs

<!-- Made by {command} from infra/cloud/watching and the code. -->

Each line is one JSON object. Nobody is named in it: ids, the domain of an address, never a token or a card. Logs are
kept for 14 days, in prod for 90. Some rare warnings of libraries and of our own adapters are plain text, for which
`filter @message like "…"` is the way.

{fields}

## What functions say

{lines}

A refusal is an outcome like another: `INFO`, with its status. `{{view}}` is the name of the view in `chalicelib/api`.

## Saved queries

In CloudWatch's console, Logs Insights, below `cinema-{{stage}}/`. Choose the time, and fill in the id where
one is asked for.

{queries}
"""


def table_of_alarms() -> str:
    """Makes the table of all alarms. Those of one kind share a row."""
    rows = dict.fromkeys(_alarm_row(alarm) for alarm in (*APP_ALARMS, *DATA_ALARMS))
    return table(("alarm", "what it means", "what to do"), rows)


def _alarm_row(alarm: Alarm) -> tuple[str, str, str]:
    name, says = alarm.kind or (alarm.name, alarm.says)
    return f"`…-{name}`", says, alarm.what_to_do


def logs_document(command: str) -> str:
    """Makes docs/logs.md."""
    fields = "\n\n".join(_fields_table(kind) for kind in HEADINGS)
    return LOGS.format(command=command, fields=fields, lines=_lines(), queries=_queries_table())


def _fields_table(kind: str) -> str:
    rows = [(f"`{field.name}`", field.meaning) for field in FIELDS if field.kind == kind]
    return f"## {HEADINGS[kind]}\n\nIn `{LOG_GROUPS[kind]}`.\n\n{table(('field', 'what it says'), rows)}"


def _lines() -> str:
    rows = (
        (
            line.level,
            f"`{line.message}`" if line.message != "view" else "`{view}`",
            _names(line.fields),
            f"`{line.module}`",
        )
        for line in log_lines()
    )
    return table(("level", "message", "fields beside those of every line", "from"), rows)


def _names(fields: Iterable[str]) -> str:
    return ", ".join(f"`{field}`" for field in fields if field not in ("exception", "stack_trace"))


def _queries_table() -> str:
    return table(("query", "answers"), ((f"`{query.name}`", query.answers) for query in QUERIES))
