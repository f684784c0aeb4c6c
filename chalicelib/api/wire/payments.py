"""The payment gateway's webhook on the wire: its message and our answer."""

from typing import Any

import msgspec

from .bodies import Answer


class SimulatedGatewayMessage(msgspec.Struct):
    """A message from the simulated payment gateway. Stripe's messages have another form."""

    id: str
    type: str
    payment: dict[str, Any]


class GatewayMessageReceivedBody(Answer):
    """The answer to the payment gateway. The message was verified and put into a queue, but is not handled yet."""

    received: bool = True
