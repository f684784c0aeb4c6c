/** One screening: its hall, and what this buyer does there. */

import * as api from "./api.js";
import { Booking } from "./booking.js";
import { announce, el, fill } from "./dom.js";
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

/** How many seats one order may hold: the page tells the server's setting. */
const mostSeats = () => Number(document.documentElement.dataset.mostSeats) || USUAL_MOST_SEATS;

export async function screening({ id }) {
  return new Screening(await api.session(id));
}

class Screening {
  constructor(session) {
    this.session = session;
    this.failures = 0;
    const [changed, refresh, sold] = [() => this.update(), () => this.live?.refresh(), (sale) => this.sold(sale)];
    this.booking = new Booking(session, { changed, refresh, sold, mostSeats: mostSeats() });
    this.hall = new Hall(session, { look: (seat) => this.booking.look(seat), pressed: (seat) => this.pressed(seat) });
    this.panel = new Panel(this.booking, announce);
    this.heading = el("div", { class: "heading" });
    this.facts = el("div", { class: "hall-facts" });
    this.legend = el("ul", { class: "legend" });
    this.keys = el("p", { class: "unseen", id: "keys" });
    this.screen = el("p", { class: "screen" });
    this.said = el("p", { class: "said", "aria-hidden": "true", hidden: true }); // read out by `announce`
    const size = session.seatsPerRow > MANY_IN_A_ROW ? "large" : "usual";
    this.element = el("div", { class: "screening", "data-size": size }, this.heading, this.stage(), this.panel.element, this.said);
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

  /** Called once the element is on the page. */
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
    this.live.stop();
    this.panel.stop();
    this.hall.leave();
    this.covering.disconnect();
    clearTimeout(this.silence);
  }

  /** On a phone the panel lies over the hall: what has the focus is scrolled to above it. */
  keepInSight() {
    const covered = `${this.panel.element.offsetHeight}px`;
    for (const each of [document.documentElement, this.said]) each.style.setProperty("--covered", covered);
  }

  /** Another tab of this browser has changed what is held. */
  changedElsewhere() {
    this.booking.changedElsewhere();
    this.live.refresh();
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

  /** Only what has changed: each mark is one that two thousand seats may depend on. */
  mark(name, value) {
    if (this.element.dataset[name] !== value) this.element.dataset[name] = value;
  }

  availability() {
    const { known, soldOut, free, closed } = this.booking;
    if (closed === "SESSION_CANCELLED") return say("cancelled");
    if (!known) return closed ? "" : say("loading");
    return soldOut ? say("soldOut") : say("freeOf", free, this.session.totalSeats);
  }

  /** Only when something in it changes: a new map alone must not disturb who is typing there. */
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

  /** The remedy of a notice depends on which of its seats are free by now. */
  sureOf(notice) {
    return (notice?.seats ?? []).map((seat) => this.booking.statuses.get(seat));
  }

  say(phase, sentence) {
    const { booking } = this;
    if (sentence && sentence !== this.sentence) announce(sentence, { urgent: !booking.notice.good && !booking.notice.passing });
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
    const why = booking.toggle(seat);
    if (why) this.tell(this.whyNot(why, seat));
    else announce(say(booking.chosen.has(seat) ? "chosenNow" : "notChosen", seat, booking.chosen.size));
  }

  whyNot(why, seat) {
    const { booking } = this;
    if (why === "closed") return refused({ code: booking.closed });
    if (why === "tooMany") return say("tooMany", booking.mostSeats);
    return why === "notForSale" ? say(why, seat, say("look")[booking.look(seat)]) : say(why);
  }

  /** For everybody: to be seen for a while, and read out. */
  tell(sentence) {
    announce(sentence);
    fill(this.said, sentence);
    this.said.hidden = false;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (this.said.hidden = true), SAID_MS);
  }

  arrived(seatMap) {
    this.failures = 0;
    this.stale = false;
    this.booking.arrived(seatMap);
  }

  failed(failure) {
    this.booking.close(failure);
    this.failures += 1;
    this.stale = !this.booking.closed && (this.failures >= STALE_AFTER_FAILURES || !navigator.onLine);
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
    if (!this.left) location.hash = `#/tickets/${encodeURIComponent(saleId)}`;
  }
}
