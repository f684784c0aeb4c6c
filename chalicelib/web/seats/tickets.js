/** What this browser has bought: all of it, and one ticket to show at the door. */

import * as api from "./api.js";
import { announce, el, fill } from "./dom.js";
import { button, empty } from "./parts.js";
import * as store from "./store.js";
import { dayAndTime } from "./times.js";
import { list, money, say } from "./words.js";

export async function tickets() {
  return new Tickets(await api.purchases(store.userId()));
}

export async function ticket({ id }) {
  const purchase = await find(id);
  const session = purchase && (await api.session(purchase.sessionId).catch(() => undefined));
  return new Ticket(purchase, session);
}

/** The purchase of that sale, however many were made since. */
export async function find(saleId) {
  let cursor;
  do {
    const page = await api.purchases(store.userId(), cursor);
    const found = page.purchases.find((purchase) => purchase.saleId === saleId);
    if (found) return found;
    cursor = page.nextCursor;
  } while (cursor);
  return undefined;
}

class Tickets {
  constructor({ purchases, nextCursor }) {
    Object.assign(this, { purchases, nextCursor });
    this.element = el("div", { class: "tickets" });
  }

  get title() {
    return say("myTickets");
  }

  render() {
    fill(this.element, this.purchases.length ? this.bought() : empty("noTickets", say("noTicketsHint"), home()));
  }

  bought() {
    return [
      el("h1", { tabindex: "-1" }, say("myTickets")),
      el("p", { class: "lead" }, say("ticketsLead")),
      el("ul", { class: "cards" }, this.purchases.map(stub)),
      this.nextCursor && button("more", say("more"), () => this.more()),
    ];
  }

  async more() {
    const { purchases, nextCursor } = await api.purchases(store.userId(), this.nextCursor);
    this.purchases.push(...purchases);
    this.nextCursor = nextCursor;
    this.render();
  }
}

class Ticket {
  constructor(purchase, session) {
    Object.assign(this, { purchase, session });
    this.element = el("div", { class: "one-ticket" });
  }

  get title() {
    return this.purchase ? `${say("ticket")} · ${this.purchase.movieTitle}` : say("noSuchTicket");
  }

  render() {
    fill(this.element, this.purchase ? this.drawn() : empty("noSuchTicket", say("notFoundHint"), allTickets()));
  }

  drawn() {
    const { movieTitle, seats, totalAmount, purchasedAt, saleId } = this.purchase;
    return [
      el("h1", { tabindex: "-1" }, say("enjoy")),
      el(
        "article",
        { class: "ticket" },
        el("h2", {}, movieTitle),
        el(
          "dl",
          {},
          this.session && fact("when", dayAndTime(this.session.startTime)),
          this.session && fact("roomLabel", this.session.roomNumber),
          fact("seats", list(seats)),
          fact("paid", money(totalAmount)),
        ),
        el(
          "p",
          { class: "ticket-foot" },
          el("span", {}, say("bought", dayAndTime(purchasedAt))),
          el("span", { class: "sale" }, `${say("sale")} ${saleId}`),
        ),
      ),
      el(
        "p",
        { class: "actions" },
        button("print", say("print"), () => print(), "primary"),
        invoiceLink(this.purchase, "button"),
        allTickets(),
      ),
    ];
  }
}

function stub(purchase) {
  const { saleId, movieTitle, seats, totalAmount, purchasedAt } = purchase;
  return el(
    "li",
    {},
    el(
      "a",
      { class: "card card-ticket", href: `#/tickets/${encodeURIComponent(saleId)}` },
      el("span", { class: "movie" }, movieTitle),
      el("span", { class: "facts" }, `${say("seats")}: ${list(seats)}`),
      el("span", { class: "facts" }, say("bought", dayAndTime(purchasedAt))),
      el("span", { class: "price" }, money(totalAmount)),
    ),
    invoiceLink(purchase, "to-invoice"),
  );
}

/** To a tab of its own: see invoice.js. Without a connection there would be nothing in it. */
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

const fact = (word, value) => el("div", {}, el("dt", {}, say(word)), el("dd", {}, value));
const home = () => el("a", { class: "button", href: "#/" }, say("toProgramme"));
const allTickets = () => el("a", { class: "button quiet", href: "#/tickets" }, say("allTickets"));
