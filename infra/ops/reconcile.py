"""The sweep over payments, by hand: what the gateway says against what is written down."""

import os
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from chalicelib.application.reconcile import Finding, Reconciliation
from chalicelib.domain.refusals import StoreUnavailable
from chalicelib.domain.times import to_iso
from infra.cloud.deploy import id_secret
from infra.ops.application import application_of
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer, aligned, counted
from infra.processes import RUN_DIR, recorded_url

HEADINGS = ("TRANSACTION", "RESERVATION", "SINCE", "WHAT")


class GatewayNotNamed(OpsError):
    """Where to ask what was charged is not said here."""


def reconcile(connection: Connection, hours: float) -> Answer:
    """Exit status 1 when something is left that somebody must look at. Raises OpsError."""
    return _told(swept(connection, hours, mend=True))


def swept(connection: Connection, hours: float, *, mend: bool) -> Reconciliation:
    """Raises OpsError."""
    _know_the_gateway(connection)
    if not os.environ.get("ID_SECRET"):
        os.environ["ID_SECRET"] = id_secret(connection.stage, connection.client("ssm"))
    sweep = application_of(connection).payments.reconcile()
    try:
        result: Reconciliation = sweep(timedelta(hours=hours), mend=mend)
    except StoreUnavailable as refusal:
        unreached = f"{connection.where} did not answer ({refusal.operation})"
        raise OpsError(f"{unreached}: nothing is lost, run the command again once it does.") from refusal
    return result


def _know_the_gateway(connection: Connection) -> None:
    """The stage's functions know it; nobody may read its keys back."""
    if not os.environ.get("PAYMENTS_URL") and (ours := recorded_url("payments", RUN_DIR)) and connection.endpoint:
        os.environ["PAYMENTS_URL"] = ours
    if not (os.environ.get("PAYMENTS_URL") or os.environ.get("STRIPE_SECRET_KEY")):
        raise GatewayNotNamed(
            "Which payment gateway the stage has is not said here: set PAYMENTS_URL, or PAYMENTS_PROVIDER=stripe and "
            "STRIPE_SECRET_KEY, as for its deployment."
        )


def _told(result: Reconciliation) -> Answer:
    data = {"looked_at": result.looked_at, "mended": result.mended, "findings": found(result)}
    lines = [f"{counted(result.looked_at, 'record')} compared, {result.mended} mended."]
    if result.findings:
        lines.append(table(result))
    return Answer(data, "\n".join(lines), status=1 if result.findings else 0)


def found(result: Reconciliation) -> list[dict[str, Any]]:
    return [_data(finding) for finding in result.findings]


def table(result: Reconciliation) -> str:
    rows = [(one.transaction_id, one.reservation_id, _since(one), one.says) for one in result.findings]
    return aligned(HEADINGS, rows)


def _data(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "since": _since(finding)}


def _since(finding: Finding) -> str | None:
    return to_iso(finding.since) if finding.since else None
