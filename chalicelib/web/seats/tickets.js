/** What this browser has bought: all of it, and one ticket to show at the door. Both stay true while they are looked at. */

import * as api from "./api.js";
import { announce, el, fill, whileSeen } from "./dom.js";
import { button, empty, Pages } from "./parts.js";
import * as store from "./store.js";
import { dayAndTime } from "./times.js";
import { list, money, price, say } from "./words.js";

const LOOK_AGAIN_MS = 15_000;
const MOST_SCREENINGS = 12; // of the latest purchases: each is one more request

const bought = (cursor) => api.purchases(store.userId(), cursor);

export async function tickets() {
  const first = await bought();
  return new Tickets(first, await screeningsOf(first.purchases));
}

export async function ticket({ id }) {
  return new Ticket(id, ...(await purchaseAndScreening(id)));
}

/** The purchase of that sale, however many were made since. */
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

async function purchaseAndScreening(saleId) {
  const purchase = await find(saleId);
  return [purchase, purchase && (await screening(purchase.sessionId))];
}

/** A ticket without its screening is still one, only less friendly. */
const screening = (id) => api.session(id).catch((caught) => void api.asFailure(caught));

async function screeningsOf(purchases) {
  const ids = [...new Set(purchases.map(({ sessionId }) => sessionId))].slice(0, MOST_SCREENINGS);
  return new Map(await Promise.all(ids.map(async (id) => [id, await screening(id)])));
}

/** Whether the ticket counts, and if it doesn't, where its money is: "valid", "returning", "returned". */
function standing({ status, refundedAt }, session) {
  if (status === "refunded" || refundedAt) return "returned";
  return status === "refundRequested" || session?.status === "cancelled" ? "returning" : "valid";
}

class Tickets {
  leaving = new AbortController();

  constructor(first, screenings) {
    this.pages = new Pages("purchases", bought, first);
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
      el("p", { class: "lead" }, say("ticketsLead")),
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

  constructor(saleId, purchase, session) {
    Object.assign(this, { saleId, purchase, session });
    this.element = el("div", { class: "one-ticket" });
    this.door = el("dialog", { class: "door", "aria-labelledby": "door-title" });
    this.door.addEventListener("close", () => this.dim());
  }

  get title() {
    return this.purchase ? `${say("ticket")} · ${this.purchase.movieTitle}` : say("noSuchTicket");
  }

  get standing() {
    return standing(this.purchase, this.session);
  }

  entered() {
    if (this.purchase) whileSeen(LOOK_AGAIN_MS, () => this.lookAgain(), this.leaving.signal);
  }

  leave() {
    this.leaving.abort();
    this.dim();
  }

  async lookAgain() {
    const [purchase, session] = await purchaseAndScreening(this.saleId).catch((caught) => [void api.asFailure(caught)]);
    if (!purchase || this.leaving.signal.aborted) return;
    const before = this.standing;
    Object.assign(this, { purchase, session: session ?? this.session });
    if (this.standing === before) return;
    this.door.close();
    this.render();
    announce(say("screeningCancelled"), { urgent: true });
  }

  render() {
    fill(
      this.element,
      ...(this.purchase ? this.drawn() : [empty("noSuchTicket", say("notFoundHint"), allTickets())]),
      this.door,
    );
    if (this.purchase) fill(this.door, ...this.shown());
  }

  drawn() {
    const valid = this.standing === "valid";
    return [
      el("h1", { tabindex: "-1" }, say(valid ? "enjoy" : "screeningCancelled")),
      !valid && el("div", { class: "notice whats-wrong" }, el("p", {}, say("cancelledHint")), this.money()),
      this.paper(valid),
      el(
        "p",
        { class: "actions" },
        valid && button("show", say("show"), () => this.show(), "primary"),
        valid && button("print", say("print"), () => print(), "print"),
        invoiceLink(this.purchase, "button"),
        allTickets(),
      ),
    ];
  }

  paper(valid) {
    const { movieTitle, seats, totalAmount, purchasedAt, saleId, bookingCode } = this.purchase;
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
      el(
        "p",
        { class: "ticket-foot" },
        el("span", {}, say("bought", dayAndTime(purchasedAt))),
        el("span", { class: "sale" }, `${say("sale")} ${saleId}`),
      ),
    );
  }

  money() {
    const { totalAmount, refundedAt } = this.purchase;
    if (totalAmount === 0) return undefined;
    const back = refundedAt && dayAndTime(refundedAt);
    const words = this.standing === "returned" ? say("moneyBack", money(totalAmount), back) : undefined;
    return el("p", {}, words ?? say("moneyComing", money(totalAmount)));
  }

  /** All of the screen for who stands at the door: dark on light, large, and the screen stays on where it can. */
  shown() {
    const { movieTitle, seats, bookingCode } = this.purchase;
    return [
      el("h2", { id: "door-title" }, movieTitle),
      this.session &&
        el("p", {}, `${dayAndTime(this.session.startTime)} · ${say("room", this.session.roomNumber)}`),
      el("p", { class: "door-seats" }, list(seats)),
      bookingCode && el("p", { class: "door-code" }, bookingCode),
      button("close-door", say("close"), () => this.door.close(), "primary", { autofocus: true }),
    ];
  }

  async show() {
    this.door.showModal();
    this.light = await navigator.wakeLock?.request("screen").catch(() => undefined); // not every browser may
  }

  dim() {
    this.light?.release();
    this.light = undefined;
  }
}

function stub(purchase, session) {
  const { saleId, movieTitle, seats, totalAmount, purchasedAt } = purchase;
  const stands = standing(purchase, session);
  const moneyWord = { returning: "moneyComingShort", returned: "moneyBackShort" }[stands];
  return el(
    "li",
    {},
    el(
      "a",
      {
        class: stands === "valid" ? "card card-ticket" : "card card-ticket card-cancelled",
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

const facts = (seats, session) =>
  [session && dayAndTime(session.startTime), `${say("seats")}: ${list(seats)}`].filter(Boolean).join(" · ");

/** To a tab of its own: see invoice.js. Without a connection there would be nothing in it; what is free has none. */
function invoiceLink({ saleId, movieTitle, seats, invoiceUrl }, kind) {
  const stay = (event) => (event.preventDefault(), announce(say("offline"), { urgent: true }));
  return (
    invoiceUrl &&
    el(
      "a",
      {
        class: kind,
        href: `#/tickets/${encodeURIComponent(saleId)}/invoice`,
        target: "_blank",
        rel: "noopener",
        "aria-label": say("invoiceOf", movieTitle, list(seats)),
        onclick: (event) => navigator.onLine || stay(event),
      },
      say("invoice"),
    )
  );
}

const fact = (word, value, kind) => el("div", { class: kind }, el("dt", {}, say(word)), el("dd", {}, value));
const home = () => el("a", { class: "button", href: "#/" }, say("toProgramme"));
const allTickets = () => el("a", { class: "button quiet", href: "#/tickets" }, say("allTickets"));
