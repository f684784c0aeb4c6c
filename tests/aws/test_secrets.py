"""The packaged functions' secrets: in SSM, fetched with one question at their first use, and nowhere else."""

import json

from chalicelib.settings import EVERY_FUNCTION
from infra.cloud.deploying.secrets import SECRETS
from infra.cloud.functions import FUNCTIONS

from .clients import PackagedApi
from .conftest import STORED_SECRETS
from .endpoint import Behaviour, Call, Endpoint, Forward, Reply
from .errors import UUID
from .runtime import Functions

FORGED = {"Content_Type": "application/json", "Payment_Signature": "t=1,v1=forged"}


def ask(api: PackagedApi) -> int:
    """Brings a message of the payment gateway, whose signature is compared by a secret."""
    return api.send("POST", "/api/payments/webhook", "{}", **FORGED).status


def test_what_needs_no_secret_asks_for_none(functions: Functions, endpoint: Endpoint) -> None:
    with endpoint.noting() as calls, functions.new_instance("api_handler") as instance:
        answer = PackagedApi("", function=instance, template=functions.template).get("/api/sessions")

    assert answer.status == 200
    assert [call for call in calls if call.service == "ssm"] == []


def test_no_secret_is_in_the_environment_of_a_function(functions: Functions) -> None:
    template = functions.template["Resources"]
    for function in FUNCTIONS:
        variables = functions._environment(template[function.logical_id]["Properties"])
        secrets = {name: variables[name] for name in SECRETS.keys() & variables.keys()}
        assert secrets == {name: f"ssm:{SECRETS[name].ssm_parameter_in('prod')}" for name in secrets}, function.name
        assert not set(STORED_SECRETS.values()) & set(variables.values()), function.name


def test_all_secrets_of_a_function_are_fetched_with_one_question_and_at_their_first_use(
    functions: Functions, endpoint: Endpoint
) -> None:
    with endpoint.noting() as calls, functions.new_instance("api_handler") as instance:
        api = PackagedApi("", function=instance, template=functions.template)
        started = [call for call in endpoint.calls if call.service == "ssm"]
        statuses = [ask(api), ask(api)]

    mine = {
        one.ssm_parameter_in("prod") for one in SECRETS.values() if {"api_handler", *EVERY_FUNCTION} & {*one.given_to}
    }
    (question,) = [call for call in calls if call.service == "ssm"]
    assert question.operation == "GetParameters"
    assert set(question.json["Names"]) == mine
    assert question.json["WithDecryption"] is True
    assert question not in started
    assert statuses == [401, 401]


def test_while_ssm_does_not_answer_what_needs_a_secret_is_told_to_come_again(
    functions: Functions, endpoint: Endpoint
) -> None:
    with functions.new_instance("api_handler") as instance:
        api = PackagedApi("", function=instance, template=functions.template)
        with endpoint.behaving(ssm_is("InternalServerError", 500)):
            assert ask(api) == 503, instance.log.read_text()
        assert ask(api) == 401


def test_a_function_that_may_not_read_its_secrets_says_which(functions: Functions, endpoint: Endpoint) -> None:
    with functions.new_instance("api_handler") as instance:
        api = PackagedApi("", function=instance, template=functions.template)
        with endpoint.behaving(ssm_is("AccessDeniedException", 400)):
            assert ask(api) == 500
        logged = instance.log.read_text()
    assert "PAYMENTS_WEBHOOK_SECRETS" in logged
    assert "can not be read from SSM: AccessDeniedException" in logged


def ssm_is(code: str, status: int) -> Behaviour:
    """Answers SSM's calls with an error, as "AWS Systems Manager API Reference, Common Errors" has it."""

    def behaviour(call: Call, forward: Forward) -> Reply:
        if call.service != "ssm":
            return forward(call)
        body = json.dumps({"__type": code, "message": "no"}).encode()
        return Reply(status, (("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", UUID)), body)

    return behaviour
