"""Liveness and readiness: /health and /ready."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http.answers import authorized_rate_limited_and_answered, ok
from .wire import health as health_wire

routes = Blueprint(__name__)


@routes.route("/health", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def health(request: Request) -> Response:
    return ok(health_wire.HealthBody("ok"))


@routes.route("/ready", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def ready(request: Request) -> Response:
    readiness = health_wire.readiness(wiring.health.readiness_check()())
    return ok(readiness, status=200 if readiness.status == "ready" else 503)
