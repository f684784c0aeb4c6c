"""The languages of the API's messages, and the choice of the language that a client prefers."""

import re

from chalice.app import Request

ENGLISH, PORTUGUESE = "en", "pt-BR"


def language_of(request: Request) -> str:
    """Gives the language for the answer, `en` or `pt-BR`, according to the request's Accept-Language header."""
    return preferred_language(request.headers.get("accept-language", ""))


def preferred_language(accept_language: str) -> str:
    """Gives `pt-BR` if the Accept-Language header prefers Portuguese to English, else `en`."""
    weights = {ENGLISH: 0.0, PORTUGUESE: 0.0}
    for choice in accept_language[:1000].split(","):
        tag, _, parameters = choice.strip().partition(";")
        known = {"en": ENGLISH, "pt": PORTUGUESE}.get(tag.strip().lower().split("-")[0])
        if known:
            weights[known] = max(weights[known], _weight(parameters))
    return PORTUGUESE if weights[PORTUGUESE] > weights[ENGLISH] else ENGLISH


def _weight(parameters: str) -> float:
    """Reads the weight of a language in Accept-Language, such as `q=0.8`. A language without a weight has the weight
    1."""
    match = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", parameters)
    return float(match[1]) if match else 1.0
