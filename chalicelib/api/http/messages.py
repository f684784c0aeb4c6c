"""What people read when the answer is no, in the languages we speak."""

import re
from collections.abc import Mapping

ENGLISH, PORTUGUESE = "en", "pt-BR"

MESSAGES: dict[str, dict[str, str]] = {
    "MALFORMED_JSON": {
        ENGLISH: "The body is not valid JSON{place}.",
        PORTUGUESE: "O corpo não é um JSON válido{place}.",
    },
    "VALIDATION_ERROR": {
        ENGLISH: "The request is not valid: {fault}",
        PORTUGUESE: "A requisição não é válida: {fault}",
    },
    "CURSOR_INVALID": {
        ENGLISH: "The cursor is not one that this API gave out: start from the first page.",
        PORTUGUESE: "O cursor não foi emitido por esta API: comece pela primeira página.",
    },
    "TOO_MANY_SEATS": {
        ENGLISH: "You asked for {requested} seats; one reservation holds {limit} at most.",
        PORTUGUESE: "Você pediu {requested} assentos; uma reserva tem no máximo {limit}.",
    },
    "NOT_FOUND": {ENGLISH: "There is nothing at this address.", PORTUGUESE: "Não há nada neste endereço."},
    "SESSION_NOT_FOUND": {ENGLISH: "There is no such session.", PORTUGUESE: "Esta sessão não existe."},
    "RESERVATION_NOT_FOUND": {ENGLISH: "There is no such reservation.", PORTUGUESE: "Esta reserva não existe."},
    "INVOICE_NOT_READY": {
        ENGLISH: "The invoice is being made: ask again in some seconds.",
        PORTUGUESE: "A fatura está sendo emitida: tente de novo em alguns segundos.",
    },
    "RESERVATION_NOT_PAID": {
        ENGLISH: "The reservation is not paid for, so it has no invoice.",
        PORTUGUESE: "A reserva não foi paga, por isso não tem fatura.",
    },
    "SEAT_NOT_FOUND": {
        ENGLISH: "This room has no seats {seats}.",
        PORTUGUESE: "Esta sala não tem os assentos {seats}.",
    },
    "QUEUE_NOT_FOUND": {
        ENGLISH: "No queue {queue} has dead letters here.",
        PORTUGUESE: "Nenhuma fila {queue} tem mensagens mortas aqui.",
    },
    "QUEUE_OUT_OF_REACH": {
        ENGLISH: "This deployment has no right to its dead letters: use the command line, with your own credentials.",
        PORTUGUESE: "Esta instalação não tem direito às suas mensagens mortas: use a linha de comando, com as suas "
        "credenciais.",
    },
    "METHOD_NOT_ALLOWED": {
        ENGLISH: "This address does not know the method {method}.",
        PORTUGUESE: "Este endereço não aceita o método {method}.",
    },
    "SEAT_ALREADY_RESERVED": {
        ENGLISH: "These seats are already taken: {seats}. None of your request is held.",
        PORTUGUESE: "Estes assentos já estão ocupados: {seats}. Nada do seu pedido foi reservado.",
    },
    "TOO_MANY_HOLDS": {
        ENGLISH: "You hold seats of this session {limit} times already. Pay for them, give some back, or wait until"
        " {freeAt}.",
        PORTUGUESE: "Você já tem {limit} reservas em aberto nesta sessão. Pague, desista de uma ou espere até"
        " {freeAt}.",
    },
    "RESERVATION_ALREADY_CONFIRMED": {
        ENGLISH: "The reservation is paid for and can't be cancelled.",
        PORTUGUESE: "A reserva já foi paga e não pode ser cancelada.",
    },
    "RESERVATION_ALREADY_PAID": {
        ENGLISH: "Another payment has already bought these seats: if this one was charged, it is returned.",
        PORTUGUESE: "Outro pagamento já comprou estes assentos: se este foi cobrado, será devolvido.",
    },
    "TRANSACTION_MISSING": {
        ENGLISH: "These seats cost something: name the payment's method and transaction.",
        PORTUGUESE: "Estes assentos têm um preço: informe o meio e a transação do pagamento.",
    },
    "NOTHING_TO_PAY": {
        ENGLISH: "These seats are free of charge: confirm them without a payment.",
        PORTUGUESE: "Estes assentos são gratuitos: confirme sem pagamento.",
    },
    "PAYMENT_NOT_RECEIVED": {
        ENGLISH: "We have not heard of this payment yet: ask again in some seconds. Nothing is lost by asking.",
        PORTUGUESE: "Ainda não recebemos este pagamento: tente de novo em alguns segundos. Nada se perde por tentar.",
    },
    "PAYMENT_ALREADY_USED": {
        ENGLISH: "This payment is for something else: it can't pay for these seats, too.",
        PORTUGUESE: "Este pagamento é de outra compra: não pode pagar também estes assentos.",
    },
    "PAYMENT_RETURNED": {
        ENGLISH: "This payment went back, or is on its way back: it buys nothing any more.",
        PORTUGUESE: "Este pagamento foi devolvido, ou está sendo devolvido: não compra mais nada.",
    },
    "PAYMENTS_UNAVAILABLE": {
        ENGLISH: "Payments can't be taken at this moment: try again in some seconds.",
        PORTUGUESE: "Não é possível receber pagamentos neste momento: tente de novo em alguns segundos.",
    },
    "RESERVATION_EXPIRED": {
        ENGLISH: "The reservation expired at {expiredAt}: its seats are free again.",
        PORTUGUESE: "A reserva expirou em {expiredAt}: os assentos estão livres de novo.",
    },
    "RESERVATION_CANCELLED": {
        ENGLISH: "The reservation was cancelled: its seats are free again.",
        PORTUGUESE: "A reserva foi cancelada: os assentos estão livres de novo.",
    },
    "SALES_CLOSED": {
        ENGLISH: "Seats of this session were sold until {closedAt}.",
        PORTUGUESE: "Os assentos desta sessão foram vendidos até {closedAt}.",
    },
    "SESSION_CANCELLED": {
        ENGLISH: "This session was cancelled. What was paid for it is returned.",
        PORTUGUESE: "Esta sessão foi cancelada. O que foi pago por ela será devolvido.",
    },
    "PAYLOAD_TOO_LARGE": {
        ENGLISH: "The body is longer than {limitBytes} bytes.",
        PORTUGUESE: "O corpo tem mais de {limitBytes} bytes.",
    },
    "UNSUPPORTED_MEDIA_TYPE": {
        ENGLISH: "Send the body as application/json.",
        PORTUGUESE: "Envie o corpo como application/json.",
    },
    "IDEMPOTENCY_KEY_REUSED": {
        ENGLISH: "This Idempotency-Key came before with another request. This one has changed nothing.",
        PORTUGUESE: "Esta Idempotency-Key já veio com outro pedido. Este não mudou nada.",
    },
    "SIGNATURE_INVALID": {
        ENGLISH: "The signature is not one of the secrets we know, over this body, within the last five minutes.",
        PORTUGUESE: "A assinatura não é de um segredo que conhecemos, sobre este corpo, nos últimos cinco minutos.",
    },
    "WEBHOOK_DISABLED": {
        ENGLISH: "This webhook is disabled: ask an operator to enable it, then ask for the replay again.",
        PORTUGUESE: "Este webhook está desativado: peça a um operador que o ative e depois peça o reenvio de novo.",
    },
    "RATE_LIMITED": {
        ENGLISH: "Too many requests: try again in {retryAfterSeconds} s.",
        PORTUGUESE: "Requisições demais: tente de novo em {retryAfterSeconds} s.",
    },
    "TEMPORARILY_UNAVAILABLE": {
        ENGLISH: "We could not finish in time. Send the same request again; with an Idempotency-Key that is safe.",
        PORTUGUESE: "Não conseguimos terminar a tempo. Envie o mesmo pedido de novo; com uma Idempotency-Key é seguro.",
    },
    "INTERNAL_ERROR": {
        ENGLISH: "Something went wrong on our side. Tell us the request id if it goes on.",
        PORTUGUESE: "Algo deu errado do nosso lado. Informe o id da requisição se continuar.",
    },
}

# What is wrong with a value: the words of the parser, or ours, and what people read instead of them. {it} is the field.

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
"""The first that fits the whole of it is told."""

UNKNOWN_FAULT = {ENGLISH: "{it} is not of the right form.", PORTUGUESE: "{it} não está no formato certo."}

WHOLE = {ENGLISH: "it", PORTUGUESE: "ela"}

_PLACE = re.compile(r".*\(byte (\d+)\)")


def language(accept_language: str) -> str:
    """Portuguese where the header prefers it to English, else English."""
    weights = {ENGLISH: 0.0, PORTUGUESE: 0.0}
    for choice in accept_language[:1000].split(","):
        tag, _, parameters = choice.strip().partition(";")
        known = {"en": ENGLISH, "pt": PORTUGUESE}.get(tag.strip().lower().split("-")[0])
        if known:
            weights[known] = max(weights[known], _weight(parameters))
    return PORTUGUESE if weights[PORTUGUESE] > weights[ENGLISH] else ENGLISH


def message(code: str, facts: Mapping[str, object], spoken: str) -> str:
    words = {name: _said(value) for name, value in facts.items()}
    if "detail" in words:
        detail = words["detail"]
        words |= {"fault": _fault(detail, words.get("field", ""), spoken), "place": _place(detail, spoken)}
    return MESSAGES[code][spoken].format_map(words)


def _weight(parameters: str) -> float:
    match = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", parameters)
    return float(match[1]) if match else 1.0


def _said(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)


def _fault(detail: str, field: str, spoken: str) -> str:
    it = f"“{field.removeprefix('$.')}”" if field else WHOLE[spoken]
    for pattern, told in FAULTS:
        if found := re.fullmatch(pattern, detail, re.DOTALL):
            return told[spoken].format(it=it, **found.groupdict())
    return UNKNOWN_FAULT[spoken].format(it=it)


def _place(detail: str, spoken: str) -> str:
    """Where the parser stumbled over what is no JSON, if it says so."""
    if found := _PLACE.fullmatch(detail):
        return {ENGLISH: f" (see byte {found[1]})", PORTUGUESE: f" (veja o byte {found[1]})"}[spoken]
    if "truncated" in detail:
        return {ENGLISH: ": it ends too early", PORTUGUESE: ": termina antes do fim"}[spoken]
    return ""
