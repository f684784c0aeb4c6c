/** Every word of the board, in the languages we speak, and how they write numbers, money and times. */

import { language } from "../seats/language.js";

const CURRENCY = "BRL"; // as on the page for buyers

export const WORDS = {
  en: {
    skip: "Skip to the content",
    navigation: "Main",
    programme: "Programme",
    operations: "Operations",
    otherLanguage: "Português",
    theme: { light: "Colours: light", dark: "Colours: dark", auto: "Colours: as on this device" },
    loading: "One moment …",

    asOf: (time) => `As of ${time}`,
    pause: "Pause",
    goOn: "Go on",
    paused: "Paused: the numbers stay as they are.",
    stale: (time) => `No answer. These are the numbers of ${time}; we go on asking.`,
    unanswered: "The board does not answer. We go on asking.",
    off: "There is no board here",
    offHint: "It is switched off on this deployment (OPERATIONS_BOARD). docs/operations.md says how to run one.",
    unreadable: "This could not be read just now.",

    dependencies: "What we depend on, and how fast it answers",
    up: (name, ms) => `${name} ${ms} ms`,
    down: (name) => `${name} does not answer`,
    breaker: (state) => `breaker ${state}`,

    inAll: "In all, of the screenings shown",
    sold: "Seats sold",
    soldOf: (total) => `of ${total}`,
    revenue: "Revenue",
    revenueHint: (gross) => `after refunds, of ${gross}`,
    held: "Held now",
    heldHint: "seats, as counted",
    conversion: "Conversion",
    conversionHint: (sales, holds) => `${sales} sales of ${holds} holds`,
    refused: "Refused",
    refusedHint: "in three hours",
    dead: "Dead letters",
    deadHint: "in all queues",

    overTime: "Holds, sales and expiries",
    overTimeHint: "In each five minutes of the last three hours.",
    holds: "Holds",
    sales: "Sales",
    expiries: "Expired holds",
    conversionOverTime: "Conversion",
    conversionOverTimeHint: "Sales ÷ holds of the same five minutes; a gap is where nobody held.",
    refusalsOverTime: "Refusals",
    refusalsOverTimeHint: "Answers that said no, in each five minutes.",
    byReason: "Refusals by reason",
    byReasonHint: "Of this stage, in the last three hours.",
    noRefusals: "Nobody was refused in the last three hours.",
    notCounted: "Refusals are counted in Redis, which is not there or does not answer. Bookings go on without it.",
    nothingYet: "Nothing has happened in the last three hours.",
    asTable: "As a table",
    from: "From",
    peak: (name, value, time) => `${name}: most at ${time}, ${value}`,
    never: (name) => `${name}: none`,

    screenings: "Screenings",
    screening: "Screening",
    occupancy: "Occupancy",
    soldSeats: (sold, total) => `${sold} of ${total}`,
    heldSeats: "Held",
    expired: "Expired",
    room: (room) => `room ${room}`,
    screeningStatus: { cancelled: "Cancelled" },
    nothingOn: "Nothing is on: no screening runs or comes.",
    later: "Later screenings",
    now: "Back to the next ones",

    queues: "Queues",
    queue: "Queue",
    waiting: "Waiting",
    inFlight: "In work",
    delayed: "Delayed",
    given: "Given up",
    actions: "Actions",
    look: "Look",
    lookAt: (queue) => `Look at dead letters of ${queue}`,
    redrive: "Give back",
    redriveOf: (queue) => `Give dead letters back to ${queue}`,
    confirmRedrive: (count, queue) =>
      count === 1 ? `Give 1 dead letter back to ${queue}?` : `Give ${number(count)} dead letters back to ${queue}?`,
    confirmHint:
      "Each is delivered again, a hundred at most at a time. Repair the cause first: what fails again comes back here.",
    cancel: "Cancel",
    close: "Close",
    moved: (moved, queue, left) =>
      `${moved === 1 ? "1 message" : `${number(moved)} messages`} given back to ${queue}, ${number(left)} left.`,
    lettersOf: (queue) => `Dead letters of ${queue}`,
    lettersHint: "The first ones; they stay where they are.",
    noLetters: "None can be seen: they are gone, or in somebody's hands for half a minute.",
    noReason: "No reason given: it was received too often.",
    tries: (count) => (count === 1 ? "1 try" : `${count} tries`),
    failed: "That did not work. Try again in a moment.",

    queueWords: {
      analytics: "counts",
      audit: "writes the event log",
      cache: "freshens the seat-map cache",
      email: "writes to buyers",
      expiry: "waits for holds to lapse",
      invoices: "prints invoices",
      notification: "numbers events for webhooks",
      refunds: "gives money back",
      "stream-failures": "what a stream's handler gave up",
      webhooks: "tells subscribers",
    },
    reasons: {
      SEAT_ALREADY_RESERVED: "Seats were taken",
      RESERVATION_EXPIRED: "The hold had expired",
      RESERVATION_CANCELLED: "The hold was given back",
      RESERVATION_ALREADY_CONFIRMED: "Was paid for already",
      RESERVATION_ALREADY_PAID: "Paid for twice",
      RESERVATION_NOT_FOUND: "Unknown reservation",
      SESSION_NOT_FOUND: "Unknown screening",
      SESSION_CANCELLED: "Cancelled screening",
      SEAT_NOT_FOUND: "Unknown seats",
      TOO_MANY_SEATS: "Too many seats at once",
      TOO_MANY_HOLDS: "Too many holds",
      RATE_LIMITED: "Too many requests",
      IDEMPOTENCY_KEY_REUSED: "Key of another request",
      TEMPORARILY_UNAVAILABLE: "Database too slow or down",
      INTERNAL_ERROR: "A fault of ours",
      VALIDATION_ERROR: "Malformed request",
      MALFORMED_JSON: "Not JSON",
      NOT_FOUND: "Unknown address",
    },
  },
  "pt-BR": {
    skip: "Ir para o conteúdo",
    navigation: "Principal",
    programme: "Programação",
    operations: "Operação",
    otherLanguage: "English",
    theme: { light: "Cores: claras", dark: "Cores: escuras", auto: "Cores: como neste aparelho" },
    loading: "Um momento …",

    asOf: (time) => `Às ${time}`,
    pause: "Pausar",
    goOn: "Continuar",
    paused: "Em pausa: os números ficam como estão.",
    stale: (time) => `Sem resposta. Estes são os números das ${time}; seguimos perguntando.`,
    unanswered: "O painel não responde. Seguimos perguntando.",
    off: "Não há painel aqui",
    offHint: "Ele está desligado nesta instalação (OPERATIONS_BOARD). docs/operations.md diz como usar um.",
    unreadable: "Não foi possível ler isto agora.",

    dependencies: "Do que dependemos, e em quanto tempo responde",
    up: (name, ms) => `${name} ${ms} ms`,
    down: (name) => `${name} não responde`,
    breaker: (state) => `disjuntor ${state}`,

    inAll: "No total, das sessões mostradas",
    sold: "Assentos vendidos",
    soldOf: (total) => `de ${total}`,
    revenue: "Receita",
    revenueHint: (gross) => `após reembolsos, de ${gross}`,
    held: "Reservados agora",
    heldHint: "assentos, como contados",
    conversion: "Conversão",
    conversionHint: (sales, holds) => `${sales} vendas de ${holds} reservas`,
    refused: "Recusados",
    refusedHint: "em três horas",
    dead: "Mensagens mortas",
    deadHint: "em todas as filas",

    overTime: "Reservas, vendas e expirações",
    overTimeHint: "A cada cinco minutos das últimas três horas.",
    holds: "Reservas",
    sales: "Vendas",
    expiries: "Reservas expiradas",
    conversionOverTime: "Conversão",
    conversionOverTimeHint: "Vendas ÷ reservas dos mesmos cinco minutos; onde há um vão, ninguém reservou.",
    refusalsOverTime: "Recusas",
    refusalsOverTimeHint: "Respostas que disseram não, a cada cinco minutos.",
    byReason: "Recusas por motivo",
    byReasonHint: "Deste ambiente, nas últimas três horas.",
    noRefusals: "Ninguém foi recusado nas últimas três horas.",
    notCounted: "As recusas são contadas no Redis, que não existe ou não responde. As vendas seguem sem ele.",
    nothingYet: "Nada aconteceu nas últimas três horas.",
    asTable: "Como tabela",
    from: "Desde",
    peak: (name, value, time) => `${name}: mais às ${time}, ${value}`,
    never: (name) => `${name}: nenhuma`,

    screenings: "Sessões",
    screening: "Sessão",
    occupancy: "Ocupação",
    soldSeats: (sold, total) => `${sold} de ${total}`,
    heldSeats: "Retidos",
    expired: "Expiradas",
    room: (room) => `sala ${room}`,
    screeningStatus: { cancelled: "Cancelada" },
    nothingOn: "Nada em cartaz: nenhuma sessão acontece ou está por vir.",
    later: "Sessões seguintes",
    now: "Voltar às próximas",

    queues: "Filas",
    queue: "Fila",
    waiting: "Esperando",
    inFlight: "Em mãos",
    delayed: "Adiadas",
    given: "Mortas",
    actions: "Ações",
    look: "Ver",
    lookAt: (queue) => `Ver as mensagens mortas de ${queue}`,
    redrive: "Devolver",
    redriveOf: (queue) => `Devolver as mensagens mortas a ${queue}`,
    confirmRedrive: (count, queue) =>
      count === 1 ? `Devolver 1 mensagem morta a ${queue}?` : `Devolver ${number(count)} mensagens mortas a ${queue}?`,
    confirmHint:
      "Cada uma é entregue de novo, cem por vez no máximo. Corrija a causa antes: o que falhar de novo volta para cá.",
    cancel: "Cancelar",
    close: "Fechar",
    moved: (moved, queue, left) =>
      `${moved === 1 ? "1 mensagem devolvida" : `${number(moved)} mensagens devolvidas`} a ${queue}, restam ${number(left)}.`,
    lettersOf: (queue) => `Mensagens mortas de ${queue}`,
    lettersHint: "As primeiras; elas ficam onde estão.",
    noLetters: "Nenhuma à vista: já se foram, ou estão em outras mãos por meio minuto.",
    noReason: "Sem motivo: foi recebida vezes demais.",
    tries: (count) => (count === 1 ? "1 tentativa" : `${count} tentativas`),
    failed: "Não deu certo. Tente de novo daqui a pouco.",

    queueWords: {
      analytics: "conta",
      audit: "escreve o registro de eventos",
      cache: "renova o cache do mapa",
      email: "escreve aos compradores",
      expiry: "espera as reservas expirarem",
      invoices: "imprime faturas",
      notification: "numera eventos para webhooks",
      refunds: "devolve dinheiro",
      "stream-failures": "o que um leitor de stream abandonou",
      webhooks: "avisa os assinantes",
    },
    reasons: {
      SEAT_ALREADY_RESERVED: "Assentos já ocupados",
      RESERVATION_EXPIRED: "A reserva tinha expirado",
      RESERVATION_CANCELLED: "A reserva foi devolvida",
      RESERVATION_ALREADY_CONFIRMED: "Já estava paga",
      RESERVATION_ALREADY_PAID: "Paga duas vezes",
      RESERVATION_NOT_FOUND: "Reserva desconhecida",
      SESSION_NOT_FOUND: "Sessão desconhecida",
      SESSION_CANCELLED: "Sessão cancelada",
      SEAT_NOT_FOUND: "Assentos desconhecidos",
      TOO_MANY_SEATS: "Assentos demais de uma vez",
      TOO_MANY_HOLDS: "Reservas demais",
      RATE_LIMITED: "Pedidos demais",
      IDEMPOTENCY_KEY_REUSED: "Chave de outro pedido",
      TEMPORARILY_UNAVAILABLE: "Banco lento ou fora do ar",
      INTERNAL_ERROR: "Uma falha nossa",
      VALIDATION_ERROR: "Pedido malformado",
      MALFORMED_JSON: "Não é JSON",
      NOT_FOUND: "Endereço desconhecido",
    },
  },
};

/** The words of that name; where they depend on something, with it. */
export function say(name, ...facts) {
  const words = WORDS[language()][name];
  return typeof words === "function" ? words(...facts) : words;
}

export const number = (value) => new Intl.NumberFormat(locale()).format(value);
export const percent = (share) =>
  share === undefined
    ? "–"
    : new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(share);
export const money = (amount) =>
  new Intl.NumberFormat(language(), { style: "currency", currency: CURRENCY }).format(amount);
export const clock = (moment, seconds) =>
  written(moment, { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined });
export const dayAndTime = (moment) =>
  written(moment, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function written(moment, form) {
  return new Intl.DateTimeFormat(locale(), form).format(new Date(moment));
}

/** The browser's own variety of the language (en-GB writes 19:00 where en-US writes 07:00 PM). */
function locale() {
  return navigator.languages.find((tag) => tag.toLowerCase().startsWith(language().slice(0, 2))) ?? language();
}
