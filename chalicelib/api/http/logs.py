"""The structured log of the API and of the functions of queues and streams."""

from aws_lambda_powertools import Logger

log = Logger(service="cinema-tickets", location=None)
