"""Changes the template that Chalice makes, where an addition to it (app_template.py) can't: in lists, and what goes."""

from typing import Any

from .app_template import uses_redis
from .functions import FUNCTIONS
from .templates import Template

NETWORK_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""The actions that Lambda needs in a VPC: those of AWSLambdaVPCAccessExecutionRole but for its three on logs.

That policy allows logs:CreateLogGroup. A function that starts early would make its log group before CloudFormation
does, which then fails.
"""


def finish(template: Template) -> None:
    """Changes a packaged template in place."""
    _deploy_websockets_automatically(template["Resources"])
    _allow_network(template["Resources"])


def _deploy_websockets_automatically(resources: dict[str, Any]) -> None:
    """Has API Gateway deploy changed routes by itself.

    Chalice's deployment always has the same logical id, so CloudFormation would never make another one.
    """
    del resources["WebsocketAPIDeployment"]
    stage = resources["WebsocketAPIStage"]["Properties"]
    del stage["DeploymentId"]
    stage["AutoDeploy"] = True


def _allow_network(resources: dict[str, Any]) -> None:
    """Lets the functions in Redis's VPC use its network."""
    statement = {
        "Effect": "Allow",
        "Action": list(NETWORK_ACTIONS),
        "Resource": "*",
    }  # as AWS says: they know no others
    network = {"PolicyName": "Network", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    for function in filter(uses_redis, FUNCTIONS):
        policies = resources[f"{function.role_stem}Role"]["Properties"]["Policies"]
        policies.append({"Fn::If": ["RedisIsInVpc", network, {"Ref": "AWS::NoValue"}]})
