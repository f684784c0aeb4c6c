"""The messages of errors, for people: the template in an error's row (errors.py), with the error's facts filled in."""

import re

from chalicelib.api.wire.languages import ENGLISH, PORTUGUESE

from .errors import ERROR_ROWS_BY_CODE, ErrorRow, Facts

FAULTS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        r"Object missing required field `.+`",
        {ENGLISH: "{it} is missing.", PORTUGUESE: "{it} está faltando."},
    ),
    (
        r"Expected `(?:str|array)(?: \| null)?` of length >= 1",
        {ENGLISH: "{it} must not be empty.", PORTUGUESE: "{it} não pode estar vazio."},
    ),
    (
        r"Expected `str(?: \| null)?` of length <= (?P<most>\d+)",
        {
            ENGLISH: "{it} must have {most} characters at most.",
            PORTUGUESE: "{it} deve ter no máximo {most} caracteres.",
        },
    ),
    (
        r"Expected `array(?: \| null)?` of length <= (?P<most>\d+)",
        {ENGLISH: "{it} must have {most} entries at most.", PORTUGUESE: "{it} deve ter no máximo {most} itens."},
    ),
    (
        r"Expected `(?:int|float)(?: \| null)?` >= (?P<least>.+?)(?:\.0)?",
        {ENGLISH: "{it} must be at least {least}.", PORTUGUESE: "{it} deve ser no mínimo {least}."},
    ),
    (
        r"Expected `(?:int|float)(?: \| null)?` <= (?P<most>.+?)(?:\.0)?",
        {ENGLISH: "{it} must be {most} at most.", PORTUGUESE: "{it} deve ser no máximo {most}."},
    ),
    (
        r"Expected `str(?: \| null)?` matching regex '\\\\S'",
        {ENGLISH: "{it} must not be blank.", PORTUGUESE: "{it} não pode estar em branco."},
    ),
    (
        r"Expected `str(?: \| null)?` matching regex '\^\[A-Z\].*",
        {ENGLISH: "{it} must be a seat such as A1.", PORTUGUESE: "{it} deve ser um assento como A1."},
    ),
    (
        r"Invalid RFC3339 encoded datetime|Expected `datetime(?: \| null)?`.*",
        {
            ENGLISH: "{it} must be a moment with its time zone, such as 2024-02-15T19:00:00Z.",
            PORTUGUESE: "{it} deve ser um momento com fuso horário, como 2024-02-15T19:00:00Z.",
        },
    ),
    (
        r"Expected `str.*`, got .*",
        {ENGLISH: "{it} must be a text.", PORTUGUESE: "{it} deve ser um texto."},
    ),
    (
        r"Expected `int.*`, got .*",
        {ENGLISH: "{it} must be a whole number.", PORTUGUESE: "{it} deve ser um número inteiro."},
    ),
    (
        r"Expected `float.*`, got .*",
        {ENGLISH: "{it} must be a number.", PORTUGUESE: "{it} deve ser um número."},
    ),
    (
        r"Expected `bool.*`, got .*",
        {ENGLISH: "{it} must be true or false.", PORTUGUESE: "{it} deve ser true ou false."},
    ),
    (
        r"Expected `array.*`, got .*",
        {ENGLISH: "{it} must be a list.", PORTUGUESE: "{it} deve ser uma lista."},
    ),
    (
        r"Expected `object.*`, got .*",
        {
            ENGLISH: "{it} must be an object with named values.",
            PORTUGUESE: "{it} deve ser um objeto com nomes e valores.",
        },
    ),
    (
        r"(?:Number|Integer value) out of range",
        {ENGLISH: "{it} is beyond any number that we take.", PORTUGUESE: "{it} está fora do intervalo aceito."},
    ),
    (
        r"Invalid enum value .*",
        {ENGLISH: "{it} has a value that we don't know.", PORTUGUESE: "{it} tem um valor desconhecido."},
    ),
    (
        r"Control characters are not allowed",
        {
            ENGLISH: "{it} must not contain characters that can't be shown.",
            PORTUGUESE: "{it} não pode conter caracteres que não se mostram.",
        },
    ),
    (
        r"Expected at most two decimals",
        {
            ENGLISH: "{it} must have two decimals at most.",
            PORTUGUESE: "{it} deve ter no máximo duas casas decimais.",
        },
    ),
    (
        r"Expected (?P<least>\d+) to (?P<most>\d+) characters",
        {
            ENGLISH: "{it} must have {least} to {most} characters.",
            PORTUGUESE: "{it} deve ter de {least} a {most} caracteres.",
        },
    ),
    (
        r"Expected a whole number from (?P<least>\d+) to (?P<most>\d+)",
        {
            ENGLISH: "{it} must be a whole number from {least} to {most}.",
            PORTUGUESE: "{it} deve ser um número inteiro de {least} a {most}.",
        },
    ),
    (
        r"Expected a year from (?P<least>\d+) to (?P<most>\d+)",
        {
            ENGLISH: "{it} must lie in the years {least} to {most}.",
            PORTUGUESE: "{it} deve estar entre os anos {least} e {most}.",
        },
    ),
    (
        r"Expected an e-mail address such as (?P<example>.+)",
        {
            ENGLISH: "{it} must be an e-mail address such as {example}.",
            PORTUGUESE: "{it} deve ser um endereço de e-mail como {example}.",
        },
    ),
    (
        r"Line separators and changes of direction are not allowed",
        {
            ENGLISH: "{it} must not contain line separators nor changes of direction.",
            PORTUGUESE: "{it} não pode conter separadores de linha nem mudanças de direção.",
        },
    ),
    (
        r"Expected characters that can be seen",
        {ENGLISH: "{it} must have characters that can be seen.", PORTUGUESE: "{it} deve ter caracteres visíveis."},
    ),
)
"""The sentences that tell people about a faulty field. Each has a pattern for the text that the parser or our own check
gives.

The first pattern that matches the whole text decides the sentence. {it} stands for the field's name. Other placeholders
stand for the groups of the pattern."""

UNKNOWN_FAULT = {ENGLISH: "{it} is not of the right form.", PORTUGUESE: "{it} não está no formato certo."}

WHOLE = {ENGLISH: "it", PORTUGUESE: "ela"}

_PLACE = re.compile(r".*\(byte (\d+)\)")


def error_body(row: ErrorRow, error: Exception | None, language: str) -> dict[str, object]:
    """Makes the body of an error's answer: code, message and facts.

    `error` is None for an error with which only API Gateway answers: such an error has no facts.
    """
    facts: Facts = row.facts(error) if error else {}
    unshown: Facts = row.message_facts(error) if error else {}
    return {"error": row.code, "message": error_message(row.code, {**facts, **unshown}, language), **facts}


def error_message(code: str, facts: Facts, language: str) -> str:
    """Writes the message of an error code in the language, with the facts filled in.

    The fact `detail` says in English what is wrong: a text of msgspec's parser or of a check of ours. Some messages use
    the facts `fault` and `place`. These two are made from `detail`, in the words of the language.
    """
    words = {name: _to_text(value) for name, value in facts.items()}
    if "detail" in words:
        detail = words["detail"]
        words |= {"fault": _fault(detail, words.get("field", ""), language), "place": _place(detail, language)}
    return ERROR_ROWS_BY_CODE[code].template_by_available_language[language].format_map(words)


def _to_text(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)


def _fault(detail: str, field: str, language: str) -> str:
    """Rewrites `detail`, the parser's text about a field, as a sentence for people."""
    it = f"“{field.removeprefix('$.')}”" if field else WHOLE[language]
    for pattern, words in FAULTS:
        if found := re.fullmatch(pattern, detail, re.DOTALL):
            return words[language].format(it=it, **found.groupdict())
    return UNKNOWN_FAULT[language].format(it=it)


def _place(detail: str, language: str) -> str:
    """Describes the place at which a body stops being JSON. Empty if `detail` names none."""
    if found := _PLACE.fullmatch(detail):
        return {ENGLISH: f" (see byte {found[1]})", PORTUGUESE: f" (veja o byte {found[1]})"}[language]
    if "truncated" in detail:
        return {ENGLISH: ": it ends too early", PORTUGUESE: ": termina antes do fim"}[language]
    return ""
