"""Money: whole minor units of one currency. Prices are parsed, converted and formatted here and nowhere else.

A price on a session or reservation is a Decimal, an amount in a payment or event a number of cents. Money converts
one into the other.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

CURRENCY = "BRL"
"""The currency of every price: reais. Amounts in the API name no currency."""

SYMBOLS = {"BRL": "R$"}

_CURRENCIES_OF_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
MINOR_DIGITS = {code: digits for digits, codes in _CURRENCIES_OF_DIGITS.items() for code in codes.split()}
"""The number of decimals of currencies that don't have two, by ISO 4217 code."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units: 2500 in BRL is R$ 25.00. `currency` is an ISO 4217 code in upper case."""

    minor: int
    currency: str = CURRENCY

    def __post_init__(self) -> None:
        if not isinstance(self.minor, int) or isinstance(self.minor, bool):
            raise TypeError(f"money is a whole number of minor units, not {self.minor!r}")
        if not (
            len(self.currency) == 3 and self.currency.isascii() and self.currency.isalpha() and self.currency.isupper()
        ):
            raise ValueError(f"a currency has three capital letters, not {self.currency!r}")

    @classmethod
    def from_exact_amount(cls, amount: Decimal, currency: str = CURRENCY) -> "Money":
        """Makes money from an amount in the currency's unit, such as 25.00. Never rounds.

        Raises ValueError if the amount has too many decimals, or is not finite.
        """
        if not amount.is_finite():
            raise ValueError(f"{amount} is no amount")
        numerator, denominator = amount.as_integer_ratio()
        minor, rest = divmod(numerator * 10 ** minor_digits_or_two(currency), denominator)
        if rest:
            raise ValueError(f"{amount} has more than {minor_digits_or_two(currency)} decimals")
        return cls(minor, currency)

    @classmethod
    def parse(cls, text: str, currency: str = CURRENCY) -> "Money":
        """Reads an amount in the currency's unit, such as 25.00 or 25. Raises ValueError if the text is not such an
        amount."""
        try:
            return cls.from_exact_amount(Decimal(text), currency)
        except InvalidOperation as error:
            raise ValueError(f"{text!r} is no amount") from error

    @property
    def amount(self) -> Decimal:
        """Gives the amount in the currency's unit with all its decimals, such as 25.00."""
        return Decimal(f"{self.minor}E-{minor_digits_or_two(self.currency)}")

    @property
    def symbol(self) -> str:
        """Gives the currency's symbol, such as R$. Gives the ISO code if no symbol is known."""
        return SYMBOLS.get(self.currency, self.currency)

    def format(self, thousands: str = "", point: str = ".") -> str:
        """Formats the amount without its currency: 1234.50, or 1,234.50 with `thousands=","`."""
        digits = minor_digits_or_two(self.currency)
        whole, rest = divmod(abs(self.minor), 10**digits)
        sign = "-" if self.minor < 0 else ""
        text = f"{sign}{whole:,}".replace(",", thousands)
        return f"{text}{point}{rest:0{digits}}" if digits else text

    def __add__(self, other: "Money") -> "Money":
        """Adds two amounts. Raises ValueError when the currencies differ."""
        self._check_currency(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        """Subtracts an amount. Raises ValueError when the currencies differ."""
        self._check_currency(other)
        return Money(self.minor - other.minor, self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.minor * times, self.currency)

    def _check_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} can't be added")


def minor_digits_or_two(currency: str) -> int:
    """Gives the number of decimals of the currency. 2, unless MINOR_DIGITS lists the currency."""
    return MINOR_DIGITS.get(currency, 2)
