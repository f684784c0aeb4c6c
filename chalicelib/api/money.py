"""The sweep over payments, as the schedule calls it: what it found is logged, and counted for the alarm."""

from chalicelib import bootstrap

from .answers import log


def reconcile() -> None:
    result = bootstrap.reconcile()()
    for finding in result.findings:
        ids = {"transaction": finding.transaction_id, "reservation": finding.reservation_id}
        log.warning("money to look at", says=finding.says, ids=ids)
    log.info("reconciled", looked_at=result.looked_at, mended=result.mended, findings=len(result.findings))
    bootstrap.metrics().money_to_look_at(len(result.findings))
