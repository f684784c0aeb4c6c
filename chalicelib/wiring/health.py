"""Wiring of GET /ready, which checks every dependency."""

from threading import Lock

from chalicelib.application.queries import CachedReadinessCheck, CheckDependencies
from chalicelib.infrastructure import probes
from chalicelib.infrastructure.email import ses

from .shared.breaker_board import breaker_board
from .shared.gateway import simulated_gateway
from .shared.process import clock, database, once_per_settings, resource_name, settings
from .shared.queues import sqs
from .shared.redis import redis, redis_keys

_one_at_a_time = Lock()


def readiness_check() -> CachedReadinessCheck:
    with _one_at_a_time:  # many threads may need it first at once; all must share one cache
        return _readiness_check()


@once_per_settings
def _readiness_check() -> CachedReadinessCheck:
    return CachedReadinessCheck(check_dependencies(), clock)


@once_per_settings
def check_dependencies() -> CheckDependencies:
    asked = [
        probes.new_dynamodb_probe(database(), resource_name("sessions")),
        probes.new_sqs_probe(sqs(), resource_name("expiry")),
    ]
    if connection := redis():
        asked.append(probes.new_redis_probe(connection, redis_keys()))
    asked.append(probes.new_ses_probe(ses.new_ses_client(), breaker_board()))
    if settings().payments_url:
        asked.append(probes.new_payments_probe(simulated_gateway(), breaker_board()))
    return CheckDependencies(asked)
