"""What people read when the answer is no, in the languages we speak."""

import re
from collections.abc import Mapping

ENGLISH, PORTUGUESE = "en", "pt-BR"

MESSAGES: dict[str, dict[str, str]] = {
    "MALFORMED_JSON": {
        ENGLISH: "The body is not valid JSON: {detail}",
        PORTUGUESE: "O corpo não é um JSON válido: {detail}",
    },
    "VALIDATION_ERROR": {
        ENGLISH: "The request is not valid: {detail}{at}.",
        PORTUGUESE: "A requisição não é válida: {detail}{at}.",
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

# The phrases in which a value's fault is told, with their Portuguese.
_DETAILS = (
    (r"^Expected `(.+)`, got `(.+)`$", r"esperado `\1`, recebido `\2`"),
    (r"^Expected `(.+)` of length >= (\d+)$", r"esperado `\1` de tamanho >= \2"),
    (r"^Expected `(.+)` of length <= (\d+)$", r"esperado `\1` de tamanho <= \2"),
    (r"^Expected `(.+)` (<=|>=) (.+)$", r"esperado `\1` \2 \3"),
    (r"^Expected `(.+)` matching regex (.+)$", r"esperado `\1` no formato \2"),
    (r"^Object missing required field `(.+)`$", r"falta o campo obrigatório `\1`"),
    (r"^Invalid RFC3339 encoded datetime$", "data e hora inválidas (RFC 3339)"),
    (r"^Number out of range$", "número fora do intervalo"),
    (r"^Control characters are not allowed$", "caracteres de controle não são permitidos"),
    (r"^Expected at most two decimals$", "esperadas no máximo duas casas decimais"),
    (r"^Expected (\d+) to (\d+) characters$", r"esperados de \1 a \2 caracteres"),
    (r"^Expected a whole number from (\d+) to (\d+)$", r"esperado um número inteiro de \1 a \2"),
    (r"^Expected an e-mail address such as (.+)$", r"esperado um endereço de e-mail como \1"),
    (r"^Expected a moment such as (.+)$", r"esperado um momento como \1"),
)


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
    words = {name: _said(name, value, spoken) for name, value in facts.items()}
    at = {"at": f" ({facts['field']})" if facts.get("field") else ""}
    return MESSAGES[code][spoken].format_map(words | at)


def _weight(parameters: str) -> float:
    match = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", parameters)
    return float(match[1]) if match else 1.0


def _said(name: str, value: object, spoken: str) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    if name == "detail" and spoken == PORTUGUESE:
        return _in_portuguese(str(value))
    return str(value)


def _in_portuguese(detail: str) -> str:
    for pattern, translation in _DETAILS:
        if re.match(pattern, detail):
            return re.sub(pattern, translation, detail)
    return detail
