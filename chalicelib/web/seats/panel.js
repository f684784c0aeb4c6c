/** Beside the map: what is chosen, held or being paid for, and what the buyer can do about it. */

import * as clock from "./clock.js";
import { el, fill } from "./dom.js";
import { button } from "./parts.js";
import { list, money, price, refused, say, waits } from "./words.js";

const TICK_MS = 200;
const URGENT_MS = 10_000;
const SPOKEN_SECONDS = [20, 10, 5];

export class Panel {
  /** `speak(text)` for screen readers. */
  constructor(booking, speak) {
    Object.assign(this, { booking, speak });
    this.email = el("input", {
      type: "email",
      id: "email",
      autocomplete: "email",
      maxlength: "254",
      "data-key": "email",
    });
    this.emailLabel = el("summary", { "data-key": "by-email" });
    this.emailField = el("details", { class: "by-email" }, this.emailLabel, this.email);
    this.notice = el("div", { class: "notices" });
    this.body = el("div", { class: "panel-body" });
    this.element = el("section", { class: "panel", "aria-labelledby": "panel-title" }, this.notice, this.body);
    this.spoken = new Set();
  }

  render() {
    this.emailLabel.textContent = say("byEmail");
    this.email.setAttribute("aria-label", say("email"));
    this.element.dataset.phase = this.booking.phase;
    fill(this.notice, this.noticed());
    fill(this.body, this[this.booking.phase]());
    this.tick();
  }

  /** Runs the countdown; to be called when the page opens, once. */
  start() {
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  stop() {
    clearInterval(this.timer);
  }

  noticed() {
    const { notice } = this.booking;
    if (!notice) return undefined;
    const tone = notice.good ? "good" : notice.passing ? "passing" : "bad";
    return el(
      "div",
      { class: `notice notice-${tone}`, tabindex: "-1", "data-key": "notice" },
      (this.told = el("p", {}, this.sentence())),
      this.remedy(),
    );
  }

  /** The notice in the language that is spoken by now. */
  sentence() {
    const { notice, chosen } = this.booking;
    if (!notice) return "";
    if (notice.code === "waiting") return waits(notice.why, secondsUntil(notice.until));
    if (notice.good || notice.code === "waitingOffline") return say(notice.code);
    return refused(notice, chosen.size > 0);
  }

  remedy() {
    const { booking } = this;
    const { notice } = booking;
    if (notice.unsure) {
      return el(
        "div",
        { class: "actions" },
        button("again", say("tryAgain"), () => booking.check()),
        booking.phase === "asking" && button("never-mind", say("neverMind"), () => booking.chooseOthers(), "quiet"),
      );
    }
    if (notice.passing) return button("dont-wait", say("dontWait"), () => booking.giveUp());
    if (notice.code === "CARD_FORM_MISSING") return el("a", { href: "docs" }, say("documentation"));
    const seats = notice.seats ?? [];
    const free = seats.length > 0 && seats.every((seat) => booking.statuses.get(seat) === "available");
    return free && !booking.closed && button("hold-again", say("holdAgain"), () => (booking.chooseAgain(), this.hold()));
  }

  choosing() {
    const { booking } = this;
    const seats = booking.chosenSeats;
    if (booking.closed) return this.closed();
    if (!seats.length) return [title("yourSeats"), el("p", { class: "hint" }, say(this.whatToDo()))];
    const tooMany = seats.length > booking.mostSeats;
    return [
      title("yourSeats"),
      el(
        "ul",
        { class: "chips" },
        seats.map((seat) => this.chip(seat)),
      ),
      tooMany && el("p", { class: "hint" }, say("tooMany", booking.mostSeats)),
      sum(booking.total),
      this.emailField,
      button("hold", say("hold", seats.length), () => this.hold(), "primary", { disabled: tooMany }),
    ];
  }

  /** Nothing is sold here any more: why, unless a notice says it already, and a way on. */
  closed() {
    const { notice, closed } = this.booking;
    return [
      title("yourSeats"),
      notice?.code !== closed && el("p", { class: "closed" }, refused({ code: closed })),
      el("p", { class: "actions" }, el("a", { class: "button", href: "#/" }, say("toProgramme"))),
    ];
  }

  whatToDo() {
    const { known, soldOut, free } = this.booking;
    if (soldOut) return "allSold";
    return known && !free ? "allTaken" : "chooseHint";
  }

  asking() {
    const { seats } = this.booking.current;
    return [
      title("yourSeats"),
      fixed(seats),
      sum(this.booking.session.ticketPrice * seats.length),
      busy("holding", this.booking.notice),
    ];
  }

  held() {
    const { seats, totalAmount } = this.booking.current;
    return [
      title("heldTitle"),
      this.countdown(),
      fixed(seats),
      sum(totalAmount),
      button(
        "pay",
        totalAmount === 0 ? say("take", seats.length) : say("pay", money(totalAmount)),
        () => this.booking.pay(),
        "primary",
      ),
      el(
        "div",
        { class: "afterwards" },
        totalAmount > 0 && el("p", { class: "hint" }, say("demo")),
        button("release", say("release"), () => this.booking.release(), "quiet"),
      ),
    ];
  }

  paying() {
    const { seats, totalAmount } = this.booking.current;
    const free = totalAmount === 0;
    return [
      title("heldTitle"),
      this.countdown(),
      fixed(seats),
      sum(totalAmount),
      busy(free ? "taking" : "paying", this.booking.notice),
      el("p", { class: "hint" }, say(free ? "takingHint" : "payingHint")),
    ];
  }

  releasing() {
    const { seats } = this.booking.current;
    return [title("heldTitle"), fixed(seats), busy("releasing")];
  }

  chip(seat) {
    const giveUp = () => this.booking.toggle(seat);
    return el("li", {}, button(`chip-${seat}`, seat, giveUp, "chip", { "aria-label": say("giveUp", seat) }));
  }

  countdown() {
    const label = say(this.booking.current.totalAmount === 0 ? "timeLeftFree" : "timeLeft");
    this.digits = el("span", { class: "digits", role: "timer", "aria-label": label });
    this.bar = el("span", { class: "bar" });
    return el(
      "div",
      { class: "countdown" },
      el("span", { class: "label", "aria-hidden": "true" }, label),
      this.digits,
      el("span", { class: "track", "aria-hidden": "true" }, this.bar),
    );
  }

  tick() {
    const { notice, phase, current: hold } = this.booking;
    if (notice?.code === "waiting") this.told.textContent = this.sentence();
    if (phase === "held" || phase === "paying") this.tickDown(hold, phase);
    else this.element.removeAttribute("data-urgent");
  }

  tickDown(hold, phase) {
    const left = clock.left(hold.expiresAt);
    this.longest = Math.max(left, this.longestOf === hold.key ? this.longest : 0);
    if (this.longestOf !== hold.key) this.spoken.clear();
    this.longestOf = hold.key;
    this.digits.textContent = left ? clock.minutes(left) : say("lastMoment");
    this.bar.style.setProperty("--left", this.longest ? left / this.longest : 0);
    this.element.toggleAttribute("data-urgent", left < URGENT_MS);
    this.speakTime(Math.floor(left / 1000));
    if (left === 0 && phase === "held") this.runOut(hold);
  }

  speakTime(seconds) {
    if (!SPOKEN_SECONDS.includes(seconds) || this.spoken.has(seconds)) return;
    this.spoken.add(seconds);
    this.speak(say("secondsSpoken", seconds));
  }

  secondsLeft(moment) {
    return Math.floor(clock.left(moment) / 1000);
  }

  /** By our reckoning, which is a little early. The server says when it is over. */
  runOut(hold) {
    if (this.askedAbout === hold.key) return;
    this.askedAbout = hold.key;
    this.booking.check();
  }

  hold() {
    if (!this.email.checkValidity()) {
      this.emailField.open = true;
      this.email.reportValidity();
      return;
    }
    this.booking.hold(this.email.value.trim());
  }
}

const title = (word) => el("h2", { id: "panel-title", tabindex: "-1", "data-key": "panel-title" }, say(word));
const fixed = (seats) => el("p", { class: "fixed-seats" }, list(seats));
const sum = (amount) => el("p", { class: "sum" }, el("span", {}, say("total")), el("strong", {}, price(amount)));
const secondsUntil = (moment) => Math.max(0, Math.ceil((moment - Date.now()) / 1000));
const busy = (word, notice) =>
  !notice?.unsure && el("p", { class: "busy", "data-key": "busy", tabindex: "-1" }, say(word));
