"""Money: minor units and back, in every currency, without a cent lost."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.domain.money import MINOR_DIGITS, Money, minor_digits_or_two

CURRENCIES = some.sampled_from(["BRL", "USD", "EUR", *MINOR_DIGITS])
MINORS = some.integers(-(10**40), 10**40)
MONEY = some.builds(Money, MINORS, CURRENCIES)


@given(MONEY)
def test_the_amount_is_exact_and_leads_back_to_the_same_money(money: Money) -> None:
    assert Money.from_exact_amount(money.amount, money.currency) == money
    assert -money.amount.as_tuple().exponent == minor_digits_or_two(money.currency)  # type: ignore[operator]


@given(MONEY)
def test_formatted_money_parses_to_the_same_money(money: Money) -> None:
    assert Money.parse(money.format(), money.currency) == money


@given(MONEY, some.sampled_from([",", ".", " ", "\u00a0", "'"]), some.sampled_from([".", ","]))
def test_separators_change_nothing_but_how_money_looks(money: Money, thousands: str, point: str) -> None:
    whole, _, rest = money.format().partition(".")
    groups, end = money.format(thousands, point), f"{point}{rest}" if rest else ""

    assert groups.endswith(end)
    assert groups.removesuffix(end).replace(thousands, "") == whole


@given(MINORS, MINORS, CURRENCIES, some.integers(0, 1000))
def test_sums_are_sums_of_minor_units(one: int, other: int, currency: str, times: int) -> None:
    first, second = Money(one, currency), Money(other, currency)

    assert (first + second).minor == one + other
    assert first + second - second == first
    assert (first * times).amount == Money(one * times, currency).amount


@given(some.decimals(-(10**15), 10**15, places=5), CURRENCIES)
def test_an_amount_finer_than_its_currency_is_refused_and_never_rounded(amount: Decimal, currency: str) -> None:
    step = Decimal(1).scaleb(-minor_digits_or_two(currency))
    if amount % step:
        with pytest.raises(ValueError, match="decimals"):
            Money.from_exact_amount(amount, currency)
    else:
        assert Money.from_exact_amount(amount, currency).amount == amount


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (0, "BRL", "0.00"),
        (5, "BRL", "0.05"),
        (-5, "BRL", "-0.05"),
        (123_456_750, "BRL", "1,234,567.50"),
        (1234, "JPY", "1,234"),
        (1234, "KWD", "1.234"),
    ],
)
def test_money_is_formatted_with_the_digits_of_its_currency(minor: int, currency: str, text: str) -> None:
    assert Money(minor, currency).format(",") == text


@pytest.mark.parametrize("minor", [25.0, Decimal(25), "25", None, True])
def test_what_is_not_a_whole_number_is_no_money(minor: Any) -> None:
    with pytest.raises(TypeError):
        Money(minor)


@pytest.mark.parametrize("currency", ["", "brl", "BR", "BRLX", "R$1", "ÀÀÀ"])
def test_what_is_not_three_capital_letters_is_no_currency(currency: str) -> None:
    with pytest.raises(ValueError, match="currency"):
        Money(1, currency)


def test_two_currencies_are_never_added() -> None:
    with pytest.raises(ValueError, match="BRL and USD"):
        Money(1, "BRL") + Money(1, "USD")
    with pytest.raises(ValueError, match="BRL and USD"):
        Money(1, "BRL") - Money(1, "USD")


@pytest.mark.parametrize("text", ["", "x", "1,00", "NaN", "Infinity", "-sNaN"])
def test_what_is_no_amount_is_not_parsed(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        Money.parse(text)


def test_money_shows_its_sign_or_else_its_code() -> None:
    assert (Money(1).symbol, Money(1, "JPY").symbol) == ("R$", "JPY")
