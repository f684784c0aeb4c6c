"""Repairs after a deployment: sets properties that the endpoint left out, and takes steps that CloudFormation can't."""

import json
import os
from typing import Any

import boto3

from chalicelib.settings import DEFAULT_SENDER
from infra.cloud import data_template as data

from .stacks import physical_names

GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"


def ensure_ttl(stage: str) -> None:
    """Switches on the TTL of each table that has one in the template."""
    client = boto3.client("dynamodb")
    for table in data.resources("AWS::DynamoDB::Table", stage):
        wanted = table.get("TimeToLiveSpecification")
        if not wanted:
            continue
        found = client.describe_time_to_live(TableName=table["TableName"])["TimeToLiveDescription"]
        if found.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            client.update_time_to_live(TableName=table["TableName"], TimeToLiveSpecification=wanted)


def ensure_gateway_responses(api_id: str, api: dict[str, Any]) -> None:
    """Sets the template's answers for API Gateway's own errors, where the API still has the defaults."""
    client = boto3.client("apigateway")
    wanted: dict[str, Any] = api["DefinitionBody"][GATEWAY_RESPONSES]
    found = client.get_gateway_responses(restApiId=api_id)["items"]
    missing = {one["responseType"] for one in found if one.get("defaultResponse")} & wanted.keys()
    for response_type in sorted(missing):
        client.put_gateway_response(restApiId=api_id, responseType=response_type, **wanted[response_type])
    if missing:
        client.create_deployment(restApiId=api_id, stageName=api["StageName"])


def ensure_sender(address: str) -> None:
    """Has SES verify the sender unless it, or its domain, is an identity already.

    An emulator verifies it at once. AWS sends an email to the address, and somebody has to follow its link. The default
    address belongs to nobody, so AWS is not asked to verify it.
    """
    if address == DEFAULT_SENDER and not os.environ.get("AWS_ENDPOINT_URL"):
        print(f"No email can be sent: {address} is only for emulators. Set MAIL_FROM to an address of yours.")
        return
    client = boto3.client("ses")
    known = {name for page in client.get_paginator("list_identities").paginate() for name in page["Identities"]}
    if not known & {address, address.rpartition("@")[2]}:
        client.verify_email_identity(EmailAddress=address)


SEVERAL_NAMES, READS_SECRETS = "several-names", "ssm:GetParameters"


def ensure_secrets_are_readable(stack: str) -> None:
    """On an emulator that enforces IAM, lets each role that may read some secrets read all of them.

    Such an emulator checks a request for several parameters as one for `*`. AWS checks each name ("Actions, resources,
    and condition keys for AWS Systems Manager"), so a role's policy in the template lists names.
    """
    if not os.environ.get("AWS_ENDPOINT_URL"):
        return
    client = boto3.client("iam")
    anything = {"Effect": "Allow", "Action": READS_SECRETS, "Resource": "*"}
    for role in physical_names(stack, "AWS::IAM::Role"):
        names = client.list_role_policies(RoleName=role)["PolicyNames"]
        stated = [client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
        if SEVERAL_NAMES not in names and READS_SECRETS in json.dumps(stated):
            document = json.dumps({"Version": "2012-10-17", "Statement": [anything]})
            client.put_role_policy(RoleName=role, PolicyName=SEVERAL_NAMES, PolicyDocument=document)
