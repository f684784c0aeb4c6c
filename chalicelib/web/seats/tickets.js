// @ts-check
/** The views of all purchases, and of one sale with its tickets. Both are updated while they are shown. */

import { announce, el, fill, whileSeen } from "../shared/dom.js";
import { asFailure } from "../shared/http.js";
import { button } from "../shared/parts.js";
import * as signIn from "../shared/sign_in.js";
import { money } from "../shared/words.js";
import * as api from "./api.js";
import { empty, Pages } from "./parts.js";
import { picture, SeatTickets } from "./seat_tickets.js";
import * as store from "./store.js";
import { dayAndTime } from "./times.js";
import { list, price, refused, say } from "./words.js";

const LOOK_AGAIN_MS = 15_000;
const REVOKE_MS = 60_000; // by then a browser has read the file
/** @type {Record<string, "moneyComingShort" | "moneyBackShort">} */
const MONEY_WORDS = { returning: "moneyComingShort", returned: "moneyBackShort" };
const MOST_SCREENINGS = 12; // of the latest purchases: each is one more request

/** @param {string} [cursor] */
const bought = (cursor) => api.purchases(store.userId(), cursor);

export async function tickets() {
  const first = await bought();
  return new Tickets(first, await screeningsOf(first.purchases));
}

/** @param {{ id: string }} address */
export async function ticket({ id }) {
  const { purchase, session } = await purchaseAndScreening(id);
  return new Ticket(id, purchase, session);
}

/**
 * Finds the purchase of that sale, however many were made since.
 * @param {string} saleId
 */
export async function find(saleId) {
  let cursor;
  do {
    const page = await bought(cursor);
    const found = page.purchases.find((purchase) => purchase.saleId === saleId);
    if (found) return found;
    cursor = page.nextCursor;
  } while (cursor);
  return undefined;
}

/**
 * @param {string} saleId
 * @returns {Promise<{ purchase?: api.Purchase, session?: api.Session }>}
 */
async function purchaseAndScreening(saleId) {
  const purchase = await find(saleId);
  return { purchase, session: purchase && (await screening(purchase.sessionId)) };
}

/**
 * Loads the screening. If that fails, the ticket is shown without the screening's data.
 * @param {string} id
 * @returns {Promise<api.Session | undefined>}
 */
const screening = (id) => api.session(id).catch((caught) => void asFailure(caught));

/**
 * @param {api.Purchase[]} purchases
 * @returns {Promise<Map<string, api.Session | undefined>>}
 */
async function screeningsOf(purchases) {
  const ids = [...new Set(purchases.map(({ sessionId }) => sessionId))].slice(0, MOST_SCREENINGS);
  const sessions = await Promise.all(ids.map(screening));
  return new Map(ids.map((id, index) => [id, sessions[index]]));
}

/**
 * Tells whether the ticket is valid, and if not, whether its money was refunded.
 * @param {api.Purchase} purchase
 * @param {api.Session | undefined} session
 * @returns {"valid" | "returning" | "returned"}
 */
function validityOf(purchase, session) {
  const status = /** @type {string | undefined} */ (purchase.status); // today's contract has only "refunded"
  if (status === "refunded" || purchase.refundedAt) return "returned";
  return status === "refundRequested" || session?.status === "cancelled" ? "returning" : "valid";
}

class Tickets {
  leaving = new AbortController();

  /**
   * @param {Awaited<ReturnType<typeof bought>>} first
   * @param {Map<string, api.Session | undefined>} screenings
   */
  constructor(first, screenings) {
    this.pages = new Pages(({ purchases }) => purchases, bought, first);
    this.screenings = screenings;
    this.element = el("div", { class: "tickets" });
  }

  get title() {
    return say("myTickets");
  }

  entered() {
    whileSeen(LOOK_AGAIN_MS, () => this.lookAgain(), this.leaving.signal);
  }

  leave() {
    this.leaving.abort();
  }

  async lookAgain() {
    const before = JSON.stringify([...this.screenings]);
    const changed = await this.pages.again();
    await this.learnScreenings();
    if (!this.leaving.signal.aborted && (changed || JSON.stringify([...this.screenings]) !== before)) this.render();
  }

  async learnScreenings() {
    for (const [id, session] of await screeningsOf(this.pages.items)) if (session) this.screenings.set(id, session);
  }

  render() {
    fill(this.element, this.pages.items.length ? this.bought() : empty("noTickets", say("noTicketsHint"), home()));
  }

  bought() {
    return [
      el("h1", { tabindex: "-1" }, say("myTickets")),
      el("p", { class: "lead" }, say(signIn.isOn ? "ticketsLeadSignedIn" : "ticketsLead")),
      el(
        "ul",
        { class: "cards" },
        this.pages.items.map((purchase) => stub(purchase, this.screenings.get(purchase.sessionId))),
      ),
      ...this.pages.way(() => this.render()),
    ];
  }
}

class Ticket {
  leaving = new AbortController();

  /** @type {WakeLockSentinel | undefined} */
  light = undefined;

  /**
   * @param {string} saleId
   * @param {api.Purchase | undefined} purchase
   * @param {api.Session | undefined} session
   */
  constructor(saleId, purchase, session) {
    this.saleId = saleId;
    this.purchase = purchase;
    this.session = session;
    this.element = el("div", { class: "one-ticket" });
    this.door = el("dialog", { class: "door", "aria-labelledby": "door-title" });
    this.door.addEventListener("close", () => this.dim());
    this.seatTickets = new SeatTickets(
      purchase?.ticketsUrl ?? "",
      () => this.facts(),
      () => this.renderTickets(),
    );
  }

  get title() {
    return this.purchase ? `${say("ticket")} · ${this.purchase.movieTitle}` : say("noSuchTicket");
  }

  get validity() {
    return this.purchase && validityOf(this.purchase, this.session);
  }

  entered() {
    if (!this.purchase) return;
    whileSeen(LOOK_AGAIN_MS, () => this.lookAgain(), this.leaving.signal);
    if (this.validity === "valid") this.seatTickets.ask();
  }

  leave() {
    this.leaving.abort();
    this.seatTickets.stop();
    this.dim();
  }

  async lookAgain() {
    const { purchase, session } = await purchaseAndScreening(this.saleId).catch(tellFault);
    if (!purchase || this.leaving.signal.aborted) return;
    const before = this.validity;
    this.purchase = purchase;
    this.session = session ?? this.session;
    if (this.validity === before) return this.validity === "valid" ? this.seatTickets.lookAgain() : undefined;
    this.seatTickets.stop();
    this.door.close();
    this.render();
    announce(say("screeningCancelled"), { urgent: true });
  }

  render() {
    fill(
      this.element,
      ...(this.purchase ? this.drawn(this.purchase) : [empty("noSuchTicket", say("notFoundHint"), allTickets())]),
      this.door,
    );
    this.renderTickets();
  }

  /** Draws again only the part with the tickets, because somebody may be pressing a button elsewhere. */
  renderTickets() {
    if (!this.purchase) return;
    this.seatTickets.render();
    fill(this.door, ...this.shown(this.purchase));
  }

  /** @param {api.Purchase} purchase */
  drawn(purchase) {
    const valid = this.validity === "valid";
    return [
      el("h1", { tabindex: "-1" }, say(valid ? "enjoy" : "screeningCancelled")),
      !valid && el("div", { class: "notice whats-wrong" }, el("p", {}, say("cancelledHint")), this.money(purchase)),
      this.paper(purchase, valid),
      el(
        "p",
        { class: "actions" },
        valid && button("show", say("show"), () => this.show(), "primary"),
        valid && button("print", say("print"), () => print(), "print"),
        purchase.calendarUrl && button("calendar", say("calendar"), () => this.saveCalendar(purchase)),
        invoiceLink(purchase, "button"),
        allTickets(),
      ),
    ];
  }

  /**
   * @param {api.Purchase} purchase
   * @param {boolean} valid
   */
  paper({ movieTitle, seats, totalAmount, purchasedAt, saleId, bookingCode }, valid) {
    return el(
      "article",
      { class: valid ? "ticket" : "ticket ticket-void" },
      el("h2", {}, movieTitle, !valid && el("strong", { class: "stamp" }, say("cancelled"))),
      el(
        "dl",
        {},
        this.session && fact("when", dayAndTime(this.session.startTime)),
        this.session && fact("roomLabel", this.session.roomNumber),
        fact("seats", list(seats)),
        totalAmount === 0 ? fact("price", say("freeOfCharge")) : fact("paid", money(totalAmount)),
        bookingCode && fact("code", bookingCode, "code"),
      ),
      valid && this.seatTickets.element,
      el(
        "p",
        { class: "ticket-foot" },
        el("span", {}, say("bought", dayAndTime(purchasedAt))),
        el("span", { class: "sale" }, `${say("sale")} ${saleId}`),
      ),
    );
  }

  /** @param {api.Purchase} purchase */
  money({ totalAmount, refundedAt }) {
    if (totalAmount === 0) return undefined;
    const back = refundedAt && dayAndTime(refundedAt);
    const words = this.validity === "returned" ? say("moneyBack", money(totalAmount), back) : undefined;
    return el("p", {}, words ?? say("moneyComing", money(totalAmount)));
  }

  /**
   * Fills the screen for a buyer at the door: dark on light, large, and the screen stays on where it can.
   * @param {api.Purchase} purchase
   */
  shown({ movieTitle, seats, bookingCode }) {
    return [
      el("h2", { id: "door-title" }, movieTitle),
      this.session && el("p", {}, `${dayAndTime(this.session.startTime)} · ${say("room", this.session.roomNumber)}`),
      ...(this.seatTickets.tickets.length
        ? this.seatTickets.tickets.map(doorTicket)
        : [el("p", { class: "door-seats" }, list(seats)), bookingCode && el("p", { class: "door-code" }, bookingCode)]),
      button("close-door", say("close"), () => this.door.close(), "primary", { autofocus: true }),
    ];
  }

  /** Says what each ticket is for. */
  facts() {
    const when = this.session && `${dayAndTime(this.session.startTime)} · ${say("room", this.session.roomNumber)}`;
    return [this.purchase?.movieTitle, when].filter(Boolean).join(" · ");
  }

  /** @param {api.Purchase} purchase */
  async saveCalendar({ calendarUrl = "", bookingCode }) {
    try {
      save(`${bookingCode}.ics`, "text/calendar", await api.calendar(calendarUrl));
    } catch (caught) {
      announce(refused(asFailure(caught)), { urgent: true });
    }
  }

  async show() {
    this.door.showModal();
    this.door.scrollTop = 0; // the focus is on the button below all tickets
    this.light = await navigator.wakeLock?.request("screen").catch(() => undefined); // not every browser may
  }

  dim() {
    this.light?.release();
    this.light = undefined;
  }
}

/**
 * @param {api.Purchase} purchase
 * @param {api.Session | undefined} session
 */
function stub(purchase, session) {
  const { saleId, movieTitle, seats, totalAmount, purchasedAt } = purchase;
  const validity = validityOf(purchase, session);
  const moneyWord = MONEY_WORDS[validity];
  return el(
    "li",
    {},
    el(
      "a",
      {
        class: validity === "valid" ? "card card-ticket" : "card card-ticket card-cancelled",
        href: `#/tickets/${encodeURIComponent(saleId)}`,
        "data-key": `ticket-${saleId}`,
      },
      el("span", { class: "movie" }, movieTitle),
      el("span", { class: "facts" }, facts(seats, session)),
      moneyWord
        ? el("span", { class: "facts mark-cancelled" }, say(totalAmount === 0 ? "cancelled" : moneyWord))
        : el("span", { class: "facts" }, say("bought", dayAndTime(purchasedAt))),
      el("span", { class: "price" }, price(totalAmount)),
    ),
    invoiceLink(purchase, "to-invoice"),
  );
}

/** @param {import("./seat_tickets.js").SeatTicket} ticket */
const doorTicket = (ticket) =>
  el(
    "div",
    { class: "door-ticket" },
    picture(ticket),
    el("p", { class: "door-seats" }, ticket.seat),
    el("p", { class: "door-code" }, ticket.code),
  );

/**
 * Saves a text as a file. A link to the API would not do: if sign-in is on, the browser would send no token.
 * @param {string} name
 * @param {string} type
 * @param {string} text
 */
function save(name, type, text) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), REVOKE_MS);
}

/** Leaves all as it is when nobody answers; a fault of this page stays loud.
 * @param {unknown} caught
 * @returns {{ purchase?: undefined, session?: undefined }}
 */
function tellFault(caught) {
  asFailure(caught);
  return {};
}

/**
 * @param {string[]} seats
 * @param {api.Session | undefined} session
 */
const facts = (seats, session) =>
  [session && dayAndTime(session.startTime), `${say("seats")}: ${list(seats)}`].filter(Boolean).join(" · ");

/**
 * Links to the invoice, in a tab of its own: see invoice.js. Without a connection nothing would be in it; a free ticket has none.
 * @param {api.Purchase} purchase
 * @param {string} kind
 */
function invoiceLink({ saleId, movieTitle, seats, invoiceUrl }, kind) {
  const stay = (event) => (event.preventDefault(), announce(say("offline"), { urgent: true }));
  return (
    invoiceUrl &&
    el(
      "a",
      {
        class: kind,
        href: `#/tickets/${encodeURIComponent(saleId)}/invoice`,
        ...(signIn.isOn ? {} : { target: "_blank", rel: "noopener" }), // another tab would have to sign in anew
        "aria-label": say("invoiceOf", movieTitle, list(seats)),
        onclick: (event) => navigator.onLine || stay(event),
      },
      say("invoice"),
    )
  );
}

/**
 * @param {"when" | "roomLabel" | "seats" | "price" | "paid" | "code"} word
 * @param {import("../shared/dom.js").Pieces} value
 * @param {string} [kind]
 */
const fact = (word, value, kind) => el("div", { class: kind }, el("dt", {}, say(word)), el("dd", {}, value));
const home = () => el("a", { class: "button", href: "#/" }, say("toProgramme"));
const allTickets = () => el("a", { class: "button quiet", href: "#/tickets" }, say("allTickets"));
