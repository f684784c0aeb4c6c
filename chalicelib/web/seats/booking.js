/**
 * One buyer in front of one screening.
 *
 *   choosing ──hold──► asking ──201──► held ──pay──► paying ──200──► sold
 *      ▲                 │ no           │ 0:00, give back │ no
 *      └─────────────────┴──────────────┴─────────────────┘
 *
 * Choosing is this browser's own affair and happens at once. Everything else is the server's: a seat is shown as held
 * when the server has said so, a ticket when it has said so, and until then the page says that it is asking.
 *
 * Another tab of this browser may act on the same hold. So the hold that the page is about stays with the page until the
 * server has said what became of it, whatever the store says meanwhile.
 */

import * as api from "./api.js";
import * as clock from "./clock.js";
import * as store from "./store.js";

const ASK_AGAIN_MS = 400;
const NEWS_OF_PAYMENT_MS = 2000;
const A_WHILE_MS = 15_000;
const PAID = new Set(["RESERVATION_ALREADY_CONFIRMED", "RESERVATION_ALREADY_PAID"]);
const CLOSED = new Set(["SESSION_CANCELLED", "SESSION_NOT_FOUND", "SALES_CLOSED"]);
const GONE = new Set(["RESERVATION_EXPIRED", "RESERVATION_CANCELLED", "RESERVATION_NOT_FOUND", ...CLOSED]);
const NO_GATEWAY = new Set(["PAYMENTS_UNAVAILABLE", "NOT_FOUND"]);
const ENDINGS = { expired: "RESERVATION_EXPIRED", cancelled: "RESERVATION_CANCELLED" };

export class Booking {
  /** `changed()` after every change; `refresh()` asks for a new map; `sold(saleId)` when the tickets are bought. */
  constructor(session, { changed, refresh, sold, mostSeats }) {
    this.session = session;
    this.phase = "choosing";
    this.chosen = new Set();
    this.statuses = new Map();
    this.bought = new Set();
    this.notice = undefined;
    this.closed = session.status === "cancelled" ? "SESSION_CANCELLED" : undefined;
    Object.assign(this, { changed, refresh, sold, mostSeats });
    this.readHolds();
    if (this.current) this.phase = phaseOf(this.current);
  }

  /** All that this browser holds here, the one that the page is about first. */
  get holds() {
    return this.current ? [this.current, ...this.others] : this.others;
  }

  /** How a seat looks to this buyer: free, chosen, asking, mine, bought, held (by someone else) or sold. */
  look(seat) {
    if (this.bought.has(seat)) return "bought";
    const holding = ({ seats }) => seats.includes(seat);
    const hold = this.current && holding(this.current) ? this.current : this.others.find(holding);
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

  /** Why the seat was not chosen, as the name of the words for it; undefined when it was, or was given up. */
  toggle(seat) {
    if (this.closed) return "closed";
    if (this.phase !== "choosing") return "holdFirst";
    if (!["free", "chosen"].includes(this.look(seat))) return "notForSale";
    if (!this.chosen.has(seat) && this.chosen.size >= this.mostSeats) return "tooMany";
    if (!this.chosen.delete(seat)) this.chosen.add(seat);
    this.tell(undefined);
    return undefined;
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

  /** The map was refused for good: nothing is sold here any more. A payment under way gets its own answer. */
  close(failure) {
    if (!CLOSED.has(failure.code)) return;
    this.closed = failure.code;
    this.chosen.clear();
    if (this.phase === "held") this.ended(this.current, words(failure));
    else this.changed();
  }

  /** What was lost the moment before is still said when the others are held. */
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

  /** Asks for the hold, or asks again: the key is the same, so the answer is, too. */
  async askFor(hold, notice) {
    this.enter("asking", notice);
    try {
      const { reservationId, expiresAt, seats, totalAmount } = await api.hold(hold, this.patience());
      const held = { ...hold, reservationId, expiresAt, seats, totalAmount };
      store.updateHold(held);
      this.current = held;
      this.enter("held", notice);
      this.lookAgainAt(expiresAt);
    } catch (caught) {
      const failure = api.asFailure(caught);
      if (failure.code === "GIVEN_UP") this.chooseOthers(hold);
      else if (mayHaveWorked(failure)) this.enter("asking", { ...words(failure), unsure: true });
      else this.holdRefused(hold, failure);
    }
    this.refresh();
  }

  /** The buyer gives up on a hold that nobody has answered. If it did work, it lapses by itself. */
  chooseOthers(hold = this.current) {
    store.dropHold(hold);
    this.chosen = new Set(hold.seats);
    this.goOn();
  }

  /** The buyer does not want to wait for the next try. */
  giveUp() {
    this.waitingFor?.abort(new api.Failure("GIVEN_UP", { mayPass: false }));
  }

  /**
   * Written down before anything is asked for: a reload goes on with this very payment.
   *
   *   paying ──payment begun: its id is the transaction──► confirm ──200──► sold
   */
  async pay() {
    const hold = this.remember({ ...this.current, paying: this.current.paying ?? store.uuid() });
    this.enter("paying");
    try {
      const paid = await this.paidFor(hold);
      const sale = await this.confirmed(paid);
      this.soldTo(paid, sale.saleId);
    } catch (caught) {
      await this.payRefused(this.current, api.asFailure(caught));
    }
  }

  /** With the transaction that pays for it; where no payment gateway is set up, with one that the page has made up. */
  async paidFor(hold) {
    if (hold.transactionId || hold.totalAmount === 0) return hold;
    const { provider, paymentId, madeUp } = await api.payment(hold, this.patience()).catch((failure) => {
      if (NO_GATEWAY.has(failure.code)) return { provider: "simulated", paymentId: hold.paying, madeUp: true };
      throw failure;
    });
    if (provider !== "simulated") throw new api.Failure("CARD_FORM_MISSING", { mayPass: false });
    return this.remember({ ...hold, transactionId: paymentId, madeUp });
  }

  /**
   * The cinema may hear of the money later than we do: as long as the hold lives, it is asked again. Of a payment that
   * we have made up it will never hear: who wants the gateway's word for it has a gateway, and that is not there now.
   */
  async confirmed(hold) {
    const patience = this.patience();
    for (;;) {
      try {
        return await api.confirm(hold, patience);
      } catch (failure) {
        if (failure.code !== "PAYMENT_NOT_RECEIVED" || isLongOver(hold)) throw failure;
        if (hold.madeUp) throw new api.Failure("PAYMENTS_UNAVAILABLE", { mayPass: false });
        this.tell({ code: "PAYMENT_NOT_RECEIVED", passing: true });
        await api.after(failure.retryAfterMs || NEWS_OF_PAYMENT_MS, patience.signal);
      }
    }
  }

  async release() {
    const hold = this.current;
    this.enter("releasing");
    try {
      await api.release(hold, this.patience());
      this.ended(hold, { code: "released", good: true });
    } catch (caught) {
      const failure = api.asFailure(caught);
      if (GONE.has(failure.code)) this.ended(hold, words(failure));
      else if (PAID.has(failure.code) || failure.code === "GIVEN_UP") await this.check();
      else this.enter("held", words(failure));
    }
  }

  /** Where the current hold stands, by the server's word: after a reload, at 0:00, when another tab did something. */
  async check() {
    const hold = this.current;
    if (!hold) return this.enter("choosing", this.notice);
    if (!hold.reservationId) return this.askFor(hold);
    if (hold.paying) return this.pay();
    this.enter("held", this.notice?.unsure || this.notice?.passing ? undefined : this.notice);
    try {
      const found = await api.reservation(hold.reservationId);
      const meanwhile = this.phase !== "held" || this.current?.key !== hold.key; // the buyer has gone on
      return meanwhile ? undefined : await this.standsAt(hold, found);
    } catch (caught) {
      const failure = api.asFailure(caught);
      if (GONE.has(failure.code)) return this.ended(hold, words(failure));
      return this.enter("held", { ...words(failure), unsure: true });
    }
  }

  async standsAt(hold, { status, saleId, expiresAt }) {
    if (status === "confirmed") return this.soldTo(hold, saleId);
    if (status !== "pending") return this.ended(hold, { code: ENDINGS[status] ?? "RESERVATION_NOT_FOUND", facts: {} });
    this.lookAgainAt(expiresAt);
    return undefined;
  }

  lookAgainAt(expiresAt) {
    clearTimeout(this.looking);
    this.looking = setTimeout(() => this.phase === "held" && this.check(), clock.left(expiresAt) + ASK_AGAIN_MS);
  }

  /** The seats of the hold that ran out, chosen anew as far as they are free. */
  chooseAgain() {
    const seats = this.notice?.seats ?? [];
    this.chosen = new Set(seats.filter((seat) => this.statuses.get(seat) === "available"));
    this.tell(undefined);
  }

  /** The oldest is the one that the page is about from now on. */
  readHolds() {
    [this.current, ...this.others] = store.holds(this.session.sessionId);
  }

  /** Another tab has held, paid for or given back something: what we are about is asked about, not forgotten. */
  changedElsewhere() {
    if (["asking", "paying", "releasing"].includes(this.phase)) return;
    const [known] = store.holds(this.session.sessionId).filter(({ key }) => key === this.current?.key);
    if (known) this.current = known;
    else if (!this.current) this.readHolds();
    if (this.current) this.check();
  }

  tell(notice) {
    this.notice = notice;
    this.changed();
  }

  enter(phase, notice) {
    this.phase = phase;
    this.tell(notice);
  }

  /** On to the next hold of this screening, or to choosing. */
  goOn(notice) {
    this.readHolds();
    this.enter(this.current ? phaseOf(this.current) : "choosing", notice);
  }

  /** In this page and, unless another tab has ended it meanwhile, for a reload. */
  remember(hold) {
    store.updateHold(hold);
    this.current = hold;
    return hold;
  }

  /** How long to wait, and how the buyer is told of it and ends it. */
  patience() {
    this.waitingFor = new AbortController();
    const waiting = ({ code }, pause) => {
      const until = Date.now() + pause;
      this.tell(navigator.onLine ? { code: "waiting", why: code, until, passing: true } : OFFLINE);
    };
    return { waiting, signal: this.waitingFor.signal };
  }

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

  async payRefused(hold, failure) {
    if (mayHaveWorked(failure)) return this.enter("paying", { ...words(failure), unsure: true });
    if (GONE.has(failure.code)) return this.ended(hold, words(failure));
    if (failure.code === "GIVEN_UP") return this.payLater(hold);
    if (failure.code === "PAYMENT_NOT_RECEIVED") return this.payLater(hold, words(failure));
    this.remember({ ...hold, paying: undefined, transactionId: undefined, madeUp: undefined }); // a clear no: the next is another payment
    this.notice = words(failure);
    return PAID.has(failure.code) ? this.check() : this.enter("held", this.notice);
  }

  /** The payment stays the same one; only nobody waits for it. */
  payLater(hold, notice) {
    this.remember({ ...hold, paying: undefined });
    this.notice = notice;
    return this.check();
  }

  ended(hold, notice) {
    store.dropHold(hold);
    if (CLOSED.has(notice.code)) this.closed = notice.code;
    const tooLate = notice.code === "RESERVATION_EXPIRED" && hold.transactionId;
    this.goOn({ ...notice, code: tooLate ? "LATE_PAYMENT" : notice.code, seats: notice.good ? [] : hold.seats });
    this.refresh();
  }

  soldTo(hold, saleId) {
    store.dropHold(hold);
    for (const seat of hold.seats) this.bought.add(seat);
    this.goOn();
    this.sold(saleId);
  }
}

const isLongOver = ({ expiresAt }) => clock.now() - Date.parse(expiresAt) > A_WHILE_MS;

const OFFLINE = { code: "waitingOffline", passing: true };

/** What the page was doing about a hold, from what is remembered of it. */
function phaseOf(hold) {
  if (!hold.reservationId) return "asking";
  return hold.paying ? "paying" : "held";
}

const words = ({ code, facts, told, reading, retryAfterMs }) => ({ code, facts, told, reading, retryAfterMs });

/** No answer, or one that leaves open whether the request took effect. Too many requests (429) is a clear no. */
const mayHaveWorked = (failure) => failure.mayPass && failure.status !== 429 && failure.code !== "GIVEN_UP";
