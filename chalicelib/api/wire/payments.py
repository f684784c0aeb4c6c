"""The payment gateway's webhook on the wire: its message and our answer."""

from typing import Any

import msgspec

from .bodies import Answer


class GatewayMessage(msgspec.Struct):
    """A message of the simulated payment gateway, read by its adapter. Stripe's messages have another form."""

    id: str
    type: str
    payment: dict[str, Any]


class GatewayMessageReceivedBody(Answer):
    """The answer to the payment gateway. Its message is verified and in a queue, but not yet handled."""

    received: bool = True
