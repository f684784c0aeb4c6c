"""Compares the payment gateway's list of payments with ours, by hand."""

import os
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from chalicelib.application.reconcile import Finding, SweepResult
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.times import to_iso
from infra.cloud.deploying.secrets import Secrets
from infra.ops.application import load_wiring_for_stage
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer, aligned, counted
from infra.processes import RUN_DIR, find_url

HEADINGS = ("TRANSACTION", "RESERVATION", "SINCE", "WHAT")


class GatewayNotNamed(OpsError):
    """No payment gateway is configured for this command, by PAYMENTS_URL or STRIPE_SECRET_KEY."""


def reconcile_charges_refunds_and_sales(connection: Connection, hours: float) -> Answer:
    """Compares the lists and repairs ours. Exit status 1 when a finding is left for people. Raises OpsError."""
    return _make_answer(sweep_payments(connection, hours, mend=True))


def sweep_payments(connection: Connection, hours: float, *, mend: bool) -> SweepResult:
    """Compares the payments of the last hours with the gateway's list. With `mend`, repairs ours. Raises OpsError."""
    _set_gateway_url(connection)
    if not os.environ.get("ID_SECRET"):
        os.environ["ID_SECRET"] = Secrets(connection.stage, connection.client("ssm")).ensure_made()["ID_SECRET"]
    load_wiring_for_stage(connection)
    from chalicelib import wiring

    sweep = wiring.payments.reconcile_charges_refunds_and_sales()
    try:
        result = sweep(timedelta(hours=hours), mend=mend)
    except BackendUnavailable as refusal:
        unreached = f"{connection.where} did not answer ({refusal.operation})"
        raise OpsError(f"{unreached}: nothing is lost, run the command again once it does.") from refusal
    return result


def _set_gateway_url(connection: Connection) -> None:
    """Sets PAYMENTS_URL to the payment gateway of this machine, unless it is set. Raises GatewayNotNamed.

    The deployed functions' settings can't be used, because their keys can't be read back.
    """
    if not os.environ.get("PAYMENTS_URL") and (ours := find_url("payments", RUN_DIR)) and connection.endpoint:
        os.environ["PAYMENTS_URL"] = ours
    if not (os.environ.get("PAYMENTS_URL") or os.environ.get("STRIPE_SECRET_KEY")):
        raise GatewayNotNamed(
            "Which payment gateway the stage has is not said here: set PAYMENTS_URL, or PAYMENTS_PROVIDER=stripe and "
            "STRIPE_SECRET_KEY, as for its deployment."
        )


def _make_answer(result: SweepResult) -> Answer:
    data = {"looked_at": result.looked_at, "mended": result.mended, "findings": findings_data(result)}
    lines = [f"{counted(result.looked_at, 'record')} compared, {result.mended} mended."]
    if result.findings:
        lines.append(findings_table(result))
    return Answer(data, "\n".join(lines), status=1 if result.findings else 0)


def findings_data(result: SweepResult) -> list[dict[str, Any]]:
    """Gives the findings for JSON."""
    return [_finding_data(finding) for finding in result.findings]


def findings_table(result: SweepResult) -> str:
    """Gives the findings as a table."""
    rows = [(one.transaction_id, one.reservation_id, _since_text(one), one.says) for one in result.findings]
    return aligned(HEADINGS, rows)


def _finding_data(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "since": _since_text(finding)}


def _since_text(finding: Finding) -> str | None:
    return to_iso(finding.since) if finding.since else None
