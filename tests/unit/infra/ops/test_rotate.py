"""`ops rotate`: a secret is replaced in SSM; where two may be taken, both are until somebody says it is over."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.cloud.deploying.review import no_review
from infra.cloud.deploying.secrets import Secrets
from infra.cloud.deploying.stacks import DeploymentError
from infra.ops.commands.rotate import end_overlap, rotate
from infra.ops.connection import OpsError

NEW, OLD = "n" * 40, "o" * 40
WEBHOOK = "/cinema/dev/payments-webhook-secrets"
STRIPE = "/cinema/dev/stripe-secret-key"


class ParameterAlreadyExists(Exception):
    """As SSM raises it."""


class Exceptions:
    """The errors of a client, by name."""

    ParameterAlreadyExists = ParameterAlreadyExists


@dataclass
class Ssm:
    """Parameters, as SSM keeps them."""

    values: dict[str, str] = field(default_factory=dict)
    exceptions: Any = Exceptions

    def get_parameters(self, Names: list[str], WithDecryption: bool) -> Any:  # noqa: N803 - boto3's names
        assert WithDecryption
        assert len(Names) <= 10, "the most that SSM takes"
        return {"Parameters": [{"Name": name, "Value": self.values[name]} for name in Names if name in self.values]}

    def get_parameter(self, Name: str, WithDecryption: bool) -> Any:  # noqa: N803
        assert WithDecryption
        return {"Parameter": {"Value": self.values[Name]}}

    def put_parameter(self, Name: str, Value: str, Type: str, Overwrite: bool) -> None:  # noqa: N803
        assert Type == "SecureString"
        if Name in self.values and not Overwrite:
            raise ParameterAlreadyExists
        self.values[Name] = Value

    def delete_parameter(self, Name: str) -> None:  # noqa: N803
        del self.values[Name]


def of(stage: str = "dev", **values: str) -> tuple[Secrets, Ssm]:
    ssm = Ssm({f"/cinema/{stage}/{name.replace('_', '-')}": value for name, value in values.items()})
    return Secrets(stage, ssm), ssm  # type: ignore[arg-type] # it answers alike


# Rotating


def test_both_webhook_secrets_are_taken_until_the_end_is_said() -> None:
    known, ssm = of(payments_webhook_secrets=OLD)

    answer = rotate(known, "PAYMENTS_WEBHOOK_SECRETS", NEW)
    assert ssm.values[WEBHOOK] == f"{NEW},{OLD}"
    assert NEW not in answer.shown(as_json=True) + answer.shown(as_json=False)

    end_overlap(known, "PAYMENTS_WEBHOOK_SECRETS")
    assert ssm.values[WEBHOOK] == NEW


def test_a_second_rotation_waits_for_the_end_of_the_first() -> None:
    known, ssm = of(payments_webhook_secrets=f"{OLD},older")

    with pytest.raises(OpsError, match="being rotated already"):
        rotate(known, "PAYMENTS_WEBHOOK_SECRETS", NEW)
    assert ssm.values[WEBHOOK] == f"{OLD},older"


def test_a_key_of_which_one_is_used_is_replaced() -> None:
    known, ssm = of(stripe_secret_key=OLD)

    rotate(known, "STRIPE_SECRET_KEY", "rk_live_new")
    assert ssm.values[STRIPE] == "rk_live_new"
    with pytest.raises(OpsError, match="not being rotated"):
        end_overlap(known, "STRIPE_SECRET_KEY")


@pytest.mark.parametrize("new", ["", "short", f"{NEW},{OLD}", OLD])
def test_what_guards_nothing_or_is_in_use_is_refused(new: str) -> None:
    known, ssm = of(payments_webhook_secrets=OLD)

    with pytest.raises(OpsError):
        rotate(known, "PAYMENTS_WEBHOOK_SECRETS", new)
    assert ssm.values[WEBHOOK] == OLD


def test_the_key_of_ids_stays_and_the_refusal_says_why() -> None:
    known, ssm = of(id_secret=OLD)

    with pytest.raises(OpsError, match="ids of sales"):
        rotate(known, "ID_SECRET", NEW)
    assert ssm.values == {"/cinema/dev/id-secret": OLD}


# Deploying


def test_a_secret_that_is_not_given_stays_and_one_that_is_empty_goes() -> None:
    known, ssm = of(stripe_secret_key=OLD, redis_url="rediss://:password@cache")
    plans: list[Any] = []

    known.take({"REDIS_URL": "", "PAYMENTS_WEBHOOK_SECRETS": NEW}, plans.append)

    assert ssm.values == {STRIPE: OLD, WEBHOOK: NEW}
    (plan,) = plans
    assert sorted(plan.settings) == ["PAYMENTS_WEBHOOK_SECRETS: set anew", "REDIS_URL: deleted"]


def test_a_secret_that_is_in_use_already_is_not_asked_about() -> None:
    known, _ = of(stripe_secret_key=OLD)
    plans: list[Any] = []

    known.take({"STRIPE_SECRET_KEY": OLD}, plans.append)

    assert plans == []


def test_nothing_is_stored_that_nobody_agreed_to() -> None:
    known, ssm = of(stripe_secret_key=OLD)

    def refuse(_: object) -> None:
        raise DeploymentError("left as it was")

    with pytest.raises(DeploymentError):
        known.take({"STRIPE_SECRET_KEY": NEW}, refuse)
    assert ssm.values == {STRIPE: OLD}


def test_on_a_laptop_only_the_secrets_of_this_start_count() -> None:
    known, ssm = of("local", stripe_secret_key=OLD, id_secret=OLD)

    known.take({"REDIS_URL": "redis://127.0.0.1"}, no_review)

    assert ssm.values == {"/cinema/local/id-secret": OLD, "/cinema/local/redis-url": "redis://127.0.0.1"}


def test_what_the_deployment_makes_is_made_once() -> None:
    known, ssm = of()

    first = known.ensure_made()
    assert known.ensure_made() == first
    assert sorted(ssm.values) == ["/cinema/dev/edge-secret", "/cinema/dev/id-secret"]
    assert min(map(len, ssm.values.values())) >= 32
    assert first["ID_SECRET"] != first["EDGE_SECRET"]


def test_a_teardown_takes_every_secret_of_the_stage_and_no_other() -> None:
    known, ssm = of(stripe_secret_key=OLD, id_secret=OLD)
    ssm.values["/cinema/prod/id-secret"] = OLD

    assert sorted(known.delete_all()) == ["/cinema/dev/id-secret", STRIPE]
    assert ssm.values == {"/cinema/prod/id-secret": OLD}
