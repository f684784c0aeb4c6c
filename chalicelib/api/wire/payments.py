"""The payment gateway's webhook on the wire: its message and our answer."""

from typing import Any

import msgspec

from .bodies import Answer


class GatewayMessage(msgspec.Struct):
    """A message of the simulated gateway. Stripe's messages differ. Only the gateway's adapter reads either."""

    id: str
    type: str
    payment: dict[str, Any]


class GatewayMessageReceivedBody(Answer):
    """The answer to the gateway's message, which is now in our queue."""

    received: bool = True
