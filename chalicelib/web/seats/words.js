/** Every word of the page, in the languages we speak, and how they write lists and money. */

import { language } from "./language.js";

const CURRENCY = "BRL"; // prices are numbers in the contract; this is the money they are meant in

export const WORDS = {
  en: {
    skip: "Skip to the content",
    navigation: "Main",
    messages: "Messages",
    programme: "Programme",
    myTickets: "My tickets",
    otherLanguage: "Português",
    theme: { light: "Colours: light", dark: "Colours: dark", auto: "Colours: as on this device" },
    offline: "You are offline. What you see may be out of date; we go on as soon as you are back.",
    footer: "The payment is a demonstration: no money moves.",
    loading: "One moment …",

    onNow: "What is on",
    lead: "Choose a screening, then your seats. They are yours alone while you pay.",
    cinemaTime: (zone) => `Times are the cinema's: ${zone}.`,
    today: "Today",
    tomorrow: "Tomorrow",
    room: (room) => `Room ${room}`,
    seatCount: (count) => (count === 1 ? "1 seat" : `${count} seats`),
    more: "Show more",
    nothingOn: "Nothing is on",
    nothingOnHint: "No screening has been scheduled yet. Come back a little later.",

    back: "Programme",
    screen: "Screen",
    seatsOf: (room) => `Seats of room ${room}`,
    row: (row) => `Row ${row}`,
    seat: (row, number, state) => `Row ${row}, seat ${number}, ${state}`,
    look: {
      free: "free",
      chosen: "chosen by you",
      asking: "being asked for",
      mine: "held for you",
      bought: "your ticket",
      held: "held by someone else",
      sold: "sold",
    },
    legend: { free: "Free", chosen: "Chosen", mine: "Yours", held: "Held", sold: "Sold" },
    legendTitle: "What the seats look like",
    freeOf: (free, total) => `${free} of ${total} free`,
    soldOut: "Sold out",
    keys: "Arrow keys move between seats, Enter or Space chooses.",
    outOfDate: "The map may be out of date.",
    notForSale: (seat, state) => `${seat} is ${state}.`,
    chosenNow: (seat, count) => `${seat} chosen. ${count} in all.`,
    notChosen: (seat, count) => `${seat} given up. ${count} in all.`,
    holdFirst: "Pay for the seats you hold, or give them back, before you choose others.",

    yourSeats: "Your seats",
    chooseHint: "Choose your seats on the map.",
    allSold: "Every seat is sold.",
    allTaken: "Every seat is sold or held right now. Those that are held may come free again: this map is live.",
    giveUp: (seat) => `Give up ${seat}`,
    total: "Total",
    tooMany: (limit) => `One order holds ${limit} seats at most.`,
    hold: (count) => (count === 1 ? "Hold this seat" : `Hold ${count} seats`),
    holding: "Asking the cinema …",
    tryAgain: "Try again",
    neverMind: "Choose other seats",
    byEmail: "Send me the tickets by email",
    email: "Email address",

    heldTitle: "Held for you",
    timeLeft: "Time left to pay",
    lastMoment: "The last moment …",
    heldSpoken: (seats, seconds) => `${seats} held for you for ${seconds} seconds.`,
    secondsSpoken: (seconds) => `${seconds} seconds left.`,
    pay: (money) => `Pay ${money}`,
    demo: "Demo payment: no card, no money.",
    paying: "Paying …",
    payingHint: "We are waiting for the cinema's answer. Your payment counts once, however often it is sent.",
    release: "Give the seats back",
    releasing: "Giving back …",
    released: "The seats are free again.",
    elsewhere: (movie, time) => `Seats for ${movie} are held for you, ${time} left.`,
    goThere: "Go there",
    holdAgain: "Hold them again",

    ticketsLead: "Everything bought in this browser.",
    noTickets: "No tickets yet",
    noTicketsHint: "What you buy appears here at once.",
    toProgramme: "See what is on",
    ticket: "Ticket",
    enjoy: "Enjoy the film!",
    seats: "Seats",
    when: "When",
    roomLabel: "Room",
    paid: "Paid",
    sale: "Sale",
    bought: (date) => `Bought ${date}`,
    print: "Print",
    invoice: "Invoice (PDF)",
    invoiceOf: (movie, seats) => `Invoice (PDF) for ${movie}, ${seats}: opens in a new tab`,
    invoiceStates: {
      none: "This ticket is not among yours.",
      asking: "One moment …",
      coming: "Your invoice is being made, which takes some seconds. It opens here by itself.",
      ready: "Your invoice is ready. If it did not open, this is where it is:",
      late: "Your invoice takes longer than usual. It will come: try again in some minutes.",
    },
    allTickets: "All my tickets",
    noSuchTicket: "This ticket is not among yours",

    failed: "This did not load",
    notFound: "There is nothing here",
    notFoundHint: "The address may be old or mistyped.",

    refusals: {
      SEAT_ALREADY_RESERVED: ({ conflictingSeats: seats = [] }, left) =>
        `${list(seats)} ${seats.length === 1 ? "was" : "were"} taken a moment before you. Nothing is held` +
        (left ? "; your other seats are still chosen." : ". Choose others: the map is up to date."),
      TAKEN_MEANWHILE: ({ seats }) =>
        `${list(seats)} ${seats.length === 1 ? "has" : "have"} just been taken by someone else.`,
      TOO_MANY_SEATS: ({ limit }) => `One order holds ${limit} seats at most. Give some up and try again.`,
      VALIDATION_ERROR: ({ field, message }) =>
        field === "$.email" ? "This email address does not look right. Correct it, or leave it empty." : message,
      TOO_MANY_HOLDS: () => "You hold seats of this screening already. Pay for them or give them back first.",
      RATE_LIMITED: () => "That was a lot at once. Wait a moment, then try again.",
      SESSION_NOT_FOUND: () => "This screening does not exist, or no longer.",
      SESSION_CANCELLED: () => "This screening has been cancelled. Tickets bought for it are paid back.",
      SEAT_NOT_FOUND: ({ unknownSeats: seats = [] }) => `This room has no seat ${list(seats)}.`,
      RESERVATION_NOT_FOUND: () => "This hold is not known any more. Its seats are free for everyone.",
      RESERVATION_EXPIRED: () => "Your time ran out, and the seats are free again. You have paid nothing.",
      LATE_PAYMENT: () =>
        "The payment came too late: the hold had run out. You have no ticket, and a late payment is returned.",
      RESERVATION_CANCELLED: () => "This hold was given back. Its seats are free for everyone.",
      RESERVATION_ALREADY_CONFIRMED: () => "These seats are paid for already: you find them among your tickets.",
      RESERVATION_ALREADY_PAID: () => "These seats are paid for already. The second payment is returned.",
      IDEMPOTENCY_KEY_REUSED: () => "Something got mixed up and nothing is held. Please choose again.",
      TEMPORARILY_UNAVAILABLE: () => "The cinema is very busy right now. Try again: nothing happens twice.",
      INTERNAL_ERROR: () => "Something went wrong on our side. Try again: nothing happens twice.",
      UNREACHABLE: () => "We got no answer, so we don't know yet whether it worked. Try again: nothing happens twice.",
    },
    waiting: (seconds) => `Very busy. Asking again in ${seconds === 1 ? "1 second" : `${seconds} seconds`} …`,
    waitingOffline: "No connection. We send it again as soon as you are back; nothing happens twice.",
  },

  "pt-BR": {
    skip: "Ir para o conteúdo",
    navigation: "Principal",
    messages: "Avisos",
    programme: "Programação",
    myTickets: "Meus ingressos",
    otherLanguage: "English",
    theme: { light: "Cores: claras", dark: "Cores: escuras", auto: "Cores: as deste aparelho" },
    offline: "Você está sem conexão. O que você vê pode estar desatualizado; continuamos assim que ela voltar.",
    footer: "O pagamento é uma demonstração: nenhum dinheiro é movimentado.",
    loading: "Um momento …",

    onNow: "Em cartaz",
    lead: "Escolha uma sessão e depois os assentos. Eles são só seus enquanto você paga.",
    cinemaTime: (zone) => `Os horários são os do cinema: ${zone}.`,
    today: "Hoje",
    tomorrow: "Amanhã",
    room: (room) => `Sala ${room}`,
    seatCount: (count) => (count === 1 ? "1 assento" : `${count} assentos`),
    more: "Mostrar mais",
    nothingOn: "Nada em cartaz",
    nothingOnHint: "Nenhuma sessão foi programada ainda. Volte daqui a pouco.",

    back: "Programação",
    screen: "Tela",
    seatsOf: (room) => `Assentos da sala ${room}`,
    row: (row) => `Fileira ${row}`,
    seat: (row, number, state) => `Fileira ${row}, assento ${number}, ${state}`,
    look: {
      free: "livre",
      chosen: "escolhido por você",
      asking: "sendo pedido",
      mine: "reservado para você",
      bought: "seu ingresso",
      held: "reservado por outra pessoa",
      sold: "vendido",
    },
    legend: { free: "Livre", chosen: "Escolhido", mine: "Seu", held: "Reservado", sold: "Vendido" },
    legendTitle: "Como os assentos aparecem",
    freeOf: (free, total) => `${free} de ${total} livres`,
    soldOut: "Esgotado",
    keys: "As setas andam entre os assentos, Enter ou Espaço escolhe.",
    outOfDate: "O mapa pode estar desatualizado.",
    notForSale: (seat, state) => `${seat} está ${state}.`,
    chosenNow: (seat, count) => `${seat} escolhido. ${count} ao todo.`,
    notChosen: (seat, count) => `${seat} liberado. ${count} ao todo.`,
    holdFirst: "Pague os assentos que você reservou, ou devolva-os, antes de escolher outros.",

    yourSeats: "Seus assentos",
    chooseHint: "Escolha seus assentos no mapa.",
    allSold: "Todos os assentos estão vendidos.",
    allTaken: "Todos os assentos estão vendidos ou reservados agora. Os reservados podem voltar: este mapa é ao vivo.",
    giveUp: (seat) => `Liberar ${seat}`,
    total: "Total",
    tooMany: (limit) => `Um pedido tem no máximo ${limit} assentos.`,
    hold: (count) => (count === 1 ? "Reservar este assento" : `Reservar ${count} assentos`),
    holding: "Pedindo ao cinema …",
    tryAgain: "Tentar de novo",
    neverMind: "Escolher outros assentos",
    byEmail: "Receber os ingressos por e-mail",
    email: "Endereço de e-mail",

    heldTitle: "Reservados para você",
    timeLeft: "Tempo para pagar",
    lastMoment: "O último instante …",
    heldSpoken: (seats, seconds) => `${seats} reservados para você por ${seconds} segundos.`,
    secondsSpoken: (seconds) => `Faltam ${seconds} segundos.`,
    pay: (money) => `Pagar ${money}`,
    demo: "Pagamento de demonstração: sem cartão, sem dinheiro.",
    paying: "Pagando …",
    payingHint: "Estamos esperando a resposta do cinema. O pagamento vale uma vez, mesmo que seja enviado de novo.",
    release: "Devolver os assentos",
    releasing: "Devolvendo …",
    released: "Os assentos estão livres de novo.",
    elsewhere: (movie, time) => `Assentos para ${movie} reservados para você, faltam ${time}.`,
    goThere: "Ir para lá",
    holdAgain: "Reservar de novo",

    ticketsLead: "Tudo o que foi comprado neste navegador.",
    noTickets: "Nenhum ingresso ainda",
    noTicketsHint: "O que você comprar aparece aqui na hora.",
    toProgramme: "Ver a programação",
    ticket: "Ingresso",
    enjoy: "Bom filme!",
    seats: "Assentos",
    when: "Quando",
    roomLabel: "Sala",
    paid: "Pago",
    sale: "Venda",
    bought: (date) => `Comprado em ${date}`,
    print: "Imprimir",
    invoice: "Fatura (PDF)",
    invoiceOf: (movie, seats) => `Fatura (PDF) de ${movie}, ${seats}: abre em outra aba`,
    invoiceStates: {
      none: "Este ingresso não está entre os seus.",
      asking: "Um momento …",
      coming: "Sua fatura está sendo emitida, o que leva alguns segundos. Ela abre aqui sozinha.",
      ready: "Sua fatura está pronta. Se ela não abriu, está aqui:",
      late: "Sua fatura está demorando mais que o normal. Ela virá: tente de novo em alguns minutos.",
    },
    allTickets: "Todos os meus ingressos",
    noSuchTicket: "Este ingresso não está entre os seus",

    failed: "Isto não carregou",
    notFound: "Não há nada aqui",
    notFoundHint: "O endereço pode ser antigo ou ter um erro.",

    refusals: {
      SEAT_ALREADY_RESERVED: ({ conflictingSeats: seats = [] }, left) =>
        (seats.length === 1 ? `${list(seats)} foi ocupado` : `${list(seats)} foram ocupados`) +
        " um instante antes de você. Nada foi reservado" +
        (left ? "; seus outros assentos continuam escolhidos." : ". Escolha outros: o mapa está em dia."),
      TAKEN_MEANWHILE: ({ seats }) =>
        seats.length === 1
          ? `${list(seats)} acaba de ser ocupado por outra pessoa.`
          : `${list(seats)} acabam de ser ocupados por outra pessoa.`,
      TOO_MANY_SEATS: ({ limit }) => `Um pedido tem no máximo ${limit} assentos. Libere alguns e tente de novo.`,
      VALIDATION_ERROR: ({ field, message }) =>
        field === "$.email" ? "Este endereço de e-mail não parece certo. Corrija-o ou deixe-o vazio." : message,
      TOO_MANY_HOLDS: () => "Você já tem assentos reservados nesta sessão. Pague-os ou devolva-os primeiro.",
      RATE_LIMITED: () => "Foram muitos pedidos de uma vez. Espere um momento e tente de novo.",
      SESSION_NOT_FOUND: () => "Esta sessão não existe, ou não existe mais.",
      SESSION_CANCELLED: () => "Esta sessão foi cancelada. Os ingressos comprados são reembolsados.",
      SEAT_NOT_FOUND: ({ unknownSeats: seats = [] }) => `Esta sala não tem o assento ${list(seats)}.`,
      RESERVATION_NOT_FOUND: () => "Esta reserva não é mais conhecida. Os assentos estão livres para todos.",
      RESERVATION_EXPIRED: () => "O tempo acabou e os assentos estão livres de novo. Você não pagou nada.",
      LATE_PAYMENT: () =>
        "O pagamento chegou tarde: a reserva tinha expirado. Você não tem ingresso, e um pagamento atrasado é devolvido.",
      RESERVATION_CANCELLED: () => "Esta reserva foi devolvida. Os assentos estão livres para todos.",
      RESERVATION_ALREADY_CONFIRMED: () => "Estes assentos já estão pagos: você os encontra entre os seus ingressos.",
      RESERVATION_ALREADY_PAID: () => "Estes assentos já estão pagos. O segundo pagamento é devolvido.",
      IDEMPOTENCY_KEY_REUSED: () => "Algo se misturou e nada foi reservado. Escolha de novo, por favor.",
      TEMPORARILY_UNAVAILABLE: () => "O cinema está muito ocupado agora. Tente de novo: nada acontece duas vezes.",
      INTERNAL_ERROR: () => "Algo deu errado do nosso lado. Tente de novo: nada acontece duas vezes.",
      UNREACHABLE: () =>
        "Não houve resposta, então ainda não sabemos se deu certo. Tente de novo: nada acontece duas vezes.",
    },
    waiting: (seconds) =>
      `Muito movimento. Pedimos de novo em ${seconds === 1 ? "1 segundo" : `${seconds} segundos`} …`,
    waitingOffline: "Sem conexão. Enviamos de novo assim que ela voltar; nada acontece duas vezes.",
  },
};

/** The words of that name; where they depend on something, with it. */
export function say(name, ...facts) {
  const words = WORDS[language()][name];
  return typeof words === "function" ? words(...facts) : words;
}

/** Why the server said no. What this page has no words for is told in the server's own. */
export function refused({ code, facts, message }, ...more) {
  const words = WORDS[language()].refusals;
  return words[code]?.(facts, ...more) ?? (message || words.INTERNAL_ERROR());
}

export const list = (seats) => new Intl.ListFormat(locale()).format(seats);
export const money = (amount) =>
  new Intl.NumberFormat(language(), { style: "currency", currency: CURRENCY }).format(amount);

/** The browser's own variety of the language (en-GB writes 19:00 where en-US writes 07:00 PM). */
export function locale() {
  return navigator.languages.find((tag) => tag.toLowerCase().startsWith(language().slice(0, 2))) ?? language();
}
