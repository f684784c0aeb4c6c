// @ts-check
/** The texts of the gate's page in all its languages, and the languages' formats of numbers and times. */

import { locale } from "../shared/language.js";
import { speaker } from "../shared/words.js";
import { hour, written } from "../shared/zone.js";

/**
 * @param {string} count
 * @param {string} one
 * @param {string} [many]
 */
const counted = (count, one, many = `${one}s`) => `${count} ${count === "1" ? one : many}`;

export const WORDS = {
  en: {
    skip: "Skip to the content",
    navigation: "Main",
    state: "State of this gate",
    programme: "Programme",
    gatePage: "Gate",
    otherLanguage: "Português",
    signIn: "Sign in",
    signOut: "Sign out",
    signInHint: "Sign in as a gate. Until then this gate decides by the lists that it has.",
    gatesOnly: "You are signed in, but not as a gate: the cinema answers nothing here.",
    theme: { light: "Colours: light", dark: "Colours: dark", auto: "Colours: as on this device" },

    whichGate: "Which gate is this?",
    whichGateHint: "It is remembered on this device. The name is shown to other gates where a ticket was used.",
    gateName: "Name of the gate",
    rooms: "Rooms behind it",
    noRooms: "No room is known yet: nothing is on within a day, or the cinema has not answered.",
    start: "Start",
    change: "Change",

    gate: (name) => `Gate ${name}`,
    inFrontOf: (rooms, count) => (count === 1 ? `Room ${rooms}` : `Rooms ${rooms}`),
    ready: "Ready for the next ticket",
    typeIt: "Code of the ticket, or the text of its QR code",
    admit: "Check",
    useCamera: "Scan with the camera",
    stopCamera: "Stop the camera",
    picture: "The camera's picture",
    noCamera: "This browser gives the page no camera. Type the code that is on the ticket.",
    cameraRefused: "The camera was not allowed. Allow it in the browser's settings, or type the code.",
    cameraFails: "The camera does not work. Type the code that is on the ticket.",

    inTouch: "In touch with the cinema",
    alone: "Without the cinema: this gate decides by itself",
    list: (time, screenings, tickets) =>
      `List of ${time}: ${counted(screenings, "screening")}, ${counted(tickets, "ticket")}`,
    noList: "No list yet: without the cinema this gate can admit nobody.",
    untold: (count, many) => (many === 1 ? `${count} admission not told yet` : `${count} admissions not told yet`),
    notKept: "This browser does not keep the page: do not close it where there is no network.",
    promiseTitle: "What a gate without a connection can't promise",
    promises: [
      "It knows what was true when its list was made. A ticket that was refunded or transferred since then is still admitted.",
      "Another gate may have let in the same ticket. The one that tells the cinema last is shown it then, and no sooner.",
      "A code that was typed is admitted only if it is on the list. What was sold since then must be scanned.",
      "Admissions are kept on this device until they were told: do not clear its browser before.",
    ],

    seat: (seat) => `Seat ${seat}`,
    decidedHere: "Decided without the cinema",
    verdicts: {
      admitted: "Come in",
      alreadyIn: "Already in",
      wrongRoom: "Wrong room",
      tooEarly: "Too early",
      tooLate: "Too late",
      refunded: "Refunded",
      transferred: "Old version",
      cancelled: "Cancelled",
      forged: "Not genuine",
      unknown: "Unknown",
      unlisted: "Not on the list",
      unreadable: "No ticket",
      failed: "Not decided",
    },
    why: {
      admitted: "Enjoy the film!",
      alreadyIn: ({ when, where }) => `Somebody came in with it: ${when}, gate ${where}.`,
      wrongRoom: ({ room }) => (room ? `This ticket is for room ${room}.` : "It is for a screening that is not here."),
      tooEarly: ({ when }) => `The doors open ${when}.`,
      tooLate: ({ when }) => `It was admitted until ${when}.`,
      refunded: "The money went back, and the ticket is void.",
      transferred: "It was transferred: whoever has the new ticket comes in.",
      cancelled: "The screening does not take place.",
      forged: "No key of this cinema has signed it.",
      unknown: "No ticket has this code.",
      unlisted: "It may have been sold since the list was made. Scan its QR code, or ask the cinema.",
      unreadable: "A code has eight letters and digits, as K7QX-2MNP.",
      failed: "This device could not write it down. Check it again.",
    },

    conflicts: (count) => (count === 1 ? "1 ticket to look after" : `${count} tickets to look after`),
    conflictsHint: "This gate let them in without the cinema, which would have refused them.",
    letInHere: (when, gate) => `Let in here: ${when}, gate ${gate}.`,
    seen: "Seen",
  },
  "pt-BR": {
    skip: "Ir para o conteúdo",
    navigation: "Principal",
    state: "Situação desta entrada",
    programme: "Programação",
    gatePage: "Entrada",
    otherLanguage: "English",
    signIn: "Entrar",
    signOut: "Sair",
    signInHint: "Entre como portaria. Até lá, esta entrada decide pelas listas que tem.",
    gatesOnly: "Você entrou, mas não como portaria: o cinema não responde nada aqui.",
    theme: { light: "Cores: claras", dark: "Cores: escuras", auto: "Cores: as do aparelho" },

    whichGate: "Qual entrada é esta?",
    whichGateHint: "Fica guardado neste aparelho. As outras entradas veem o nome onde um ingresso foi usado.",
    gateName: "Nome da entrada",
    rooms: "Salas atrás dela",
    noRooms: "Ainda não se conhece nenhuma sala: nada passa no próximo dia, ou o cinema não respondeu.",
    start: "Começar",
    change: "Mudar",

    gate: (name) => `Entrada ${name}`,
    inFrontOf: (rooms, count) => (count === 1 ? `Sala ${rooms}` : `Salas ${rooms}`),
    ready: "Pronta para o próximo ingresso",
    typeIt: "Código do ingresso, ou o texto do QR code",
    admit: "Conferir",
    useCamera: "Ler com a câmera",
    stopCamera: "Parar a câmera",
    picture: "A imagem da câmera",
    noCamera: "Este navegador não dá câmera à página. Digite o código que está no ingresso.",
    cameraRefused: "A câmera não foi permitida. Permita nas configurações do navegador, ou digite o código.",
    cameraFails: "A câmera não funciona. Digite o código que está no ingresso.",

    inTouch: "Em contato com o cinema",
    alone: "Sem o cinema: esta entrada decide sozinha",
    list: (time, screenings, tickets) =>
      `Lista das ${time}: ${counted(screenings, "sessão", "sessões")}, ${counted(tickets, "ingresso")}`,
    noList: "Ainda sem lista: sem o cinema, esta entrada não deixa ninguém entrar.",
    untold: (count, many) =>
      many === 1 ? `${count} entrada ainda não avisada` : `${count} entradas ainda não avisadas`,
    notKept: "Este navegador não guarda a página: não a feche onde não há rede.",
    promiseTitle: "O que uma entrada sem conexão não pode prometer",
    promises: [
      "Ela sabe o que valia quando a lista foi feita. Um ingresso reembolsado ou transferido depois disso ainda entra.",
      "Outra entrada pode ter aceitado o mesmo ingresso. A que avisar o cinema por último fica sabendo então, e não antes.",
      "Um código digitado só entra se estiver na lista. O que foi vendido depois precisa ser lido pela câmera.",
      "As entradas ficam guardadas neste aparelho até serem avisadas: não limpe o navegador antes disso.",
    ],

    seat: (seat) => `Assento ${seat}`,
    decidedHere: "Decidido sem o cinema",
    verdicts: {
      admitted: "Pode entrar",
      alreadyIn: "Já entrou",
      wrongRoom: "Outra sala",
      tooEarly: "Cedo demais",
      tooLate: "Tarde demais",
      refunded: "Reembolsado",
      transferred: "Versão antiga",
      cancelled: "Cancelada",
      forged: "Não é autêntico",
      unknown: "Desconhecido",
      unlisted: "Fora da lista",
      unreadable: "Não é ingresso",
      failed: "Sem decisão",
    },
    why: {
      admitted: "Bom filme!",
      alreadyIn: ({ when, where }) => `Alguém entrou com ele: ${when}, entrada ${where}.`,
      wrongRoom: ({ room }) => (room ? `Este ingresso é da sala ${room}.` : "É de uma sessão que não é aqui."),
      tooEarly: ({ when }) => `As portas abrem: ${when}.`,
      tooLate: ({ when }) => `Era aceito até ${when}.`,
      refunded: "O dinheiro voltou, e o ingresso não vale mais.",
      transferred: "Foi transferido: entra quem tem o ingresso novo.",
      cancelled: "A sessão não acontece.",
      forged: "Nenhuma chave deste cinema o assinou.",
      unknown: "Nenhum ingresso tem este código.",
      unlisted: "Talvez tenha sido vendido depois da lista. Leia o QR code, ou pergunte ao cinema.",
      unreadable: "Um código tem oito letras e números, como K7QX-2MNP.",
      failed: "Este aparelho não conseguiu anotar. Confira de novo.",
    },

    conflicts: (count) => (count === 1 ? "1 ingresso a verificar" : `${count} ingressos a verificar`),
    conflictsHint: "Esta entrada os deixou entrar sem o cinema, que os teria recusado.",
    letInHere: (when, gate) => `Entrou aqui: ${when}, entrada ${gate}.`,
    seen: "Visto",
  },
};

export const say = speaker(WORDS);

export const number = (value) => new Intl.NumberFormat(locale()).format(value);
/** Times are in the cinema's time zone: see `zone.js`. */
export const time = (moment) => written(moment, { timeStyle: "short" });
export const clock = (moment) => written(moment, { timeStyle: "medium" });
/**
 * Writes the time, and also the day if it is not today.
 * @param {string} moment
 */
export function dayAndTime(moment, now = Date.now()) {
  /** @type {import("../shared/zone.js").Form} */
  const day = { dateStyle: "short" };
  if (written(moment, day) === written(now, day)) return time(moment);
  return written(moment, { weekday: "short", day: "numeric", month: "short", hour: hour(), minute: "2-digit" });
}
