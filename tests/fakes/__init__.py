"""The ports in memory. They pass the contract tests that DynamoDB and SQS pass, so that a use case may trust them."""

from .booking import *
from .common import *
from .events import *
from .faults import *
from .invoices import *
from .notifying import *
from .operations import *
from .payments import *
from .tickets import *
