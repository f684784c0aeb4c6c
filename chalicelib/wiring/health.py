"""Wiring of GET /ready, which checks every dependency."""

from threading import Lock

from chalicelib.application.queries import CachedReadinessCheck, CheckReadiness
from chalicelib.infrastructure import probes
from chalicelib.infrastructure.email import ses

from .shared.breaker_board import breaker_board
from .shared.gateway import http_gateway
from .shared.process import clock, database, once, settings, stage_name
from .shared.queues import sqs
from .shared.redis import redis, redis_keys

_one_at_a_time = Lock()


def readiness() -> CachedReadinessCheck:
    with _one_at_a_time:  # a crowd may be the first to ask
        return _readiness()


@once
def _readiness() -> CachedReadinessCheck:
    return CachedReadinessCheck(check_readiness(), clock)


@once
def check_readiness() -> CheckReadiness:
    asked = [probes.dynamodb(database(), stage_name("sessions")), probes.sqs(sqs(), stage_name("expiry"))]
    if connection := redis():
        asked.append(probes.redis(connection, redis_keys()))
    asked.append(probes.ses(ses.client(), breaker_board()))
    if settings().payments_url:
        asked.append(probes.payments(http_gateway(), breaker_board()))
    return CheckReadiness(asked)
