// @ts-check
/**
 * The booking of one buyer at one screening.
 *
 *   choosing ──hold──► asking ──201──► held ──pay──► paying ──200──► sold
 *      ▲                 │ no           │ 0:00, give back │ no
 *      └─────────────────┴──────────────┴─────────────────┘
 *
 * Choosing seats needs no server and happens at once. Everything else is decided by the server: the page shows a hold or a
 * ticket only after the server has confirmed it, and until then shows that it is waiting.
 *
 * Another tab of this browser may change the same hold. So the page keeps its current hold until the server has told its
 * state, even if the hold disappears from the store meanwhile.
 */

import * as clock from "../shared/clock.js";
import { asFailure, Failure } from "../shared/http.js";
import * as api from "./api.js";
import * as store from "./store.js";

const ASK_AGAIN_MS = 400;
const NEWS_OF_PAYMENT_MS = 2000;
const A_WHILE_MS = 15_000;
const PAID = new Set(["RESERVATION_ALREADY_CONFIRMED", "RESERVATION_ALREADY_PAID"]);
const CLOSED = new Set(["SESSION_CANCELLED", "SESSION_NOT_FOUND", "SALES_CLOSED"]);
const GONE = new Set(["RESERVATION_EXPIRED", "RESERVATION_CANCELLED", "RESERVATION_NOT_FOUND", ...CLOSED]);
const NO_GATEWAY = new Set(["PAYMENTS_UNAVAILABLE", "NOT_FOUND"]);
/** @type {Record<api.Seat["status"], Look>} */
const LOOKS = { available: "free", reserved: "held", sold: "sold" };
/** @type {Record<string, string>} */
const ENDINGS = { expired: "RESERVATION_EXPIRED", cancelled: "RESERVATION_CANCELLED" };

/**
 * @typedef {object} Notice a message to the buyer
 * @property {string} code
 * @property {Record<string, any>} [facts]
 * @property {string} [serverMessage]
 * @property {boolean} [reading]
 * @property {number} [retryAfterMs]
 * @property {boolean} [unsure] nobody knows whether it has worked
 * @property {boolean} [passing] it ends by itself
 * @property {boolean} [good]
 * @property {string[]} [seats] those that were lost with it
 * @property {string} [why] the code of what is waited out
 * @property {number} [until] when the next try is made, in milliseconds
 */

/**
 * @typedef {object} Listeners
 * @property {() => void} changed called after every change
 * @property {() => void} refresh asks for a new map
 * @property {(saleId: string | undefined) => void} sold called when the tickets are bought
 * @property {number} mostSeats how many one order may hold
 */

/** @typedef {"choosing" | "asking" | "held" | "paying" | "releasing"} Phase */
/** @typedef {"free" | "chosen" | "asking" | "mine" | "bought" | "held" | "sold"} Look */

export class Booking {
  /** @type {Phase} */
  phase = "choosing";
  /** @type {Set<string>} */
  chosen = new Set();
  /** @type {Map<string, api.Seat["status"]>} */
  statuses = new Map();
  /** @type {Set<string>} */
  bought = new Set();
  /** @type {Notice | undefined} */
  notice = undefined;
  /** @type {store.Hold | undefined} */
  current = undefined;
  /** @type {store.Hold[]} */
  others = [];
  /** @type {string | undefined} */
  closed = undefined;
  /** @type {AbortController | undefined} */
  waitingFor = undefined;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  looking = undefined;

  /**
   * @param {api.Session} session
   * @param {Listeners} listeners
   */
  constructor(session, { changed, refresh, sold, mostSeats }) {
    this.session = session;
    this.closed = session.status === "cancelled" ? "SESSION_CANCELLED" : undefined;
    this.changed = changed;
    this.refresh = refresh;
    this.sold = sold;
    this.mostSeats = mostSeats;
    this.readHolds();
    if (this.current) this.phase = phaseOf(this.current);
  }

  /** Gives all holds of this browser at this screening, the page's current hold first. */
  get holds() {
    return this.current ? [this.current, ...this.others] : this.others;
  }

  /**
   * Gives the look of a seat for this buyer; "held" means held by somebody else.
   * @param {string} seat
   * @returns {Look}
   */
  look(seat) {
    if (this.bought.has(seat)) return "bought";
    const holding = ({ seats }) => seats.includes(seat);
    const hold = this.current && holding(this.current) ? this.current : this.others.find(holding);
    if (hold) return hold.reservationId ? "mine" : "asking";
    if (this.chosen.has(seat)) return "chosen";
    const status = this.statuses.get(seat);
    return status === undefined ? "free" : LOOKS[status];
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
    let count = 0;
    for (const status of this.statuses.values()) if (status === wanted) count += 1;
    return count;
  }

  get chosenSeats() {
    return [...this.statuses.keys()].filter((seat) => this.chosen.has(seat));
  }

  get total() {
    return this.session.ticketPrice * this.chosen.size;
  }

  /**
   * Chooses a seat, or gives it up. If the seat can't be chosen, returns the name of the text that tells why.
   * @param {string} seat
   * @returns {"closed" | "holdFirst" | "notForSale" | "tooMany" | undefined}
   */
  toggle(seat) {
    if (this.closed) return "closed";
    if (this.phase !== "choosing") return "holdFirst";
    if (!["free", "chosen"].includes(this.look(seat))) return "notForSale";
    if (!this.chosen.has(seat) && this.chosen.size >= this.mostSeats) return "tooMany";
    if (!this.chosen.delete(seat)) this.chosen.add(seat);
    this.tell(undefined);
    return undefined;
  }

  /**
   * Takes a new map. Gives up chosen seats that somebody else has by now, and shows a notice about them.
   * @param {api.SeatMap} map
   */
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

  /**
   * Ends the booking if the map is refused for good, as for a cancelled screening. A running payment gets its own answer.
   * @param {Failure} failure
   */
  close(failure) {
    if (!CLOSED.has(failure.code)) return;
    this.closed = failure.code;
    this.chosen.clear();
    if (this.phase === "held" && this.current) this.ended(this.current, words(failure));
    else this.changed();
  }

  /**
   * Holds the chosen seats. The notice about seats that were lost just before stays until the others are held.
   * @param {string} email
   */
  async hold(email) {
    const lost = this.notice?.code === "TAKEN_MEANWHILE" ? this.notice : undefined;
    const hold = {
      key: store.uuid(),
      askedAt: Date.now(),
      userId: store.userId(),
      sessionId: this.session.sessionId,
      movieTitle: this.session.movieTitle,
      seats: this.chosenSeats,
      email: email || undefined,
    };
    store.saveHold(hold);
    this.current = hold;
    this.chosen.clear();
    await this.askFor(hold, lost);
  }

  /**
   * Sends the request for the hold, or sends it again: with the same key, it gets the same answer.
   * @param {store.Hold} hold
   * @param {Notice} [notice]
   */
  async askFor(hold, notice) {
    this.enter("asking", notice);
    try {
      const { reservationId, expiresAt, seats, totalAmount } = await api.hold(hold, this.waiting());
      const held = { ...hold, reservationId, expiresAt, seats, totalAmount };
      store.updateHold(held);
      this.current = held;
      this.enter("held", notice);
      this.lookAgainAt(expiresAt);
    } catch (caught) {
      const failure = asFailure(caught);
      if (failure.code === "GIVEN_UP") this.chooseOthers(hold);
      else if (mayHaveWorked(failure)) this.enter("asking", { ...words(failure), unsure: true });
      else this.holdRefused(hold, failure);
    }
    this.refresh();
  }

  /**
   * Gives up a hold whose request had no answer. If the request took effect, the hold lapses by itself.
   * @param {store.Hold | undefined} hold
   */
  chooseOthers(hold = this.current) {
    if (!hold) return;
    store.dropHold(hold);
    this.chosen = new Set(hold.seats);
    this.goOn();
  }

  /** Ends the waiting for the next try, because the buyer does not want to wait. */
  giveUp() {
    this.waitingFor?.abort(new Failure("GIVEN_UP", { mayPass: false }));
  }

  /**
   * Pays. Stores the payment before it sends a request, so that after a reload the page continues the same payment.
   *
   *   paying ──payment begun: its id is the transaction──► confirm ──200──► sold
   */
  async pay() {
    const current = /** @type {store.Held} */ (this.current);
    const hold = this.remember({ ...current, paying: current.paying ?? store.uuid() });
    this.enter("paying");
    try {
      const paid = await this.paidFor(hold);
      const sale = await this.confirmed(paid);
      this.soldTo(paid, sale.saleId);
    } catch (caught) {
      await this.payRefused(/** @type {store.Held} */ (this.current), asFailure(caught));
    }
  }

  /**
   * Starts the payment, and gives the hold with its transaction. Without a payment gateway, invents a transaction.
   * @param {store.Held & { paying?: string }} hold
   * @returns {Promise<store.Held>}
   */
  async paidFor(hold) {
    if (hold.transactionId || hold.totalAmount === 0) return hold;
    /** @type {{ provider: string, paymentId: string | undefined, madeUp?: boolean }} */
    const { provider, paymentId, madeUp } = await api.payment(hold, this.waiting()).catch((failure) => {
      if (NO_GATEWAY.has(failure.code)) return { provider: "simulated", paymentId: hold.paying, madeUp: true };
      throw failure;
    });
    if (provider !== "simulated") throw new Failure("CARD_FORM_MISSING", { mayPass: false });
    return this.remember({ ...hold, transactionId: paymentId, madeUp });
  }

  /**
   * Confirms the hold. The cinema may learn of the charge later than the page, so this asks again while the hold lasts. It does
   * not for an invented transaction, because no charge will follow.
   * @param {store.Held} hold
   */
  async confirmed(hold) {
    const waiting = this.waiting();
    for (;;) {
      try {
        return await api.confirm(hold, waiting);
      } catch (caught) {
        const failure = /** @type {Failure} */ (caught);
        if (failure.code !== "PAYMENT_NOT_RECEIVED" || isLongOver(hold)) throw failure;
        if (hold.madeUp) throw new Failure("PAYMENTS_UNAVAILABLE", { mayPass: false });
        this.tell({ code: "PAYMENT_NOT_RECEIVED", passing: true });
        await api.after(failure.retryAfterMs || NEWS_OF_PAYMENT_MS, waiting.signal);
      }
    }
  }

  async release() {
    const hold = /** @type {store.Held} */ (this.current);
    this.enter("releasing");
    try {
      await api.release(hold, this.waiting());
      this.ended(hold, { code: "released", good: true });
    } catch (caught) {
      const failure = asFailure(caught);
      if (GONE.has(failure.code)) this.ended(hold, words(failure));
      else if (PAID.has(failure.code) || failure.code === "GIVEN_UP") await this.check();
      else this.enter("held", words(failure));
    }
  }

  /** Asks the server for the state of the current hold: after a reload, at 0:00, or after a change in another tab. */
  async check() {
    const hold = this.current;
    if (!hold) return this.enter("choosing", this.notice);
    if (!hold.reservationId) return this.askFor(hold);
    if (hold.paying) return this.pay();
    this.enter("held", this.notice?.unsure || this.notice?.passing ? undefined : this.notice);
    try {
      const found = await api.reservation(hold.reservationId);
      const meanwhile = this.phase !== "held" || this.current?.key !== hold.key; // the buyer has done something else meanwhile
      return meanwhile ? undefined : await this.standsAt(hold, found);
    } catch (caught) {
      const failure = asFailure(caught);
      if (GONE.has(failure.code)) return this.ended(hold, words(failure));
      return this.enter("held", { ...words(failure), unsure: true });
    }
  }

  /**
   * @param {store.Hold} hold
   * @param {Awaited<ReturnType<typeof api.reservation>>} found
   */
  async standsAt(hold, { status, saleId, expiresAt }) {
    if (status === "confirmed") return this.soldTo(hold, saleId);
    if (status !== "pending") return this.ended(hold, { code: ENDINGS[status] ?? "RESERVATION_NOT_FOUND", facts: {} });
    this.lookAgainAt(expiresAt);
    return undefined;
  }

  /** @param {string} expiresAt */
  lookAgainAt(expiresAt) {
    clearTimeout(this.looking);
    this.looking = setTimeout(() => this.phase === "held" && this.check(), clock.left(expiresAt) + ASK_AGAIN_MS);
  }

  /** Chooses again the seats of the lapsed hold, as far as they are free. */
  chooseAgain() {
    const seats = this.notice?.seats ?? [];
    this.chosen = new Set(seats.filter((seat) => this.statuses.get(seat) === "available"));
    this.tell(undefined);
  }

  /** Reads the stored holds. The oldest becomes the page's current hold. */
  readHolds() {
    [this.current, ...this.others] = store.holds(this.session.sessionId);
  }

  /** Asks about the current hold when another tab has held, paid for or given back something. */
  changedElsewhere() {
    if (["asking", "paying", "releasing"].includes(this.phase)) return;
    const [known] = store.holds(this.session.sessionId).filter(({ key }) => key === this.current?.key);
    if (known) this.current = known;
    else if (!this.current) this.readHolds();
    if (this.current) this.check();
  }

  /** @param {Notice | undefined} notice */
  tell(notice) {
    this.notice = notice;
    this.changed();
  }

  /**
   * @param {Phase} phase
   * @param {Notice} [notice]
   */
  enter(phase, notice) {
    this.phase = phase;
    this.tell(notice);
  }

  /**
   * Continues with the next hold of this screening or, if there is none, with choosing seats.
   * @param {Notice} [notice]
   */
  goOn(notice) {
    this.readHolds();
    this.enter(this.current ? phaseOf(this.current) : "choosing", notice);
  }

  /**
   * Remembers the hold in this page and, unless another tab has ended it meanwhile, for a reload.
   * @template {store.Hold} AnyHold
   * @param {AnyHold} hold
   */
  remember(hold) {
    store.updateHold(hold);
    this.current = hold;
    return hold;
  }

  /** Gives a function that waits. It shows each pause to the buyer, who can end it. */
  waiting() {
    this.waitingFor = new AbortController();
    /** @type {NonNullable<api.Waiting["paused"]>} */
    const paused = ({ code }, pause) => {
      const until = Date.now() + pause;
      this.tell(navigator.onLine ? { code: "waiting", why: code, until, passing: true } : OFFLINE);
    };
    return { paused, signal: this.waitingFor.signal };
  }

  /**
   * @param {store.Hold} hold
   * @param {Failure} refusal
   */
  holdRefused(hold, refusal) {
    const { conflictingSeats = [], unknownSeats = [], limit } = refusal.facts;
    store.dropHold(hold);
    const lost = new Set([conflictingSeats, unknownSeats].flat());
    this.chosen = new Set(hold.seats.filter((seat) => !lost.has(seat)));
    for (const seat of lost) if (this.statuses.get(seat) === "available") this.statuses.set(seat, "reserved");
    if (refusal.code === "TOO_MANY_SEATS" && limit > 0) this.mostSeats = limit;
    if (CLOSED.has(refusal.code)) this.closed = refusal.code;
    this.goOn(words(refusal));
  }

  /**
   * @param {store.Held} hold
   * @param {Failure} failure
   */
  async payRefused(hold, failure) {
    if (mayHaveWorked(failure)) return this.enter("paying", { ...words(failure), unsure: true });
    if (GONE.has(failure.code)) return this.ended(hold, words(failure));
    if (failure.code === "GIVEN_UP") return this.payLater(hold);
    if (failure.code === "PAYMENT_NOT_RECEIVED") return this.payLater(hold, words(failure));
    this.remember({ ...hold, paying: undefined, transactionId: undefined, madeUp: undefined }); // refused: the next attempt is another payment
    this.notice = words(failure);
    return PAID.has(failure.code) ? this.check() : this.enter("held", this.notice);
  }

  /**
   * Stops waiting for the payment. The next attempt continues the same payment.
   * @param {store.Held} hold
   * @param {Notice} [notice]
   */
  payLater(hold, notice) {
    this.remember({ ...hold, paying: undefined });
    this.notice = notice;
    return this.check();
  }

  /**
   * @param {store.Hold} hold
   * @param {Notice} notice
   */
  ended(hold, notice) {
    store.dropHold(hold);
    if (CLOSED.has(notice.code)) this.closed = notice.code;
    const tooLate = notice.code === "RESERVATION_EXPIRED" && hold.transactionId;
    this.goOn({ ...notice, code: tooLate ? "LATE_PAYMENT" : notice.code, seats: notice.good ? [] : hold.seats });
    this.refresh();
  }

  /**
   * @param {store.Hold} hold
   * @param {string | undefined} saleId
   */
  soldTo(hold, saleId) {
    store.dropHold(hold);
    for (const seat of hold.seats) this.bought.add(seat);
    this.goOn();
    this.sold(saleId);
  }
}

/** @param {store.Held} hold */
const isLongOver = ({ expiresAt }) => clock.now() - Date.parse(expiresAt) > A_WHILE_MS;

const OFFLINE = { code: "waitingOffline", passing: true };

/**
 * Tells what the page was doing about a hold, from what is remembered of it.
 * @param {store.Hold} hold
 * @returns {Phase}
 */
function phaseOf(hold) {
  if (!hold.reservationId) return "asking";
  return hold.paying ? "paying" : "held";
}

/** @param {Failure} failure */
const words = ({ code, facts, serverMessage, reading, retryAfterMs }) => ({
  code,
  facts,
  serverMessage,
  reading,
  retryAfterMs,
});

/**
 * Tells whether the request may have taken effect, by its answer or the lack of one. With too many requests (429), it has not.
 * @param {Failure} failure
 */
const mayHaveWorked = (failure) => failure.mayPass && failure.status !== 429 && failure.code !== "GIVEN_UP";
