// @ts-check
/**
 * The signed tickets of one sale: for each seat a code for cameras, and one that people can read out.
 *
 *   asking ──404, being signed──► waiting ──asked again──► … ──200──► here ──one given away──► waiting, the others stay
 *      └──► failed, late: a button asks again                          └──410──► void
 */

import { announce, el, fill } from "../shared/dom.js";
import { asFailure } from "../shared/http.js";
import { button } from "../shared/parts.js";
import * as api from "./api.js";
import { dayAndTime } from "./times.js";
import { refused, say } from "./words.js";

const PAUSE_MS = 2000;
const MOST_TRIES = 15; // half a minute, as the server asks for two seconds between them

/** @typedef {Awaited<ReturnType<typeof api.tickets>>["tickets"][number]} SeatTicket */
/** @typedef {"asking" | "waiting" | "here" | "late" | "void" | "failed"} State */

export class SeatTickets {
  left = false;
  /** @type {State} */
  state = "asking";
  /** @type {SeatTicket[]} */
  tickets = [];
  /** @type {import("../shared/http.js").Failure | undefined} */
  failure = undefined;
  /** @type {string | undefined} the code of the ticket that may be given away, once the buyer says that they mean it */
  leaving = undefined;
  /** @type {string | undefined} the code of one that was, until the new one is here */
  gone = undefined;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;

  /**
   * @param {string} url
   * @param {() => string} facts says what the tickets are for: on paper, each may be cut out
   * @param {() => void} changed called after each change of what is to be seen
   */
  constructor(url, facts, changed) {
    this.url = url;
    this.facts = facts;
    this.changed = changed;
    this.element = el("section", { class: "seat-tickets" });
  }

  stop() {
    this.left = true;
    clearTimeout(this.timer);
  }

  /** Asks for the tickets until they are here, for half a minute. */
  async ask(tries = 1) {
    clearTimeout(this.timer);
    try {
      const { tickets } = await api.tickets(this.url);
      if (!this.left) this.take(tickets);
    } catch (caught) {
      const failure = asFailure(caught);
      if (!this.left) this.refuse(failure, tries);
    }
  }

  /** Loads the tickets again, in case they have changed. Without an answer, keeps them. */
  async lookAgain() {
    if (this.state === "here" || this.state === "late") await this.ask(MOST_TRIES);
  }

  /** @param {SeatTicket[]} tickets */
  take(tickets) {
    const [before, now] = [this.tickets, tickets].map((each) => JSON.stringify(each));
    const isNew = this.state !== "here";
    this.tickets = tickets;
    this.gone = undefined;
    if (isNew || before !== now) this.enter("here", say(isNew ? "ticketsHere" : "ticketsChanged"));
  }

  /**
   * @param {import("../shared/http.js").Failure} failure
   * @param {number} tries
   */
  refuse(failure, tries) {
    if (failure.code === "TICKET_VOID" || failure.code === "SESSION_CANCELLED") {
      this.tickets = [];
      this.enter("void", say("ticketsVoid"));
    } else if (failure.code === "TICKETS_NOT_READY" && tries < MOST_TRIES) {
      this.timer = setTimeout(() => this.ask(tries + 1), failure.retryAfterMs || PAUSE_MS);
      if (this.state !== "waiting") this.enter("waiting", say("ticketsWaiting"));
    } else if (failure.code === "TICKETS_NOT_READY") {
      this.beginAgainOrEnd();
    } else if (!this.tickets.length) {
      this.enter("failed", refused(failure), failure);
    }
  }

  /** Waits for tickets that somebody is giving away on another device; ends the wait where half a minute is over. */
  beginAgainOrEnd() {
    if (this.state === "here") this.ask();
    else if (this.state !== "late") this.enter("late", say("ticketsLate"));
  }

  /**
   * @param {State} state
   * @param {string} words what is said of it to who listens
   * @param {import("../shared/http.js").Failure} [failure]
   */
  enter(state, words, failure) {
    this.state = state;
    this.failure = failure;
    announce(words);
    this.changed();
  }

  /** @param {SeatTicket} ticket */
  async give({ code }) {
    this.leaving = undefined;
    this.gone = code;
    this.changed();
    try {
      await api.transfer(code);
      if (!this.left) await this.ask();
    } catch (caught) {
      const failure = asFailure(caught);
      if (this.left) return;
      this.gone = undefined;
      announce(refused(failure), { urgent: true });
      this.changed();
      await this.lookAgain();
    }
  }

  render() {
    this.element.setAttribute("aria-label", say("seatTickets"));
    fill(
      this.element,
      this.sentence(),
      this.tickets.length > 0 &&
        el(
          "ul",
          {},
          this.tickets.map((ticket) => this.drawn(ticket)),
        ),
    );
  }

  sentence() {
    const again = () => button("tickets-again", say("tryAgain"), () => this.askAgain());
    switch (this.state) {
      case "asking":
      case "waiting":
        return !this.gone && el("p", { class: "busy" }, say("ticketsWaiting"));
      case "late":
        return [el("p", {}, say("ticketsLate")), again()];
      case "void":
        return el("p", {}, say("ticketsVoid"));
      case "failed":
        return [el("p", {}, this.failure && refused(this.failure)), again()];
      default:
        return undefined;
    }
  }

  askAgain() {
    this.state = "asking";
    this.changed();
    this.ask();
  }

  /** @param {SeatTicket} ticket */
  drawn(ticket) {
    const isGone = ticket.code === this.gone;
    return el(
      "li",
      { class: isGone ? "seat-ticket seat-ticket-gone" : "seat-ticket", "data-seat": ticket.seat },
      !isGone && picture(ticket),
      el(
        "div",
        {},
        el("h3", {}, say("seatNamed", ticket.seat)),
        el("p", { class: "printed-only" }, this.facts()),
        isGone ? el("p", { class: "busy" }, say("ticketReplaced")) : this.rest(ticket),
      ),
    );
  }

  /** @param {SeatTicket} ticket */
  rest(ticket) {
    const { code, version, admittedAt } = ticket;
    return [
      el("p", { class: "ticket-code" }, code),
      version > 1 && el("p", { class: "hint" }, say("ticketRenewed")),
      admittedAt ? el("p", { class: "hint" }, say("ticketUsed", dayAndTime(admittedAt))) : this.way(ticket),
    ];
  }

  /** @param {SeatTicket} ticket */
  way(ticket) {
    const { code, seat } = ticket;
    const set = (value) => ((this.leaving = value), this.changed());
    if (this.leaving !== code) {
      const label = { "aria-label": say("giveAwaySeat", seat) };
      return button(`give-${seat}`, say("giveAway"), () => set(code), "quiet give", label);
    }
    return el(
      "div",
      { class: "give", role: "group", "aria-label": say("giveAwaySeat", seat) },
      el("p", {}, say("giveAwayHint")),
      button(`give-${seat}`, say("giveAwayNow"), () => this.give(ticket), "primary"),
      button(`keep-${seat}`, say("keep"), () => set(undefined), "quiet"),
    );
  }
}

/**
 * Draws the QR code. It is loaded as an image, so that no script in the SVG can run.
 * @param {SeatTicket} ticket
 */
export const picture = ({ qr, seat }) =>
  el("img", { class: "qr", alt: say("qrOf", seat), src: `data:image/svg+xml,${encodeURIComponent(qr)}` });
