/**
 * One buyer in front of one screening.
 *
 *   choosing ──hold──► asking ──201──► held ──pay──► paying ──200──► sold
 *      ▲                 │ no           │ 0:00, give back │ no
 *      └─────────────────┴──────────────┴─────────────────┘
 *
 * Choosing is this browser's own affair and happens at once. Everything else is the server's: a seat is shown as held
 * when the server has said so, a ticket when it has said so, and until then the page says that it is asking.
 */

import * as api from "./api.js";
import * as clock from "./clock.js";
import * as store from "./store.js";

const MOST_SEATS = 8; // a hint, until the server tells its own limit
const ASK_AGAIN_MS = 400;
const PAID = new Set(["RESERVATION_ALREADY_CONFIRMED", "RESERVATION_ALREADY_PAID"]);
const GONE = new Set(["RESERVATION_EXPIRED", "RESERVATION_CANCELLED", "RESERVATION_NOT_FOUND", "SESSION_CANCELLED"]);

export class Booking {
  /** `changed()` after every change; `refresh()` asks for a new map; `sold(saleId)` when the tickets are bought. */
  constructor(session, { changed, refresh, sold }) {
    this.session = session;
    this.phase = "choosing";
    this.chosen = new Set();
    this.statuses = new Map();
    this.bought = new Set();
    this.notice = undefined;
    this.mostSeats = MOST_SEATS;
    this.over = false;
    Object.assign(this, { changed, refresh, sold });
    this.readHolds();
    if (this.current) this.phase = phaseOf(this.current);
  }

  /** How a seat looks to this buyer: free, chosen, asking, mine, bought, held (by someone else) or sold. */
  look(seat) {
    if (this.bought.has(seat)) return "bought";
    const hold = this.holds.find(({ seats }) => seats.includes(seat));
    if (hold) return hold.reservationId ? "mine" : "asking";
    if (this.chosen.has(seat)) return "chosen";
    return { available: "free", reserved: "held", sold: "sold" }[this.statuses.get(seat)] ?? "free";
  }

  get known() {
    return this.statuses.size > 0;
  }

  get free() {
    return this.count("available");
  }

  get soldOut() {
    return this.known && this.count("sold") === this.statuses.size;
  }

  count(wanted) {
    return [...this.statuses.values()].filter((status) => status === wanted).length;
  }

  /** The hold that the page is about: the oldest of this screening. */
  get current() {
    return this.holds[0];
  }

  get chosenSeats() {
    return [...this.statuses.keys()].filter((seat) => this.chosen.has(seat));
  }

  get total() {
    return this.session.ticketPrice * this.chosen.size;
  }

  /** False when the seat is not to be had. */
  toggle(seat) {
    if (this.phase !== "choosing" || !["free", "chosen"].includes(this.look(seat))) return false;
    if (!this.chosen.delete(seat)) this.chosen.add(seat);
    this.tell(undefined);
    return true;
  }

  /** A new map. What was chosen and is somebody else's by now is given up, and said. */
  arrived({ seats }) {
    this.statuses = new Map(seats.map(({ number, status }) => [number, status]));
    const lost =
      this.phase === "choosing" ? this.chosenSeats.filter((seat) => this.statuses.get(seat) !== "available") : [];
    lost.forEach((seat) => this.chosen.delete(seat));
    if (lost.length && this.notice?.code !== "SEAT_ALREADY_RESERVED") {
      this.notice = { code: "TAKEN_MEANWHILE", facts: { seats: lost } };
    }
    this.changed();
  }

  async hold(email) {
    const seats = this.chosenSeats;
    const hold = {
      key: store.uuid(),
      askedAt: Date.now(),
      userId: store.userId(),
      sessionId: this.session.sessionId,
      movieTitle: this.session.movieTitle,
      seats,
      email: email || undefined,
    };
    store.saveHold(hold);
    this.readHolds();
    this.chosen.clear();
    await this.askFor(hold);
  }

  /** Asks for the hold, or asks again: the key is the same, so the answer is, too. */
  async askFor(hold) {
    this.enter("asking");
    try {
      const answer = await api.hold(hold, this.waiting);
      store.updateHold({ ...hold, ...answer });
      this.readHolds();
      this.enter(this.current ? "held" : "choosing");
    } catch (failure) {
      if (mayHaveWorked(failure)) this.enter("asking", { ...words(failure), unsure: true });
      else this.holdRefused(hold, failure);
    }
    this.refresh();
  }

  /** The buyer gives up on a hold that nobody has answered. If it did work, it lapses by itself. */
  forget() {
    store.dropHold(this.current);
    this.readHolds();
    this.enter("choosing");
  }

  async pay() {
    const hold = { ...this.current, transactionId: this.current.transactionId ?? store.uuid() };
    store.saveHold(hold);
    this.readHolds();
    this.enter("paying");
    try {
      const sale = await api.confirm(hold, this.waiting);
      this.soldTo(hold, sale.saleId);
    } catch (failure) {
      await this.payRefused(hold, failure);
    }
  }

  async release() {
    const hold = this.current;
    this.enter("releasing");
    try {
      await api.release(hold, this.waiting);
      this.ended(hold, { code: "released", good: true });
    } catch (failure) {
      if (GONE.has(failure.code)) this.ended(hold, words(failure));
      else if (PAID.has(failure.code)) await this.check();
      else this.enter("held", words(failure));
    }
  }

  /** Where the current hold stands, by the server's word: after a reload, at 0:00, when another tab did something. */
  async check() {
    const hold = this.current;
    if (!hold) return this.enter("choosing", this.notice);
    if (!hold.reservationId) return this.askFor(hold);
    if (hold.transactionId) return this.pay();
    this.enter("held");
    try {
      const found = await api.reservation(hold.reservationId);
      const meanwhile = this.phase !== "held" || this.current?.key !== hold.key; // the buyer has gone on
      return meanwhile ? undefined : await this.standsAt(hold, found);
    } catch (failure) {
      if (GONE.has(failure.code)) return this.ended(hold, words(failure));
      return this.enter("held", { ...words(failure), unsure: true });
    }
  }

  async standsAt(hold, { status, saleId, expiresAt }) {
    if (status === "confirmed") return this.soldTo(hold, saleId);
    if (status !== "pending") return this.ended(hold, { code: `RESERVATION_${status.toUpperCase()}`, facts: {} });
    setTimeout(() => this.phase === "held" && this.check(), clock.left(expiresAt) + ASK_AGAIN_MS);
    return undefined;
  }

  /** The seats of the hold that ran out, chosen anew as far as they are free. */
  chooseAgain() {
    const seats = this.notice?.seats ?? [];
    this.chosen = new Set(seats.filter((seat) => this.statuses.get(seat) === "available"));
    this.tell(undefined);
  }

  /** Another tab may have held, paid for or given back something. */
  readHolds() {
    this.holds = store.holds(this.session.sessionId);
  }

  tell(notice) {
    this.notice = notice;
    this.changed();
  }

  enter(phase, notice) {
    this.phase = phase;
    this.tell(notice);
  }

  waiting = (failure, pause) => {
    const offline = !navigator.onLine;
    this.tell({ code: offline ? "waitingOffline" : "waiting", seconds: Math.ceil(pause / 1000), passing: true });
  };

  holdRefused(hold, refusal) {
    store.dropHold(hold);
    this.readHolds();
    const lost = new Set([...(refusal.facts.conflictingSeats ?? []), ...(refusal.facts.unknownSeats ?? [])]);
    this.chosen = new Set(hold.seats.filter((seat) => !lost.has(seat)));
    for (const seat of refusal.facts.conflictingSeats ?? []) this.statuses.set(seat, "reserved");
    if (refusal.code === "TOO_MANY_SEATS") this.mostSeats = refusal.facts.limit;
    if (refusal.code === "SESSION_CANCELLED" || refusal.code === "SESSION_NOT_FOUND") this.over = true;
    this.enter("choosing", words(refusal));
  }

  async payRefused(hold, failure) {
    if (mayHaveWorked(failure)) return this.enter("paying", { ...words(failure), unsure: true });
    if (failure.code === "RESERVATION_EXPIRED") return this.ended(hold, { code: "LATE_PAYMENT", facts: {} });
    if (GONE.has(failure.code)) return this.ended(hold, words(failure));
    store.updateHold({ ...hold, transactionId: undefined }); // a clear no: the next try is another payment
    this.readHolds();
    if (PAID.has(failure.code)) return this.check();
    return this.enter("held", words(failure));
  }

  ended(hold, notice) {
    store.dropHold(hold);
    this.readHolds();
    if (notice.code === "SESSION_CANCELLED") this.over = true;
    this.enter(this.current ? phaseOf(this.current) : "choosing", { ...notice, seats: notice.good ? [] : hold.seats });
    this.refresh();
  }

  soldTo(hold, saleId) {
    store.dropHold(hold);
    this.readHolds();
    for (const seat of hold.seats) this.bought.add(seat);
    this.enter("choosing");
    this.sold(saleId);
  }
}

/** What the page was doing about a hold, from what is remembered of it. */
function phaseOf(hold) {
  if (!hold.reservationId) return "asking";
  return hold.transactionId ? "paying" : "held";
}

const words = (failure) => ({ code: failure.code, facts: failure.facts ?? {}, message: failure.message });

/** No answer, or one that leaves open whether the request took effect. Too many requests (429) is a clear no. */
const mayHaveWorked = (failure) => failure.mayPass && failure.status !== 429;
