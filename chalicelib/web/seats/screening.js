// @ts-check
/** The view of one screening: its hall, and the buyer's booking. */

import { announce, el, fill } from "../shared/dom.js";
import * as signIn from "../shared/sign_in.js";
import * as api from "./api.js";
import { Booking } from "./booking.js";
import { Hall } from "./hall.js";
import { follow } from "./live.js";
import { Panel } from "./panel.js";
import * as store from "./store.js";
import { dayAndTime } from "./times.js";
import { list, price, refused, say } from "./words.js";

const LEGEND = ["free", "chosen", "mine", "held", "sold"];
const STALE_AFTER_FAILURES = 2;
const MANY_IN_A_ROW = 20;
const SAID_MS = 6000;
const USUAL_MOST_SEATS = 8;

/** Reads how many seats one order may hold: the page tells the server's setting. */
const mostSeats = () => Number(document.documentElement.dataset.mostSeats) || USUAL_MOST_SEATS;

/** @param {{ id: string }} address */
export async function screening({ id }) {
  return new Screening(await api.session(id));
}

class Screening {
  failures = 0;
  left = false;
  stale = false;
  /** @type {ReturnType<typeof follow> | undefined} */
  live = undefined;
  /** @type {ResizeObserver | undefined} */
  covering = undefined;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  silence = undefined;
  /** @type {string | undefined} */
  closedBefore = undefined;
  factsShown = "";
  shown = "";
  sentence = "";
  /** @type {import("./booking.js").Phase | undefined} */
  phase = undefined;

  /** @param {api.Session} session */
  constructor(session) {
    this.session = session;
    this.booking = new Booking(session, {
      changed: () => this.update(),
      refresh: () => this.live?.refresh(),
      sold: (saleId) => this.goToTicket(saleId),
      mostSeats: mostSeats(),
    });
    this.hall = new Hall(session, { look: (seat) => this.booking.look(seat), pressed: (seat) => this.pressed(seat) });
    this.panel = new Panel(this.booking, announce);
    this.heading = el("div", { class: "heading" });
    this.facts = el("div", { class: "hall-facts" });
    this.legend = el("ul", { class: "legend" });
    this.keys = el("p", { class: "unseen", id: "keys" });
    this.screen = el("p", { class: "screen" });
    this.said = el("p", { class: "said", "aria-hidden": "true", hidden: true }); // read out by `announce`
    const size = session.seatsPerRow > MANY_IN_A_ROW ? "large" : "usual";
    this.element = el(
      "div",
      { class: "screening", "data-size": size },
      this.heading,
      this.stage(),
      this.panel.element,
      this.said,
    );
  }

  get title() {
    return this.session.movieTitle;
  }

  stage() {
    return el(
      "section",
      { class: "stage", "aria-labelledby": "hall-title" },
      this.facts,
      this.hall.tools,
      this.screen,
      this.hall.element,
      this.keys,
      this.legend,
    );
  }

  /** Begins to follow the seats, once the element is on the page. */
  entered() {
    const arrived = (seatMap) => this.arrived(seatMap);
    this.live = follow(this.session.sessionId, { arrived, failed: (failure) => this.failed(failure) });
    this.panel.start();
    this.covering = new ResizeObserver(() => this.keepInSight());
    this.covering.observe(this.panel.element);
    this.hall.entered();
    this.findBought();
    if (this.booking.current) this.booking.check();
  }

  leave() {
    this.left = true;
    this.live?.stop();
    this.panel.stop();
    this.hall.leave();
    this.covering?.disconnect();
    clearTimeout(this.silence);
  }

  /** Keeps what has the focus above the panel, which lies over the hall on a phone. */
  keepInSight() {
    const covered = `${this.panel.element.offsetHeight}px`;
    for (const each of [document.documentElement, this.said]) each.style.setProperty("--covered", covered);
  }

  /** Looks again when another tab of this browser has changed what is held. */
  changedElsewhere() {
    this.booking.changedElsewhere();
    this.live?.refresh();
    this.findBought();
  }

  render() {
    const { movieTitle, startTime, roomNumber, ticketPrice } = this.session;
    const cancelled = this.booking.closed === "SESSION_CANCELLED";
    fill(
      this.heading,
      el("a", { class: "back", href: "#/" }, say("back")),
      el("h1", { tabindex: "-1", title: movieTitle }, movieTitle),
      el(
        "p",
        { class: "when" },
        el("time", { datetime: startTime }, dayAndTime(startTime)),
        el("span", {}, say("room", roomNumber)),
        el("span", {}, price(ticketPrice)),
        cancelled && el("strong", { class: "mark-cancelled" }, say("cancelled")),
      ),
    );
    this.screen.textContent = say("screen");
    this.keys.textContent = say("keys");
    fill(
      this.legend,
      LEGEND.map((look) =>
        el("li", {}, el("span", { class: "seat", "data-look": look, "aria-hidden": "true" }), say("legend")[look]),
      ),
    );
    this.legend.setAttribute("aria-label", say("legendTitle"));
    this.hall.relabel();
    this.update();
  }

  update() {
    const { booking } = this;
    if (booking.closed !== this.closedBefore) {
      this.closedBefore = booking.closed;
      return this.render();
    }
    this.hall.update();
    this.updateFacts();
    this.mark("known", String(booking.known));
    this.mark("closed", booking.closed ?? "");
    this.element.toggleAttribute("data-stale", this.stale);
    this.updatePanel();
  }

  updateFacts() {
    const facts = [say("room", this.session.roomNumber), this.availability(), this.stale && say("outOfDate")];
    if (String(facts) === this.factsShown) return;
    this.factsShown = String(facts);
    const [room, free, stale] = facts;
    fill(
      this.facts,
      el("h2", { id: "hall-title" }, room),
      el("p", { class: "free" }, free),
      stale && el("p", { class: "stale" }, stale),
    );
  }

  /**
   * Sets only the marks that have changed, because the style of 2,000 seats may depend on a mark.
   * @param {string} name
   * @param {string} value
   */
  mark(name, value) {
    if (this.element.dataset[name] !== value) this.element.dataset[name] = value;
  }

  availability() {
    const { known, soldOut, free, closed } = this.booking;
    if (closed === "SESSION_CANCELLED") return say("cancelled");
    if (!known) return closed ? "" : say("loading");
    return soldOut ? say("soldOut") : say("freeOf", free, this.session.totalSeats);
  }

  /** Draws the panel only when something in it changes: a new map alone must not disturb who is typing there. */
  updatePanel() {
    const { phase, notice, chosenSeats, free, holds, known, soldOut, mostSeats, closed } = this.booking;
    const shown = JSON.stringify([
      phase,
      notice,
      chosenSeats,
      holds,
      known && free === 0,
      soldOut,
      mostSeats,
      closed,
      document.documentElement.lang,
      this.sureOf(notice),
    ]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.panel.render();
    this.say(phase, this.panel.sentence());
  }

  /**
   * Tells how the seats of a notice stand: its remedy depends on which are free by now.
   * @param {import("./booking.js").Notice | undefined} notice
   */
  sureOf(notice) {
    return (notice?.seats ?? []).map((seat) => this.booking.statuses.get(seat));
  }

  /**
   * @param {import("./booking.js").Phase} phase
   * @param {string} sentence
   */
  say(phase, sentence) {
    const { booking } = this;
    if (sentence && sentence !== this.sentence)
      announce(sentence, { urgent: !booking.notice?.good && !booking.notice?.passing });
    else if (phase === "held" && this.phase !== "held") announce(this.heldSpoken());
    if (phase !== this.phase && this.phase && document.activeElement === document.body) this.takeFocus();
    this.sentence = sentence;
    this.phase = phase;
  }

  heldSpoken() {
    const { seats, expiresAt } = this.panel.hold;
    return say("heldSpoken", list(seats), this.panel.secondsLeft(expiresAt));
  }

  /** Moves the focus where things go on, when what had it is gone. */
  takeFocus() {
    const { element } = this.panel;
    const next = element.querySelector("[data-key=notice]") ?? element.querySelector("#panel-title, [data-key=busy]");
    /** @type {HTMLElement | null} */ (next)?.focus({ preventScroll: true });
  }

  /** @param {string} seat */
  pressed(seat) {
    const { booking } = this;
    const why = booking.toggle(seat);
    if (why) this.tell(this.whyNot(why, seat));
    else announce(say(booking.chosen.has(seat) ? "chosenNow" : "notChosen", seat, booking.chosen.size));
  }

  /**
   * @param {NonNullable<ReturnType<Booking["toggle"]>>} why
   * @param {string} seat
   * @returns {string}
   */
  whyNot(why, seat) {
    const { booking } = this;
    if (why === "closed") return refused({ code: booking.closed });
    if (why === "tooMany") return say("tooMany", booking.mostSeats);
    return why === "notForSale" ? say(why, seat, say("look")[booking.look(seat)]) : say(why);
  }

  /**
   * Shows a message for a while, and has screen readers read it out.
   * @param {string} sentence
   */
  tell(sentence) {
    announce(sentence);
    fill(this.said, sentence);
    this.said.hidden = false;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (this.said.hidden = true), SAID_MS);
  }

  /** @param {api.SeatMap} seatMap */
  arrived(seatMap) {
    this.failures = 0;
    this.stale = false;
    this.booking.arrived(seatMap);
  }

  /** @param {import("../shared/http.js").Failure} failure */
  failed(failure) {
    this.booking.close(failure);
    this.failures += 1;
    this.stale = !this.booking.closed && (this.failures >= STALE_AFTER_FAILURES || !navigator.onLine);
    this.update();
  }

  /** Takes note that the connection was lost or found. */
  connection() {
    this.stale = this.stale || !navigator.onLine;
    this.update();
  }

  /** Marks the seats that this buyer has bought at this screening. If they can't be loaded, the map is shown without marks. */
  async findBought() {
    if (signIn.isOn && !signIn.isSignedIn()) return;
    const { purchases } = await api.purchases(store.userId()).catch(() => ({ purchases: [] }));
    const here = purchases.filter(({ sessionId }) => sessionId === this.session.sessionId);
    here.flatMap(({ seats }) => seats).forEach((seat) => this.booking.bought.add(seat));
    this.update();
  }

  /**
   * Goes to the ticket, unless the buyer went to another view during the payment.
   * @param {string | undefined} saleId
   */
  goToTicket(saleId) {
    if (!this.left && saleId) location.hash = `#/tickets/${encodeURIComponent(saleId)}`;
  }
}
