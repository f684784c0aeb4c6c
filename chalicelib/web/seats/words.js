// @ts-check
/** The texts of the page in all its languages, and the languages' formats of lists and money. */

import { language, locale } from "../shared/language.js";
import { money, speaker } from "../shared/words.js";

const secondsIn = {
  en: (seconds) => (seconds === 1 ? "1 second" : `${seconds} seconds`),
  "pt-BR": (seconds) => (seconds === 1 ? "1 segundo" : `${seconds} segundos`),
};

export const WORDS = {
  en: {
    skip: "Skip to the content",
    navigation: "Main",
    messages: "Messages",
    programme: "Programme",
    myTickets: "My tickets",
    otherLanguage: "Português",
    signIn: "Sign in",
    signOut: "Sign out",
    signInFirst: "Sign in to see your tickets",
    signInHint: "They are the same on every device on which you sign in.",
    theme: { light: "Colours: light", dark: "Colours: dark", auto: "Colours: as on this device" },
    offline: "You are offline. What you see may be out of date; we go on as soon as you are back.",
    footer: "The payment is a demonstration: no money moves.",
    fault: "Something in this page has failed. What the cinema has confirmed is safe.",
    reload: "Load the page again",
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
    cancelled: "Cancelled",

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
    keys: "Arrow keys move between seats, Enter or Space chooses, plus and minus zoom.",
    zoom: "Size of the map",
    zoomIn: "Larger",
    zoomOut: "Smaller",
    whole: "The whole hall",
    comeCloser: "Tap the map, or spread two fingers, to come closer.",
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
    tooMany: (limit) => `One order holds ${limit === 1 ? "1 seat" : `${limit} seats`} at most.`,
    hold: (count) => (count === 1 ? "Hold this seat" : `Hold ${count} seats`),
    holding: "Asking the cinema …",
    tryAgain: "Try again",
    neverMind: "Choose other seats",
    dontWait: "Don't wait",
    documentation: "Open the documentation",
    byEmail: "Send me the tickets by email",
    email: "Email address",

    heldTitle: "Held for you",
    timeLeft: "Time left to pay",
    lastMoment: "The last moment …",
    heldSpoken: (seats, seconds) => `${seats} held for you for ${seconds} seconds.`,
    secondsSpoken: (seconds) => `${seconds} seconds left.`,
    pay: (money) => `Pay ${money}`,
    freeOfCharge: "Free of charge",
    take: (count) => (count === 1 ? "Get this ticket free of charge" : `Get ${count} tickets free of charge`),
    taking: "Booking …",
    takingHint: "We are waiting for the cinema's answer. You get each ticket once, however often it is asked for.",
    timeLeftFree: "Time left to decide",
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
    ticketsLeadSignedIn: "Everything you have bought, on every device on which you sign in.",
    noTickets: "No tickets yet",
    noTicketsHint: "What you buy appears here at once.",
    toProgramme: "See what is on",
    ticket: "Ticket",
    enjoy: "Enjoy the film!",
    screeningCancelled: "This screening is cancelled",
    cancelledHint: "It will not take place, and your tickets are not valid any more.",
    moneyComing: (money) => `Your ${money} is on its way back to you.`,
    moneyBack: (money, when) => (when ? `Your ${money} was returned on ${when}.` : `Your ${money} was returned.`),
    moneyComingShort: "Cancelled: money on its way back",
    moneyBackShort: "Cancelled: money returned",
    code: "Booking code",
    show: "Show at the door",
    close: "Close",
    seats: "Seats",
    when: "When",
    roomLabel: "Room",
    paid: "Paid",
    price: "Price",
    sale: "Sale",
    bought: (date) => `Bought ${date}`,
    print: "Print",
    calendar: "Add to calendar",
    seatTickets: "Tickets for the door",
    seatNamed: (seat) => `Seat ${seat}`,
    qrOf: (seat) => `QR code of the ticket for seat ${seat}`,
    ticketsWaiting: "Your tickets are being signed, which takes some seconds. They appear here by themselves.",
    ticketsHere: "Your tickets are here.",
    ticketsChanged: "Your tickets have changed: the ones before are void.",
    ticketsLate: "Your tickets take longer than usual. The seats are yours: try again in some minutes.",
    ticketsVoid: "These tickets are void: the money goes back to you.",
    ticketReplaced: "This ticket is void. The one in its place is being signed …",
    ticketRenewed: "A new ticket: those before it for this seat are void.",
    ticketUsed: (when) => `Used on ${when}.`,
    giveAway: "Give away …",
    giveAwaySeat: (seat) => `Give the ticket for seat ${seat} away`,
    giveAwayHint:
      "You get a new ticket for this seat, to send to whoever comes. The one that is here now is void at once, also " +
      "where you have sent or printed it.",
    giveAwayNow: "Make a new ticket",
    keep: "Keep this one",
    invoice: "Invoice (PDF)",
    invoiceOf: (movie, seats) => `Invoice (PDF) for ${movie}, ${seats}: opens in a new tab`,
    invoiceStates: {
      none: "This ticket is not among yours.",
      free: "What is free of charge has no invoice.",
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
      TOO_MANY_SEATS: ({ limit }) =>
        `One order holds ${limit === 1 ? "1 seat" : `${limit} seats`} at most. Give some up and try again.`,
      VALIDATION_ERROR: ({ field }) =>
        field === "$.email"
          ? "This email address does not look right. Correct it, or leave it empty."
          : "The cinema did not understand what this page asked for. Load the page again, then try once more.",
      TOO_MANY_HOLDS: () => "You hold seats of this screening already. Pay for them or give them back first.",
      RATE_LIMITED: (_, __, seconds) =>
        `That was a lot at once from this connection. Try again in ${seconds ? secondsIn.en(seconds) : "a moment"}.`,
      SESSION_NOT_FOUND: () => "This screening does not exist, or no longer.",
      SESSION_CANCELLED: () => "This screening has been cancelled. What was paid for it goes back by itself.",
      SALES_CLOSED: () =>
        "Tickets for this screening are not sold any more: it is about to begin, has begun or is over.",
      SEAT_NOT_FOUND: ({ unknownSeats: seats = [] }) => `This room has no seat ${list(seats)}.`,
      RESERVATION_NOT_FOUND: () => "This hold is not known any more. Its seats are free for everyone.",
      RESERVATION_EXPIRED: () => "Your time ran out, and the seats are free again. You have paid nothing.",
      LATE_PAYMENT: () =>
        "The payment came too late: the hold had run out. You have no ticket, and a late payment is returned.",
      RESERVATION_CANCELLED: () => "This hold was given back. Its seats are free for everyone.",
      RESERVATION_ALREADY_CONFIRMED: () => "These seats are paid for already: you find them among your tickets.",
      RESERVATION_ALREADY_PAID: () => "These seats are paid for already. The second payment is returned.",
      RESERVATION_NOT_PAID: () => "These seats are not paid for, so there is neither an invoice nor a ticket.",
      INVOICE_NOT_READY: () => "The invoice is being made. Try again in some seconds.",
      TICKETS_NOT_READY: () => "The tickets are being signed. Try again in some seconds.",
      TICKET_NOT_FOUND: () => "This ticket is not among yours.",
      TICKET_VOID: () => "This ticket is void already.",
      ALREADY_ADMITTED: () => "Somebody has come in with this ticket already, so it stays as it is.",
      TOO_MANY_TRANSFERS: ({ mostTransfers: most }) =>
        `This ticket was transferred ${most} times: it can't be once more.`,
      NOTHING_TO_PAY: () => "These seats are free of charge: there is nothing to pay.",
      PAYMENT_ALREADY_USED: () =>
        "This payment has bought other seats already, so it bought nothing here. Pay once more.",
      PAYMENT_RETURNED: () => "The money of this payment went back to you or is on its way, so it bought nothing.",
      PAYMENT_NOT_RECEIVED: () =>
        "The cinema has not been told of your payment yet. We keep asking: your ticket appears here by itself.",
      PAYMENTS_UNAVAILABLE: () =>
        "The cinema can't take payments right now. The seats stay yours until the time is up.",
      CARD_FORM_MISSING: () =>
        "This cinema takes real cards, and this page has no form for them yet. How to pay is in the documentation.",
      IDEMPOTENCY_KEY_REUSED: () => "Something got mixed up and nothing is held. Please choose again.",
      TEMPORARILY_UNAVAILABLE: () => "The cinema is very busy right now. Try again: nothing happens twice.",
      INTERNAL_ERROR: () => "Something went wrong on our side. Try again: nothing happens twice.",
      UNREACHABLE: () => "We got no answer, so we don't know yet whether it worked. Try again: nothing happens twice.",
      CURSOR_INVALID: () => "This list has changed. Load the page again to see it from its beginning.",
      NOT_FOUND: () => "There is nothing at this address.",
      UNAUTHENTICATED: () => "This cinema wants to know who you are, and this page has no sign-in yet.",
      FORBIDDEN: () => "This is not open to you.",
      WRONG_REQUEST: () =>
        "The cinema did not understand what this page asked for. Load the page again, then try once more.",
      PAGE_FAULT: () => "Something in this page went wrong. Try again: nothing happens twice.",
    },
    unread: {
      UNREACHABLE: () =>
        "The cinema does not answer. That may be your connection or the cinema itself: try again soon.",
      TEMPORARILY_UNAVAILABLE: () => "The cinema is very busy right now. Try again in a moment.",
      INTERNAL_ERROR: () => "Something went wrong on our side. Try again in a moment.",
    },
    waiting: {
      RATE_LIMITED: (seconds) =>
        `That was a lot at once from this connection. We ask again in ${secondsIn.en(seconds)} …`,
      UNREACHABLE: (seconds) => `No answer yet. We ask again in ${secondsIn.en(seconds)} …`,
      other: (seconds) => `The cinema is very busy. We ask again in ${secondsIn.en(seconds)} …`,
    },
    waitingOffline: "No connection. We send it again as soon as you are back; nothing happens twice.",
  },

  "pt-BR": {
    skip: "Ir para o conteúdo",
    navigation: "Principal",
    messages: "Avisos",
    programme: "Programação",
    myTickets: "Meus ingressos",
    otherLanguage: "English",
    signIn: "Entrar",
    signOut: "Sair",
    signInFirst: "Entre para ver os seus ingressos",
    signInHint: "Eles são os mesmos em todo aparelho em que você entrar.",
    theme: { light: "Cores: claras", dark: "Cores: escuras", auto: "Cores: as deste aparelho" },
    offline: "Você está sem conexão. O que você vê pode estar desatualizado; continuamos assim que ela voltar.",
    footer: "O pagamento é uma demonstração: nenhum dinheiro é movimentado.",
    fault: "Algo nesta página falhou. O que o cinema confirmou está seguro.",
    reload: "Carregar a página de novo",
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
    cancelled: "Cancelada",

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
    keys: "As setas andam entre os assentos, Enter ou Espaço escolhe, mais e menos mudam o tamanho.",
    zoom: "Tamanho do mapa",
    zoomIn: "Maior",
    zoomOut: "Menor",
    whole: "A sala inteira",
    comeCloser: "Toque no mapa, ou abra dois dedos, para chegar mais perto.",
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
    tooMany: (limit) => `Um pedido tem no máximo ${limit === 1 ? "1 assento" : `${limit} assentos`}.`,
    hold: (count) => (count === 1 ? "Reservar este assento" : `Reservar ${count} assentos`),
    holding: "Pedindo ao cinema …",
    tryAgain: "Tentar de novo",
    neverMind: "Escolher outros assentos",
    dontWait: "Não esperar",
    documentation: "Abrir a documentação",
    byEmail: "Receber os ingressos por e-mail",
    email: "Endereço de e-mail",

    heldTitle: "Reservados para você",
    timeLeft: "Tempo para pagar",
    lastMoment: "O último instante …",
    heldSpoken: (seats, seconds) => `${seats} reservados para você por ${seconds} segundos.`,
    secondsSpoken: (seconds) => `Faltam ${seconds} segundos.`,
    pay: (money) => `Pagar ${money}`,
    freeOfCharge: "Grátis",
    take: (count) => (count === 1 ? "Pegar este ingresso grátis" : `Pegar ${count} ingressos grátis`),
    taking: "Confirmando …",
    takingHint: "Estamos esperando a resposta do cinema. Cada ingresso é seu uma vez, mesmo que seja pedido de novo.",
    timeLeftFree: "Tempo para decidir",
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
    ticketsLeadSignedIn: "Tudo o que você comprou, em todo aparelho em que você entrar.",
    noTickets: "Nenhum ingresso ainda",
    noTicketsHint: "O que você comprar aparece aqui na hora.",
    toProgramme: "Ver a programação",
    ticket: "Ingresso",
    enjoy: "Bom filme!",
    screeningCancelled: "Esta sessão foi cancelada",
    cancelledHint: "Ela não vai acontecer, e os seus ingressos não valem mais.",
    moneyComing: (money) => `O valor de ${money} está a caminho da sua conta.`,
    moneyBack: (money, when) =>
      when ? `O valor de ${money} foi devolvido em ${when}.` : `O valor de ${money} foi devolvido.`,
    moneyComingShort: "Cancelada: dinheiro a caminho",
    moneyBackShort: "Cancelada: dinheiro devolvido",
    code: "Código da compra",
    show: "Mostrar na entrada",
    close: "Fechar",
    seats: "Assentos",
    when: "Quando",
    roomLabel: "Sala",
    paid: "Pago",
    price: "Preço",
    sale: "Venda",
    bought: (date) => `Comprado em ${date}`,
    print: "Imprimir",
    calendar: "Pôr na agenda",
    seatTickets: "Ingressos para a entrada",
    seatNamed: (seat) => `Assento ${seat}`,
    qrOf: (seat) => `Código QR do ingresso do assento ${seat}`,
    ticketsWaiting: "Seus ingressos estão sendo assinados, o que leva alguns segundos. Eles aparecem aqui sozinhos.",
    ticketsHere: "Seus ingressos estão aqui.",
    ticketsChanged: "Seus ingressos mudaram: os anteriores não valem mais.",
    ticketsLate:
      "Seus ingressos estão demorando mais que o normal. Os assentos são seus: tente de novo em alguns minutos.",
    ticketsVoid: "Estes ingressos não valem mais: o dinheiro volta para você.",
    ticketReplaced: "Este ingresso não vale mais. O que fica no lugar dele está sendo assinado …",
    ticketRenewed: "Um ingresso novo: os anteriores deste assento não valem mais.",
    ticketUsed: (when) => `Usado em ${when}.`,
    giveAway: "Passar adiante …",
    giveAwaySeat: (seat) => `Passar adiante o ingresso do assento ${seat}`,
    giveAwayHint:
      "Você recebe um ingresso novo deste assento, para enviar a quem vem. O que está aqui deixa de valer na hora, " +
      "mesmo que você já o tenha enviado ou impresso.",
    giveAwayNow: "Fazer um ingresso novo",
    keep: "Ficar com este",
    invoice: "Fatura (PDF)",
    invoiceOf: (movie, seats) => `Fatura (PDF) de ${movie}, ${seats}: abre em outra aba`,
    invoiceStates: {
      none: "Este ingresso não está entre os seus.",
      free: "O que é grátis não tem fatura.",
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
      TOO_MANY_SEATS: ({ limit }) =>
        `Um pedido tem no máximo ${limit === 1 ? "1 assento" : `${limit} assentos`}. Libere alguns e tente de novo.`,
      VALIDATION_ERROR: ({ field }) =>
        field === "$.email"
          ? "Este endereço de e-mail não parece certo. Corrija-o ou deixe-o vazio."
          : "O cinema não entendeu o pedido desta página. Carregue a página de novo e tente outra vez.",
      TOO_MANY_HOLDS: () => "Você já tem assentos reservados nesta sessão. Pague-os ou devolva-os primeiro.",
      RATE_LIMITED: (_, __, seconds) =>
        `Foram muitos pedidos desta conexão de uma vez. Tente de novo em ${seconds ? secondsIn["pt-BR"](seconds) : "um momento"}.`,
      SESSION_NOT_FOUND: () => "Esta sessão não existe, ou não existe mais.",
      SESSION_CANCELLED: () => "Esta sessão foi cancelada. O que foi pago por ela volta sem precisar pedir.",
      SALES_CLOSED: () => "A venda para esta sessão terminou: ela vai começar, já começou ou já acabou.",
      SEAT_NOT_FOUND: ({ unknownSeats: seats = [] }) => `Esta sala não tem o assento ${list(seats)}.`,
      RESERVATION_NOT_FOUND: () => "Esta reserva não é mais conhecida. Os assentos estão livres para todos.",
      RESERVATION_EXPIRED: () => "O tempo acabou e os assentos estão livres de novo. Você não pagou nada.",
      LATE_PAYMENT: () =>
        "O pagamento chegou tarde: a reserva tinha expirado. Você não tem ingresso, e um pagamento atrasado é devolvido.",
      RESERVATION_CANCELLED: () => "Esta reserva foi devolvida. Os assentos estão livres para todos.",
      RESERVATION_ALREADY_CONFIRMED: () => "Estes assentos já estão pagos: você os encontra entre os seus ingressos.",
      RESERVATION_ALREADY_PAID: () => "Estes assentos já estão pagos. O segundo pagamento é devolvido.",
      RESERVATION_NOT_PAID: () => "Estes assentos não foram pagos, por isso não há fatura nem ingresso.",
      INVOICE_NOT_READY: () => "A fatura está sendo emitida. Tente de novo em alguns segundos.",
      TICKETS_NOT_READY: () => "Os ingressos estão sendo assinados. Tente de novo em alguns segundos.",
      TICKET_NOT_FOUND: () => "Este ingresso não está entre os seus.",
      TICKET_VOID: () => "Este ingresso já não vale mais.",
      ALREADY_ADMITTED: () => "Alguém já entrou com este ingresso, por isso ele fica como está.",
      TOO_MANY_TRANSFERS: ({ mostTransfers: most }) =>
        `Este ingresso já foi transferido ${most} vezes: não pode ser mais.`,
      NOTHING_TO_PAY: () => "Estes assentos são grátis: não há nada a pagar.",
      PAYMENT_ALREADY_USED: () =>
        "Este pagamento já comprou outros assentos, então não comprou nada aqui. Pague de novo.",
      PAYMENT_RETURNED: () =>
        "O dinheiro deste pagamento voltou ou está voltando para você, então ele não comprou nada.",
      PAYMENT_NOT_RECEIVED: () =>
        "O cinema ainda não foi avisado do seu pagamento. Seguimos perguntando: o ingresso aparece aqui sozinho.",
      PAYMENTS_UNAVAILABLE: () =>
        "O cinema não pode receber pagamentos agora. Os assentos são seus até o tempo acabar.",
      CARD_FORM_MISSING: () =>
        "Este cinema recebe cartões de verdade, e esta página ainda não tem o formulário. A documentação diz como pagar.",
      IDEMPOTENCY_KEY_REUSED: () => "Algo se misturou e nada foi reservado. Escolha de novo, por favor.",
      TEMPORARILY_UNAVAILABLE: () => "O cinema está muito ocupado agora. Tente de novo: nada acontece duas vezes.",
      INTERNAL_ERROR: () => "Algo deu errado do nosso lado. Tente de novo: nada acontece duas vezes.",
      UNREACHABLE: () =>
        "Não houve resposta, então ainda não sabemos se deu certo. Tente de novo: nada acontece duas vezes.",
      CURSOR_INVALID: () => "Esta lista mudou. Carregue a página de novo para vê-la desde o começo.",
      NOT_FOUND: () => "Não há nada neste endereço.",
      UNAUTHENTICATED: () => "Este cinema quer saber quem você é, e esta página ainda não tem como entrar.",
      FORBIDDEN: () => "Isto não está aberto para você.",
      WRONG_REQUEST: () => "O cinema não entendeu o pedido desta página. Carregue a página de novo e tente outra vez.",
      PAGE_FAULT: () => "Algo nesta página deu errado. Tente de novo: nada acontece duas vezes.",
    },
    unread: {
      UNREACHABLE: () => "O cinema não responde. Pode ser a sua conexão ou o próprio cinema: tente de novo em breve.",
      TEMPORARILY_UNAVAILABLE: () => "O cinema está muito ocupado agora. Tente de novo daqui a pouco.",
      INTERNAL_ERROR: () => "Algo deu errado do nosso lado. Tente de novo daqui a pouco.",
    },
    waiting: {
      RATE_LIMITED: (seconds) =>
        `Foram muitos pedidos desta conexão de uma vez. Pedimos de novo em ${secondsIn["pt-BR"](seconds)} …`,
      UNREACHABLE: (seconds) => `Sem resposta ainda. Pedimos de novo em ${secondsIn["pt-BR"](seconds)} …`,
      other: (seconds) => `O cinema está muito ocupado. Pedimos de novo em ${secondsIn["pt-BR"](seconds)} …`,
    },
    waitingOffline: "Sem conexão. Enviamos de novo assim que ela voltar; nada acontece duas vezes.",
  },
};

export const say = speaker(WORDS);

/**
 * @typedef {object} Refused a failure, or as much of one as is known
 * @property {string} [code]
 * @property {Record<string, any>} [facts]
 * @property {unknown} [serverMessage]
 * @property {boolean} [reading]
 * @property {number} [retryAfterMs]
 */

/** Codes that only a fault of this page can bring about. */
const OUR_FAULT = new Set([
  "MALFORMED_JSON",
  "METHOD_NOT_ALLOWED",
  "TRANSACTION_MISSING",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
]);

/**
 * Gives the text for a refusal, or for a request without an answer. For a code without a text of this page, gives the server's
 * `serverMessage`. Never shows an exception's own text, which is for developers.
 * @param {Refused} failure
 * @param {...unknown} more
 * @returns {string}
 */
export function refused({ code = "", facts = {}, serverMessage, reading, retryAfterMs }, ...more) {
  /** @type {{ refusals: Record<string, any>, unread: Record<string, any> }} */
  const { refusals, unread } = WORDS[language()];
  const known = OUR_FAULT.has(code) ? refusals.WRONG_REQUEST : ((reading ? unread[code] : undefined) ?? refusals[code]);
  const seconds = facts.retryAfterSeconds ?? Math.ceil((retryAfterMs ?? 0) / 1000);
  if (known) return known(facts, more[0], seconds);
  return typeof serverMessage === "string" && serverMessage ? serverMessage : refusals.INTERNAL_ERROR();
}

/**
 * Says why the page waits before it asks again, and for how long.
 * @param {string} code
 * @param {number} seconds
 * @returns {string}
 */
export function waits(code, seconds) {
  /** @type {Record<string, any>} */
  const words = WORDS[language()].waiting;
  return (words[code] ?? words.other)(seconds);
}

/**
 * Writes seats as a list: A1, A2 and A3.
 * @param {string | string[]} seats
 */
export const list = (seats) => new Intl.ListFormat(locale()).format([seats].flat().map(String));

/**
 * Writes the amount to pay, or that there is nothing to pay.
 * @param {number} amount
 */
export const price = (amount) => (amount === 0 ? say("freeOfCharge") : money(amount));
