"""Emails from templates: two of Jinja2's for each kind and language, and how each language writes money and time.

templates/layout.html, parts.html   the look of every HTML email
templates/en/held.txt, held.html    one email in one language; the first line of the text is the subject
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from unicodedata import bidirectional
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.email import EmailContext, Enclosures, RenderedEmail
from chalicelib.domain.money import Money

TEMPLATES = Path(__file__).with_name("templates")
NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
ISOLATE, END_OF_ISOLATE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


@dataclass(frozen=True)
class Locale:
    """The formats of days, times and money in one language. Weekdays begin with Monday, months with January."""

    weekdays: str
    months: str
    date: str
    local_time: str
    free_of_charge: str
    separators: str
    """The two characters that replace the comma and the point of 1,234.50."""

    def date_text(self, local_moment: datetime) -> str:
        weekday, month = self.weekdays.split()[local_moment.weekday()], self.months.split()[local_moment.month - 1]
        return self.date.format(weekday=weekday, day=local_moment.day, month=month, year=local_moment.year)

    def price_or_free(self, amount: Decimal) -> str:
        return self.money(amount) if amount else self.free_of_charge

    def money(self, amount: Decimal) -> str:
        money = Money.from_exact_amount(amount)
        return f"{money.symbol}{NO_BREAK}{money.format(*self.separators)}"


ENGLISH = "en"
LOCALES = {
    ENGLISH: Locale(
        weekdays="Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        months="January February March April May June July August September October November December",
        date="{weekday}, {day} {month} {year}",
        local_time="local time",
        free_of_charge="free of charge",
        separators=",.",
    ),
    "pt-BR": Locale(
        weekdays="segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
        months="janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        date="{weekday}, {day} de {month} de {year}",
        local_time="horário local",
        free_of_charge="grátis",
        separators=".,",
    ),
}


def no_enclosures(email: EmailContext) -> Enclosures:
    return Enclosures()


@dataclass(frozen=True)
class TemplateEmailRenderer:
    """A renderer of emails as text and HTML, by templates. `enclose` makes the files of an email.

    `time_zone` is the cinema's, an IANA name. Each time is shown with its offset from UTC.
    """

    time_zone: str
    enclose: Callable[[EmailContext], Enclosures] = no_enclosures

    def render(self, email: EmailContext) -> RenderedEmail:
        language = email.contact.language if email.contact.language in LOCALES else ENGLISH
        environment = self._environments[language]
        enclosures = self.enclose(email)
        facts = _template_variables(email, enclosures)
        first_line, _, text = environment.get_template(f"{email.kind}.txt").render(facts).partition("\n")
        subject = _one_line(first_line)
        html = environment.get_template(f"{email.kind}.html").render(facts, language=language, subject=subject)
        return RenderedEmail(
            to=email.contact.email,
            language=language,
            subject=subject,
            text=f"{text.strip()}\n",
            html=html,
            reference=email.event.id,
            enclosures=enclosures,
        )

    @cached_property
    def _environments(self) -> Mapping[str, Environment]:
        zone = ZoneInfo(self.time_zone)
        return {language: _environment(language, locale, zone) for language, locale in LOCALES.items()}


def _environment(language: str, locale: Locale, zone: tzinfo) -> Environment:
    """Makes the environment of the templates. Escapes variables in HTML. An unknown variable raises an error."""
    made = Environment(
        loader=FileSystemLoader([TEMPLATES / language, TEMPLATES]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
    )

    def clock(moment: datetime, *, seconds: bool = False) -> str:
        local = moment.astimezone(zone)
        return f"{local:{'%H:%M:%S' if seconds else '%H:%M'}}{NO_BREAK}{_zone_name(local, locale)}"

    made.filters |= {
        "day": lambda moment: locale.date_text(moment.astimezone(zone)),
        "clock": clock,
        "money": locale.money,
        "price": locale.price_or_free,
        "name": _isolated,
    }
    return made


def _isolated(name: str) -> str:
    """Isolates a name with right-to-left letters, so that the name does not reorder the text around it."""
    turns_around = any(bidirectional(character) in ("R", "AL") for character in name)
    return f"{ISOLATE}{name}{END_OF_ISOLATE}" if turns_around else name


def _zone_name(local: datetime, locale: Locale) -> str:
    """Gives `UTC`, or the offset from UTC, such as `local time (UTC+2)`.

    The short names of time zones are not used, because they are ambiguous, or only numbers.
    """
    if str(local.tzinfo) == "UTC":
        return "UTC"
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    sign = MINUS if minutes < 0 else "+"
    return f"{locale.local_time} (UTC{sign}{hours}{f':{rest:02}' if rest else ''})"


def _template_variables(email: EmailContext, enclosures: Enclosures) -> dict[str, Any]:
    """Gives the templates' variables. Makes each name and each title a single line, because people typed them."""
    reservation, sale = email.reservation, email.reservation.sale
    return {
        "movie": _one_line(email.session.movie_title),
        "room": _one_line(email.session.room),
        "starts_at": email.session.starts_at,
        "seats": ", ".join(reservation.seats),
        "amount": reservation.amount,
        "expires_at": reservation.expires_at,
        "reservation_id": reservation.id,
        "event": email.event,
        "tickets": email.tickets,
        "pictures": [picture.name for picture in enclosures.pictures],
        "returned": Money(int(email.event.data.get("amountCents", 0))).amount,
        **({"sale_id": sale.id, "booking_code": booking_code(sale.id), "paid_at": sale.paid_at} if sale else {}),
    }


def _one_line(text: str) -> str:
    return " ".join(text.split())
