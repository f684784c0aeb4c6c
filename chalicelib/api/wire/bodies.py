"""Reads the bodies and parameters of requests. Writes the values in answers: moments, money, ratios.

Each resource has a module beside this one, with classes for its JSON: `…Request` for requests, `…Body` for answers. The
names and docstrings of these classes are in the OpenAPI document, so changing one changes the contract.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec
from chalice.app import Request
from msgspec import Meta

from chalicelib.domain.money import Money as DomainMoney
from chalicelib.domain.refusals import CursorInvalid
from chalicelib.domain.times import to_iso, to_utc_in_whole_ms

from . import names

LARGEST_BODY_BYTES = 65_536
LARGEST_PAGE = 100
LONGEST_KEY_CHARACTERS = 255

NOT_BLANK = r"\S"

_MISSING = re.compile("Object missing required field `(.+)`")
_WHOLE = re.compile(r"(\d{1,4})(\.0+)?", re.ASCII)

MOST_EXACT = 2**53
"""The largest number up to which a float represents every whole number exactly."""

FIRST_YEAR, LAST_YEAR = 2000, 2099
"""The first and the last year that a moment in a request may have. They are far from the ends of Python's calendar, so
no conversion to another time zone, and no sum such as the end of a screening, can overflow."""

NETWORK_BITS = 64
"""The length of an IPv6 prefix that identifies one customer of a provider. The customer may choose the other bits."""

SessionId = Annotated[str, Meta(min_length=1, max_length=64)]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
CalendarMoment = Annotated[datetime, Meta(tz=True, extra_json_schema={"pattern": "^20[0-9]{2}-"})]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]
Money = Annotated[
    msgspec.Raw, Meta(description="With two decimals: 50.00.", extra_json_schema={"type": "number", "minimum": 0})
]
Ratio = Annotated[
    msgspec.Raw, Meta(description="With four decimals: 0.1250.", extra_json_schema={"type": "number", "minimum": 0})
]


class MalformedRequest(Exception):
    """The request does not have the contract's form. `field` is the faulty field's name, or its JSON path if it is in a
    body; '' if the fault is in no field."""

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.detail, self.field = detail, field


class MalformedJson(MalformedRequest):
    """The body is not JSON at all."""


class BodyTooLarge(Exception):
    """The body is longer than LARGEST_BODY_BYTES. No valid request is that long."""


class UnsupportedMediaType(Exception):
    """The body's Content-Type is not JSON's, or is missing on a route that requires one."""


class Answer(msgspec.Struct, rename="camel", omit_defaults=True):
    """The base class of answers' bodies. A field that has its default value, such as None, is left out of the JSON."""


T = TypeVar("T", bound=msgspec.Struct)


def body_of(request: Request, shape: type[T]) -> T:
    """Reads the request's body. Raises MalformedRequest, BodyTooLarge."""
    return parsed(request.raw_body, shape)


def parsed(raw: bytes | str, shape: type[T]) -> T:
    """Reads JSON as the type `shape`, and checks all its texts with `check_name`. Raises MalformedRequest,
    BodyTooLarge."""
    if len(raw) > LARGEST_BODY_BYTES:
        raise BodyTooLarge
    try:
        body = _decoded(raw, shape)
    except msgspec.ValidationError as error:
        raise _malformed(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(str(error)) from error
    for where, text in _texts(body, "$"):
        check_name(text, where)
    return body


def _decoded(raw: bytes | str, shape: type[T]) -> T:
    """Decodes JSON as the type `shape`. Accepts 16.0 as a whole number, as JSON Schema does. Raises msgspec's
    errors."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError:
        return msgspec.convert(_with_whole_numbers(msgspec.json.decode(raw)), shape)


def _with_whole_numbers(value: Any) -> Any:
    match value:
        case dict():
            return {name: _with_whole_numbers(each) for name, each in value.items()}
        case list():
            return [_with_whole_numbers(each) for each in value]
        case float() if value.is_integer() and abs(value) <= MOST_EXACT:
            return int(value)
    return value


def _malformed(error: msgspec.ValidationError) -> MalformedRequest:
    detail, _, place = str(error).partition(" - at `")
    field = place.rstrip("`")
    if missing := _MISSING.fullmatch(detail):
        field = f"{field or '$'}.{missing[1]}"
    return MalformedRequest(detail, field)


def check_user_id_in_path(path: Mapping[str, str]) -> None:
    """Checks the user's id in a path, if there is one, as `parsed` checks it in a body. Raises MalformedRequest.

    Other ids in paths need no check: we make them ourselves, and no resource is found under an invalid id.
    """
    if "user_id" in path:
        check_name(path["user_id"], "userId")


def check_name(text: str, field: str) -> None:
    """Checks that a text can be a name, by the rule in names.py. Raises MalformedRequest, which names `field`."""
    if fault := names.reason_against_name_or_none(text):
        raise MalformedRequest(fault, field)


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Gives every text in a body, with its place as a JSON path."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, msgspec.Struct):
        for name, written in _fields(type(value)):
            yield from _texts(getattr(value, name), f"{where}.{written}")
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _texts(each, f"{where}[{number}]")
    elif isinstance(value, dict):
        for name, each in value.items():
            yield where, name
            yield from _texts(each, f"{where}.{name}")


@cache
def _fields(shape: type[msgspec.Struct]) -> Sequence[tuple[str, str]]:
    """Gives the names of a body's fields, in Python and in JSON. Cached, as reading them is slow."""
    return [(known.name, known.encode_name) for known in msgspec.structs.fields(shape)]


def client_address_or_network(context: Mapping[str, Any]) -> str:
    """Gives the client's IPv4 address, or the /64 network of its IPv6 address, from the request's context.

    Gives '' if the context has no address. Reads no header, because clients can forge headers.
    """
    address = str(context.get("identity", {}).get("sourceIp", ""))
    if ":" not in address:
        return address
    import ipaddress  # few come by IPv6

    try:
        return str(ipaddress.IPv6Network((address.partition("%")[0], NETWORK_BITS), strict=False))
    except ValueError:
        return address


def limit_and_cursor(request: Request) -> tuple[int, str | None]:
    """Gives the query's `limit` (20 if absent) and `cursor` (None if absent). Raises MalformedRequest,
    CursorInvalid."""
    query: Mapping[str, str] = request.query_params or {}
    limit = _WHOLE.fullmatch(query.get("limit", "20"))
    if not limit or not 1 <= int(limit[1]) <= LARGEST_PAGE:
        raise MalformedRequest(f"Expected a whole number from 1 to {LARGEST_PAGE}", "limit")
    return int(limit[1]), cursor_of(request)


def cursor_of(request: Request) -> str | None:
    """Gives the query's `cursor`, or None without one. Raises CursorInvalid for an empty cursor."""
    query: Mapping[str, str] = request.query_params or {}
    cursor = query.get("cursor")
    if cursor == "":
        raise CursorInvalid
    return cursor


def idempotency_key(request: Request) -> str | None:
    """Gives the Idempotency-Key header, or None if there is none. Raises MalformedRequest if the key is blank or too
    long."""
    key: str | None = request.headers.get("idempotency-key")
    if key is not None and not (key.strip() and len(key) <= LONGEST_KEY_CHARACTERS):
        raise MalformedRequest(f"Expected 1 to {LONGEST_KEY_CHARACTERS} characters", "Idempotency-Key")
    return key


def encoded(answer: Any) -> str:
    return msgspec.json.encode(answer).decode()


def moment(at: datetime) -> str:
    return to_iso(at).replace(".000Z", "Z")


def moment_if_any(at: datetime | None) -> str | None:
    return moment(at) if at else None


def utc_whole_ms_in_years_2000_to_2099(moment: datetime, field: str) -> datetime:
    """Gives the moment in UTC, truncated to milliseconds. Raises MalformedRequest unless its year is 2000 to 2099."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise MalformedRequest(f"Expected a year from {FIRST_YEAR} to {LAST_YEAR}", field)
    return to_utc_in_whole_ms(moment)


def amount_of(number: float, field: str) -> Decimal:
    """Reads a JSON number as an amount of money. Raises MalformedRequest for more than two decimals."""
    try:
        return DomainMoney.parse(repr(number)).amount
    except ValueError as error:
        raise MalformedRequest("Expected at most two decimals", field) from error


def money(amount: Decimal) -> msgspec.Raw:
    """Writes an amount as a JSON number with two decimals, such as 50.00. A float would be written as 50.0."""
    return msgspec.Raw(DomainMoney.from_exact_amount(amount).format().encode())


def ratio(share: Decimal) -> msgspec.Raw:
    """Writes a ratio with four decimals: 0.1250."""
    return msgspec.Raw(f"{share:.4f}".encode())
