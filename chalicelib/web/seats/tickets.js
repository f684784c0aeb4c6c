/** What this browser has bought: all of it, and one ticket to show at the door. */

import * as api from "./api.js";
import { el, fill } from "./dom.js";
import { button } from "./panel.js";
import { empty } from "./programme.js";
import * as store from "./store.js";
import { dayAndTime, list, money, say } from "./words.js";

export async function tickets() {
  return new Tickets(await api.purchases(store.userId()));
}

export async function ticket({ id }) {
  const purchase = await find(id);
  const session = purchase && (await api.session(purchase.sessionId).catch(() => undefined));
  return new Ticket(purchase, session);
}

/** The purchase of that sale, however many were made since. */
async function find(saleId) {
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
    fill(this.element, this.purchases.length ? this.bought() : empty("noTickets", "noTicketsHint", home()));
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
    fill(this.element, this.purchase ? this.drawn() : empty("noSuchTicket", "notFoundHint", allTickets()));
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
        allTickets(),
      ),
    ];
  }
}

function stub({ saleId, movieTitle, seats, totalAmount, purchasedAt }) {
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
  );
}

const fact = (word, value) => el("div", {}, el("dt", {}, say(word)), el("dd", {}, value));
const home = () => el("a", { class: "button", href: "#/" }, say("toProgramme"));
const allTickets = () => el("a", { class: "button quiet", href: "#/tickets" }, say("allTickets"));
