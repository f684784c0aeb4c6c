"""The payment gateway's webhook on the wire: its message and our answer."""

from typing import Any

import msgspec

from .bodies import Answer


class GatewayMessage(msgspec.Struct):
    """As the simulated gateway writes it; Stripe's have its form. Only the gateway's adapter reads it."""

    id: str
    type: str
    payment: dict[str, Any]


class Heard(Answer):
    """The message was taken; what it says is worked on."""

    received: bool = True
