/** One screening: its hall, and what this buyer does there. */

import * as api from "./api.js";
import { Booking } from "./booking.js";
import { announce, el, fill } from "./dom.js";
import { Hall } from "./hall.js";
import { follow } from "./live.js";
import { Panel } from "./panel.js";
import * as store from "./store.js";
import { dayAndTime } from "./times.js";
import { list, money, say } from "./words.js";

const LEGEND = ["free", "chosen", "mine", "held", "sold"];
const STALE_AFTER_FAILURES = 2;

export async function screening({ id }) {
  return new Screening(await api.session(id));
}

class Screening {
  constructor(session) {
    this.session = session;
    this.failures = 0;
    const [changed, refresh, sold] = [() => this.update(), () => this.live?.refresh(), (sale) => this.sold(sale)];
    this.booking = new Booking(session, { changed, refresh, sold });
    this.hall = new Hall(session, { look: (seat) => this.booking.look(seat), pressed: (seat) => this.pressed(seat) });
    this.panel = new Panel(this.booking, announce);
    this.heading = el("div", { class: "heading" });
    this.facts = el("div", { class: "hall-facts" });
    this.legend = el("ul", { class: "legend" });
    this.keys = el("p", { class: "unseen", id: "keys" });
    this.screen = el("p", { class: "screen" });
    this.element = el("div", { class: "screening" }, this.heading, this.stage(), this.panel.element);
  }

  get title() {
    return this.session.movieTitle;
  }

  stage() {
    return el(
      "section",
      { class: "stage", "aria-labelledby": "hall-title" },
      this.facts,
      this.screen,
      this.hall.element,
      this.keys,
      this.legend,
    );
  }

  /** Called once the element is on the page. */
  entered() {
    const arrived = (seatMap) => this.arrived(seatMap);
    this.live = follow(this.session.sessionId, { arrived, failed: (failure) => this.failed(failure) });
    this.panel.start();
    this.covering = new ResizeObserver(() => this.keepInSight());
    this.covering.observe(this.panel.element);
    this.hall.centre();
    this.findBought();
    if (this.booking.current) this.booking.check();
  }

  leave() {
    this.left = true;
    this.live.stop();
    this.panel.stop();
    this.covering.disconnect();
  }

  /** On a phone the panel lies over the hall: what has the focus is scrolled to above it. */
  keepInSight() {
    document.documentElement.style.setProperty("--covered", `${this.panel.element.offsetHeight}px`);
  }

  /** Another tab of this browser has changed what is held. */
  changedElsewhere() {
    this.booking.readHolds();
    if (["choosing", "held"].includes(this.booking.phase)) this.booking.check();
    this.live.refresh();
    this.findBought();
  }

  render() {
    const { movieTitle, startTime, roomNumber, ticketPrice } = this.session;
    fill(
      this.heading,
      el("a", { class: "back", href: "#/" }, say("back")),
      el("h1", { tabindex: "-1" }, movieTitle),
      el(
        "p",
        { class: "when" },
        el("time", { datetime: startTime }, dayAndTime(startTime)),
        el("span", {}, say("room", roomNumber)),
        el("span", {}, money(ticketPrice)),
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
    this.hall.update();
    fill(
      this.facts,
      el("h2", { id: "hall-title" }, say("room", this.session.roomNumber)),
      el("p", { class: "free" }, this.availability()),
      this.stale && el("p", { class: "stale" }, say("outOfDate")),
    );
    this.element.dataset.known = booking.known;
    this.element.toggleAttribute("data-stale", this.stale);
    this.updatePanel();
  }

  availability() {
    const { known, soldOut, free } = this.booking;
    if (!known) return say("loading");
    return soldOut ? say("soldOut") : say("freeOf", free, this.session.totalSeats);
  }

  /** Only when something in it changes: a new map alone must not disturb who is typing there. */
  updatePanel() {
    const { phase, notice, chosenSeats, free, holds, known, soldOut, mostSeats } = this.booking;
    const shown = JSON.stringify([
      phase,
      notice,
      chosenSeats,
      holds,
      known && free === 0,
      soldOut,
      mostSeats,
      document.documentElement.lang,
      this.sureOf(notice),
    ]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.panel.render();
    this.say(phase, this.panel.sentence());
  }

  /** The remedy of a notice depends on which of its seats are free by now. */
  sureOf(notice) {
    return (notice?.seats ?? []).map((seat) => this.booking.statuses.get(seat));
  }

  say(phase, sentence) {
    const { booking } = this;
    if (sentence && sentence !== this.sentence) announce(sentence, { urgent: !booking.notice.good });
    else if (phase === "held" && this.phase !== "held") announce(this.heldSpoken());
    if (phase !== this.phase && this.phase && document.activeElement === document.body) this.takeFocus();
    this.sentence = sentence;
    this.phase = phase;
  }

  heldSpoken() {
    const { seats, expiresAt } = this.booking.current;
    return say("heldSpoken", list(seats), this.panel.secondsLeft(expiresAt));
  }

  /** What had the focus is gone: it goes where things go on. */
  takeFocus() {
    const { element } = this.panel;
    (element.querySelector("[data-key=notice]") ?? element.querySelector("#panel-title, [data-key=busy]"))?.focus({
      preventScroll: true,
    });
  }

  pressed(seat) {
    const { booking } = this;
    const look = booking.look(seat);
    if (booking.phase !== "choosing") announce(say("holdFirst"));
    else if (!booking.toggle(seat)) announce(say("notForSale", seat, say("look")[look]));
    else announce(say(booking.chosen.has(seat) ? "chosenNow" : "notChosen", seat, booking.chosen.size));
  }

  arrived(seatMap) {
    this.failures = 0;
    this.stale = false;
    this.booking.arrived(seatMap);
  }

  failed() {
    this.failures += 1;
    this.stale = this.failures >= STALE_AFTER_FAILURES || !navigator.onLine;
    this.update();
  }

  /** Connection lost or found. */
  connection() {
    this.stale = this.stale || !navigator.onLine;
    this.update();
  }

  /** Marks what this buyer has bought here, now or earlier. A map without it is still true, only less friendly. */
  async findBought() {
    const { purchases } = await api.purchases(store.userId()).catch(() => ({ purchases: [] }));
    const here = purchases.filter(({ sessionId }) => sessionId === this.session.sessionId);
    here.flatMap(({ seats }) => seats).forEach((seat) => this.booking.bought.add(seat));
    this.update();
  }

  /** Who has gone elsewhere while the payment was under way is left there. */
  sold(saleId) {
    if (!this.left) location.hash = `#/tickets/${saleId}`;
  }
}
