"""The table of errors: one row for each error that the API answers, with its status, its words and an example of it.

HTTP answers, messages, the OpenAPI document and the local server read the rows. A test compares the rows with the
answers that API Gateway itself gives (infra/cloud/app.yaml). To add an error, add its exception to
chalicelib/domain/refusals.py and its row here. Then name it in each route that may answer it
(chalicelib/api/openapi/routes.py), and run `make api-docs`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from chalice.app import NotFoundError

from chalicelib.api.wire import bodies, rate_limits
from chalicelib.api.wire.languages import ENGLISH, PORTUGUESE
from chalicelib.domain import refusals
from chalicelib.domain.rate_limits import Quota, QuotaUsage
from chalicelib.domain.times import to_iso

Facts = Mapping[str, Any]
FactsOf = Callable[[Any], Facts]


class MethodNotAllowed(Exception):
    """The path does not allow the method. `allowed` lists the methods that it allows, or is empty if they are
    unknown."""

    def __init__(self, method: str, allowed: str = "") -> None:
        super().__init__(method, allowed)
        self.method, self.allowed = method, allowed


class InternalError(Exception):
    """A request failed unexpectedly. Its answer is 500, with the request's id if there is one."""

    def __init__(self, request_id: str | None = None) -> None:
        super().__init__(request_id)
        self.request_id = request_id


class ErrorRow(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """An error of the contract, with its code, HTTP status, message and facts.

    `example`            an exception; the row describes all errors of its type and of types derived from it
    `second_example`     another exception of the type, whose answer has other facts
    `english`, …         the message in each language; {name} stands for a fact
    `facts`              makes the body's fields, beside `error` and `message`, from the exception
    `message_facts`      makes facts that only the message uses: the body has no fields for them
    `headers`            makes the answer's headers from the exception
    `on_board`           a short text for the board, in English and in Portuguese; empty if it does not count the error
    `counts_as_refusal`  False for an error that only says "not ready yet": the board does not count it

    A row without an example is an error that only API Gateway sends. Its message is in English only.
    """

    code: str
    status: int
    english: str
    portuguese: str = ""
    example: Exception | None = None
    second_example: Exception | None = None
    facts: FactsOf = lambda _: {}
    message_facts: FactsOf = lambda _: {}
    headers: Callable[[Any], Mapping[str, str]] = lambda _: {}
    on_board: tuple[str, str] = ("", "")
    counts_as_refusal: bool = True

    @property
    def examples(self) -> tuple[Exception, ...]:
        return tuple(example for example in (self.example, self.second_example) if example is not None)

    @property
    def template_by_available_language(self) -> Mapping[str, str]:
        """Gives the message's template by language. An error with which only API Gateway answers has no Portuguese
        template."""
        return {ENGLISH: self.english} | ({PORTUGUESE: self.portuguese} if self.portuguese else {})


def _challenge(refusal: refusals.Unauthenticated) -> Mapping[str, str]:
    """Makes the header that asks for a token: RFC 6750, section 3. A request without any token gets no error code."""
    if refusal.fault is refusals.AccessTokenFault.MISSING:
        return {"WWW-Authenticate": "Bearer"}
    code = "invalid_request" if refusal.fault is refusals.AccessTokenFault.SENT_WRONGLY else "invalid_token"
    return {"WWW-Authenticate": f'Bearer error="{code}", error_description="{refusal.fault}"'}


def _reservation(refusal: Any) -> Facts:
    return {"reservationId": refusal.reservation_id}


# The examples are of one screening and one reservation, as all examples in the OpenAPI document.

SESSION_ID = "550e8400-e29b-41d4-a716-446655440000"
STARTS_AT = datetime(2034, 2, 15, 19, tzinfo=UTC)
RESERVATION_ID = "res-_CmOVZQyGfY5dQwBbk4u0XH2lqSYlzIJ8"
EXPIRES_AT = datetime(2034, 2, 10, 14, 30, 30, tzinfo=UTC)
SALE_ID, TRANSACTION_ID = "sale-GQzU3BvY9mbr5cFjCq8HJw", "tx-456"
WEBHOOK_ID = "wh-qZ3mS0t8xX4v0n2bK1yYwA"
REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

ERRORS: tuple[ErrorRow, ...] = (
    ErrorRow(
        code="MALFORMED_JSON",
        status=400,
        example=bodies.MalformedJson("JSON is malformed: expected ',' (byte 17)"),
        english="The body is not valid JSON{place}.",
        portuguese="O corpo não é um JSON válido{place}.",
        message_facts=lambda e: {"detail": e.detail},
        on_board=("Not JSON", "Não é JSON"),
    ),
    ErrorRow(
        code="VALIDATION_ERROR",
        status=400,
        example=bodies.MalformedRequest("Expected `int`, got `str`", "$.totalSeats"),
        second_example=bodies.MalformedRequest("Expected 1 to 255 characters"),
        english="The request is not valid: {fault}",
        portuguese="A requisição não é válida: {fault}",
        facts=lambda e: {"field": e.field} if e.field else {},
        message_facts=lambda e: {"detail": e.detail},
        on_board=("Malformed request", "Pedido malformado"),
    ),
    ErrorRow(
        code="PAYLOAD_TOO_LARGE",
        status=413,
        example=bodies.BodyTooLarge(),
        english="The body is longer than {limitBytes} bytes.",
        portuguese="O corpo tem mais de {limitBytes} bytes.",
        facts=lambda _: {"limitBytes": bodies.LARGEST_BODY_BYTES},
        on_board=("Request too large", "Requisição grande demais"),
    ),
    ErrorRow(
        code="NOT_FOUND",
        status=404,
        example=NotFoundError(),
        english="There is nothing at this address.",
        portuguese="Não há nada neste endereço.",
        on_board=("Unknown address", "Endereço desconhecido"),
    ),
    ErrorRow(
        code="CURSOR_INVALID",
        status=400,
        example=refusals.CursorInvalid(),
        english="The cursor is not one that this API gave out: start from the first page.",
        portuguese="O cursor não foi emitido por esta API: comece pela primeira página.",
        on_board=("Malformed cursor", "Cursor malformado"),
    ),
    ErrorRow(
        code="TOO_MANY_SEATS",
        status=400,
        example=refusals.TooManySeats(asked=9, limit=8),
        english="You asked for {requested} seats; one reservation holds {limit} at most.",
        portuguese="Você pediu {requested} assentos; uma reserva tem no máximo {limit}.",
        facts=lambda e: {"requested": e.asked, "limit": e.limit},
        on_board=("Too many seats at once", "Assentos demais de uma vez"),
    ),
    ErrorRow(
        code="SESSION_NOT_FOUND",
        status=404,
        example=refusals.SessionNotFound(SESSION_ID),
        english="There is no such session.",
        portuguese="Esta sessão não existe.",
        on_board=("Unknown screening", "Sessão desconhecida"),
    ),
    ErrorRow(
        code="RESERVATION_NOT_FOUND",
        status=404,
        example=refusals.ReservationNotFound(RESERVATION_ID),
        english="There is no such reservation.",
        portuguese="Esta reserva não existe.",
        on_board=("Unknown reservation", "Reserva desconhecida"),
    ),
    ErrorRow(
        code="SEAT_NOT_FOUND",
        status=404,
        example=refusals.SeatsNotFound(("C9",)),
        english="This room has no seats {seats}.",
        portuguese="Esta sala não tem os assentos {seats}.",
        facts=lambda e: {"unknownSeats": e.seats},
        message_facts=lambda e: {"seats": e.seats},
        on_board=("Unknown seats", "Assentos desconhecidos"),
    ),
    ErrorRow(
        code="QUEUE_NOT_FOUND",
        status=404,
        example=refusals.QueueNotFound("letters"),
        english="No queue {queue} has dead letters here.",
        portuguese="Nenhuma fila {queue} tem mensagens mortas aqui.",
        facts=lambda e: {"queue": e.queue},
        on_board=("Unknown queue", "Fila desconhecida"),
    ),
    ErrorRow(
        code="QUEUE_OUT_OF_REACH",
        status=403,
        example=refusals.DeploymentMayNotUseQueue(),
        english="This deployment has no right to its dead letters: use the command line, with your own credentials.",
        portuguese="Esta instalação não tem direito às suas mensagens mortas: use a linha de comando, com as suas"
        " credenciais.",
        on_board=("Queue out of reach", "Fila fora de alcance"),
    ),
    ErrorRow(
        code="UNSUPPORTED_MEDIA_TYPE",
        status=415,
        example=bodies.UnsupportedMediaType(),
        english="Send the body as application/json.",
        portuguese="Envie o corpo como application/json.",
        on_board=("Unknown media type", "Tipo de mídia desconhecido"),
    ),
    ErrorRow(
        code="SEAT_ALREADY_RESERVED",
        status=409,
        example=refusals.SeatsUnavailable(("A1",)),
        english="These seats are already taken: {seats}. None of your request is held.",
        portuguese="Estes assentos já estão ocupados: {seats}. Nada do seu pedido foi reservado.",
        facts=lambda e: {"conflictingSeats": e.seats},
        message_facts=lambda e: {"seats": e.seats},
        on_board=("Seats were taken", "Assentos já ocupados"),
    ),
    ErrorRow(
        code="TOO_MANY_HOLDS",
        status=409,
        example=refusals.TooManyHoldsInSession(2, EXPIRES_AT),
        english="You hold seats of this session {limit} times already. Pay for them, give some back, or wait until"
        " {freeAt}.",
        portuguese="Você já tem {limit} reservas em aberto nesta sessão. Pague, desista de uma ou espere até {freeAt}.",
        facts=lambda e: {"limit": e.limit, "freeAt": to_iso(e.free_at)},
        on_board=("Too many holds", "Reservas demais"),
    ),
    ErrorRow(
        code="INVOICE_NOT_READY",
        status=404,
        example=refusals.InvoiceNotReady(RESERVATION_ID),
        english="The invoice is being made: ask again in some seconds.",
        portuguese="A fatura está sendo emitida: tente de novo em alguns segundos.",
        facts=_reservation,
        headers=lambda _: {"Retry-After": "2"},
        counts_as_refusal=False,
    ),
    ErrorRow(
        code="TICKETS_NOT_READY",
        status=404,
        example=refusals.TicketsNotReady(RESERVATION_ID),
        english="The tickets are being signed: ask again in some seconds.",
        portuguese="Os ingressos estão sendo assinados: tente de novo em alguns segundos.",
        facts=_reservation,
        headers=lambda _: {"Retry-After": "2"},
        counts_as_refusal=False,
    ),
    ErrorRow(
        code="TICKET_NOT_FOUND",
        status=404,
        example=refusals.TicketNotFound("K7QX-2MNP"),
        english="There is no ticket {code}.",
        portuguese="Não há ingresso {code}.",
        message_facts=lambda e: {"code": e.code},
        on_board=("Unknown ticket", "Ingresso desconhecido"),
    ),
    ErrorRow(
        code="TICKET_INVALID",
        status=400,
        example=refusals.TicketTokenInvalid(),
        english="This is no ticket of ours: we have not signed it.",
        portuguese="Isto não é um ingresso nosso: não o assinamos.",
        on_board=("Ticket not genuine", "Ingresso não autêntico"),
    ),
    ErrorRow(
        code="TICKET_VOID",
        status=410,
        example=refusals.TicketVoid("transferred"),
        english="This ticket is void: it was {reason}.",
        portuguese="Este ingresso não vale mais ({reason}).",
        facts=lambda e: {"reason": e.reason},
        on_board=("Ticket was void", "Ingresso sem valor"),
    ),
    ErrorRow(
        code="ALREADY_ADMITTED",
        status=409,
        example=refusals.AlreadyAdmitted(STARTS_AT, "north"),
        english="Somebody has come in with this ticket already, at {admittedAt}, by gate {gateId}.",
        portuguese="Alguém já entrou com este ingresso, em {admittedAt}, pela entrada {gateId}.",
        facts=lambda e: {"admittedAt": to_iso(e.admitted_at), "gateId": e.gate},
        on_board=("Ticket used already", "Ingresso já usado"),
    ),
    ErrorRow(
        code="TOO_MANY_TRANSFERS",
        status=409,
        example=refusals.TooManyTransfers(20),
        english="This ticket has been transferred {mostTransfers} times, and can't be once more.",
        portuguese="Este ingresso já foi transferido {mostTransfers} vezes, e não pode ser mais uma.",
        facts=lambda e: {"mostTransfers": e.most},
        on_board=("Ticket given away too often", "Ingresso passado adiante vezes demais"),
    ),
    ErrorRow(
        code="WRONG_ROOM",
        status=409,
        example=refusals.WrongRoom("B2"),
        english="This ticket is for another room: {roomNumber}.",
        portuguese="Este ingresso é de outra sala: {roomNumber}.",
        facts=lambda e: {"roomNumber": e.right_room_or_empty},
        on_board=("Ticket for another room", "Ingresso de outra sala"),
    ),
    ErrorRow(
        code="TOO_EARLY",
        status=409,
        example=refusals.AdmissionNotOpenYet(STARTS_AT),
        english="The doors open at {opensAt}.",
        portuguese="As portas abrem em {opensAt}.",
        facts=lambda e: {"opensAt": to_iso(e.opens_at)},
        on_board=("Doors were not open yet", "Portas ainda fechadas"),
    ),
    ErrorRow(
        code="ADMISSION_OVER",
        status=410,
        example=refusals.AdmissionOver(STARTS_AT),
        english="This screening is over: tickets were admitted until {closedAt}.",
        portuguese="Esta sessão já acabou: os ingressos valeram até {closedAt}.",
        facts=lambda e: {"closedAt": to_iso(e.closed_at)},
        on_board=("Too late to come in", "Tarde demais para entrar"),
    ),
    ErrorRow(
        code="RESERVATION_NOT_PAID",
        status=409,
        example=refusals.ReservationNotPaid(RESERVATION_ID),
        english="The reservation is not paid for, so it has neither an invoice nor tickets.",
        portuguese="A reserva não foi paga, por isso não tem fatura nem ingressos.",
        facts=_reservation,
        on_board=("Reservation not paid", "Reserva não paga"),
    ),
    ErrorRow(
        code="RESERVATION_ALREADY_CONFIRMED",
        status=409,
        example=refusals.ReservationConfirmed(RESERVATION_ID),
        english="The reservation is paid for and can't be cancelled.",
        portuguese="A reserva já foi paga e não pode ser cancelada.",
        facts=_reservation,
        on_board=("Was paid for already", "Já estava paga"),
    ),
    ErrorRow(
        code="RESERVATION_ALREADY_PAID",
        status=409,
        example=refusals.PaidByAnotherTransaction(RESERVATION_ID, SALE_ID, "tx-789"),
        english="Another payment has already bought these seats: if this one was charged, it is returned.",
        portuguese="Outro pagamento já comprou estes assentos: se este foi cobrado, será devolvido.",
        facts=_reservation,
        on_board=("Paid for twice", "Paga duas vezes"),
    ),
    ErrorRow(
        code="TRANSACTION_MISSING",
        status=400,
        example=refusals.TransactionMissing(RESERVATION_ID),
        english="These seats cost something: name the payment's method and transaction.",
        portuguese="Estes assentos têm um preço: informe o meio e a transação do pagamento.",
        facts=_reservation,
        on_board=("No transaction named", "Transação não informada"),
    ),
    ErrorRow(
        code="NOTHING_TO_PAY",
        status=409,
        example=refusals.FreeOfCharge(RESERVATION_ID),
        english="These seats are free of charge: confirm them without a payment.",
        portuguese="Estes assentos são gratuitos: confirme sem pagamento.",
        facts=_reservation,
        on_board=("Nothing to pay", "Nada a pagar"),
    ),
    ErrorRow(
        code="PAYMENT_NOT_RECEIVED",
        status=402,
        example=refusals.PaymentNotReportedYet(RESERVATION_ID, TRANSACTION_ID),
        english="We have not heard of this payment yet: ask again in some seconds. Nothing is lost by asking.",
        portuguese="Ainda não recebemos este pagamento: tente de novo em alguns segundos. Nada se perde por tentar.",
        facts=_reservation,
        headers=lambda _: {"Retry-After": "2"},
        counts_as_refusal=False,
    ),
    ErrorRow(
        code="PAYMENT_ALREADY_USED",
        status=409,
        example=refusals.PaymentClaimedOrUsed(RESERVATION_ID, TRANSACTION_ID),
        english="This payment is for something else: it can't pay for these seats, too.",
        portuguese="Este pagamento é de outra compra: não pode pagar também estes assentos.",
        facts=_reservation,
        on_board=("Payment had bought something else", "Pagamento já tinha comprado outra coisa"),
    ),
    ErrorRow(
        code="PAYMENT_RETURNED",
        status=409,
        example=refusals.PaymentRefundedOrWrongAmount(RESERVATION_ID, TRANSACTION_ID),
        english="This payment went back, or is on its way back: it buys nothing any more.",
        portuguese="Este pagamento foi devolvido, ou está sendo devolvido: não compra mais nada.",
        facts=_reservation,
        on_board=("Payment had been returned", "Pagamento já devolvido"),
    ),
    ErrorRow(
        code="PAYMENTS_UNAVAILABLE",
        status=503,
        example=refusals.PaymentsUnavailable(RESERVATION_ID),
        english="Payments can't be taken at this moment: try again in some seconds.",
        portuguese="Não é possível receber pagamentos neste momento: tente de novo em alguns segundos.",
        facts=_reservation,
        headers=lambda _: {"Retry-After": "5"},
        on_board=("No payment gateway", "Sem operadora de pagamentos"),
    ),
    ErrorRow(
        code="RESERVATION_EXPIRED",
        status=410,
        example=refusals.ReservationExpired(RESERVATION_ID, EXPIRES_AT),
        english="The reservation expired at {expiredAt}: its seats are free again.",
        portuguese="A reserva expirou em {expiredAt}: os assentos estão livres de novo.",
        facts=lambda e: {"reservationId": e.reservation_id, "expiredAt": to_iso(e.expired_at)},
        on_board=("The hold had expired", "A reserva tinha expirado"),
    ),
    ErrorRow(
        code="RESERVATION_CANCELLED",
        status=410,
        example=refusals.ReservationCancelled(RESERVATION_ID),
        english="The reservation was cancelled: its seats are free again.",
        portuguese="A reserva foi cancelada: os assentos estão livres de novo.",
        facts=_reservation,
        on_board=("The hold was given back", "A reserva foi devolvida"),
    ),
    ErrorRow(
        code="SESSION_CANCELLED",
        status=410,
        example=refusals.SessionCancelled(SESSION_ID),
        english="This session was cancelled. What was paid for it is returned.",
        portuguese="Esta sessão foi cancelada. O que foi pago por ela será devolvido.",
        facts=lambda e: {"sessionId": e.session_id},
        on_board=("Cancelled screening", "Sessão cancelada"),
    ),
    ErrorRow(
        code="SALES_CLOSED",
        status=410,
        example=refusals.SalesClosed(SESSION_ID, STARTS_AT),
        english="Seats of this session were sold until {closedAt}.",
        portuguese="Os assentos desta sessão foram vendidos até {closedAt}.",
        facts=lambda e: {"sessionId": e.session_id, "closedAt": to_iso(e.closed_at)},
        on_board=("Sales had closed", "Vendas encerradas"),
    ),
    ErrorRow(
        code="IDEMPOTENCY_KEY_REUSED",
        status=422,
        example=refusals.IdempotencyKeyReused(),
        english="This Idempotency-Key came before with another request. This one has changed nothing.",
        portuguese="Esta Idempotency-Key já veio com outro pedido. Este não mudou nada.",
        on_board=("Key of another request", "Chave de outro pedido"),
    ),
    ErrorRow(
        code="UNAUTHENTICATED",
        status=401,
        example=refusals.Unauthenticated(),
        english="Sign in first: this needs an access token that is valid now.",
        portuguese="Entre primeiro: isto exige um token de acesso válido neste momento.",
        headers=_challenge,
        on_board=("Not signed in", "Sem entrar na conta"),
    ),
    ErrorRow(
        code="FORBIDDEN",
        status=403,
        example=refusals.Forbidden(),
        english="You may not do this.",
        portuguese="Você não pode fazer isto.",
        headers=lambda _: {"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
        on_board=("Not theirs to do", "Sem permissão"),
    ),
    ErrorRow(
        code="USER_NOT_FOUND",
        status=404,
        example=refusals.UserNotFoundOrNotVisible("user-456"),
        english="There is no such user.",
        portuguese="Este usuário não existe.",
        on_board=("Unknown user", "Usuário desconhecido"),
    ),
    ErrorRow(
        code="SIGNATURE_INVALID",
        status=401,
        example=refusals.WebhookAuthenticationFailed(),
        english="The signature is not one of the secrets we know, over this body, within the last five minutes.",
        portuguese="A assinatura não é de um segredo que conhecemos, sobre este corpo, nos últimos cinco minutos.",
        headers=lambda _: {"WWW-Authenticate": "Cinema-Signature"},
        on_board=("Signature not valid", "Assinatura inválida"),
    ),
    ErrorRow(
        code="WEBHOOK_DISABLED",
        status=409,
        example=refusals.WebhookDisabled(WEBHOOK_ID),
        english="This webhook is disabled: ask an operator to enable it, then ask for the replay again.",
        portuguese="Este webhook está desativado: peça a um operador que o ative e depois peça o reenvio de novo.",
        on_board=("Webhook disabled", "Webhook desativado"),
    ),
    ErrorRow(
        code="RATE_LIMITED",
        status=429,
        example=refusals.RateLimited(QuotaUsage(Quota(10, 10), used_us=10_000_000)),
        english="Too many requests: try again in {retryAfterSeconds} s.",
        portuguese="Requisições demais: tente de novo em {retryAfterSeconds} s.",
        facts=lambda e: {"retryAfterSeconds": e.usage.seconds_until_next_admitted_or_zero},
        headers=lambda e: rate_limits.refusal_headers(e.usage),
        on_board=("Too many requests", "Pedidos demais"),
    ),
    ErrorRow(
        code="TEMPORARILY_UNAVAILABLE",
        status=503,
        example=refusals.BackendUnavailable("UpdateItem"),
        english="We could not finish in time. Send the same request again; with an Idempotency-Key that is safe.",
        portuguese="Não conseguimos terminar a tempo. Envie o mesmo pedido de novo; com uma Idempotency-Key é seguro.",
        headers=lambda _: {"Retry-After": "1"},
        on_board=("Database too slow or down", "Banco lento ou fora do ar"),
    ),
    # No route is asked, or its view failed.
    ErrorRow(
        code="METHOD_NOT_ALLOWED",
        status=405,
        example=MethodNotAllowed("PUT"),
        english="This address does not know the method {method}.",
        portuguese="Este endereço não aceita o método {method}.",
        message_facts=lambda e: {"method": e.method},
        headers=lambda e: {"Allow": e.allowed} if e.allowed else {},
        on_board=("Unknown method", "Método desconhecido"),
    ),
    ErrorRow(
        code="INTERNAL_ERROR",
        status=500,
        example=InternalError(REQUEST_ID),
        english="Something went wrong on our side. Tell us the request id if it goes on.",
        portuguese="Algo deu errado do nosso lado. Informe o id da requisição se continuar.",
        facts=lambda e: {} if e.request_id is None else {"requestId": e.request_id},
        on_board=("A fault of ours", "Uma falha nossa"),
    ),
    # API Gateway answers these by itself.
    ErrorRow(code="MALFORMED_REQUEST", status=400, english="The request can not be understood."),
)
"""The table of errors: an ErrorRow for each code, in the order of the OpenAPI document."""

ERROR_ROWS_BY_CODE: Mapping[str, ErrorRow] = {row.code: row for row in ERRORS}
"""The rows of ERRORS, by code."""

_BY_TYPE: Mapping[type[Exception], ErrorRow] = {type(example): row for row in ERRORS for example in row.examples}


def nearest_error_row(kind: type[Exception]) -> ErrorRow | None:
    """Finds the row of an exception type, or of its nearest base class that has a row. None if no class has one."""
    return next((_BY_TYPE[each] for each in kind.__mro__ if each in _BY_TYPE), None)
