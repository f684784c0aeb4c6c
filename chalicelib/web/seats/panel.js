// @ts-check
/** Beside the map: what is chosen, held or being paid for, and what the buyer can do about it. */

import * as clock from "../shared/clock.js";
import { el, fill } from "../shared/dom.js";
import { button } from "../shared/parts.js";
import * as signIn from "../shared/sign_in.js";
import { money } from "../shared/words.js";
import { list, price, refused, say, waits } from "./words.js";

const TICK_MS = 200;
const URGENT_MS = 10_000;
const SPOKEN_SECONDS = [20, 10, 5];

export class Panel {
  /** @type {Set<number>} */
  spoken = new Set();
  /** @type {HTMLElement | undefined} */
  noticeText = undefined;
  /** @type {HTMLElement | undefined} */
  digits = undefined;
  /** @type {HTMLElement | undefined} */
  bar = undefined;
  longest = 0;
  /** @type {string | undefined} */
  longestOf = undefined;
  /** @type {string | undefined} */
  askedAbout = undefined;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;

  /**
   * @param {import("./booking.js").Booking} booking
   * @param {(text: string) => void} speak for screen readers
   */
  constructor(booking, speak) {
    this.booking = booking;
    this.speak = speak;
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
  }

  /** Gives the hold that the panel shows, if there is one. Until the server has answered, the hold has only its seats. */
  get hold() {
    return /** @type {import("./store.js").Held} */ (this.booking.current);
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
    this.noticeText = el("p", {}, this.sentence());
    return el(
      "div",
      { class: `notice notice-${tone}`, tabindex: "-1", "data-key": "notice" },
      this.noticeText,
      this.remedy(notice),
    );
  }

  /**
   * Gives the notice's text in the current language.
   * @returns {string}
   */
  sentence() {
    const { notice, chosen } = this.booking;
    if (!notice) return "";
    if (notice.code === "waiting") return waits(notice.why ?? "", secondsUntil(notice.until ?? 0));
    if (notice.code === "released" || notice.code === "waitingOffline") return say(notice.code);
    return refused(notice, chosen.size > 0);
  }

  /** @param {import("./booking.js").Notice} notice */
  remedy(notice) {
    const { booking } = this;
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
    return (
      free && !booking.closed && button("hold-again", say("holdAgain"), () => (booking.chooseAgain(), this.holdSeats()))
    );
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
      !signIn.isOn && this.emailField, // else emails go to the address with which the buyer signed up
      button("hold", say("hold", seats.length), () => this.holdSeats(), "primary", { disabled: tooMany }),
    ];
  }

  /** Draws the panel after the end of sales: why, unless a notice already says so, and what to do. */
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
    const { seats } = this.hold;
    return [
      title("yourSeats"),
      fixed(seats),
      sum(this.booking.session.ticketPrice * seats.length),
      busy("holding", this.booking.notice),
    ];
  }

  held() {
    const { seats, totalAmount } = this.hold;
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
    const { seats, totalAmount } = this.hold;
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
    const { seats } = this.hold;
    return [title("heldTitle"), fixed(seats), busy("releasing")];
  }

  /** @param {string} seat */
  chip(seat) {
    const giveUp = () => this.booking.toggle(seat);
    return el("li", {}, button(`chip-${seat}`, seat, giveUp, "chip", { "aria-label": say("giveUp", seat) }));
  }

  countdown() {
    const label = say(this.hold.totalAmount === 0 ? "timeLeftFree" : "timeLeft");
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
    const { notice, phase } = this.booking;
    if (notice?.code === "waiting" && this.noticeText) this.noticeText.textContent = this.sentence();
    if (phase === "held" || phase === "paying") this.tickDown(this.hold, phase);
    else this.element.removeAttribute("data-urgent");
  }

  /**
   * @param {import("./store.js").Held} hold
   * @param {string} phase
   */
  tickDown(hold, phase) {
    const left = clock.left(hold.expiresAt);
    this.longest = Math.max(left, this.longestOf === hold.key ? this.longest : 0);
    if (this.longestOf !== hold.key) this.spoken.clear();
    this.longestOf = hold.key;
    if (this.digits) this.digits.textContent = left ? clock.minutes(left) : say("lastMoment");
    this.bar?.style.setProperty("--left", String(this.longest ? left / this.longest : 0));
    this.element.toggleAttribute("data-urgent", left < URGENT_MS);
    this.speakTime(Math.floor(left / 1000));
    if (left === 0 && phase === "held") this.runOut(hold);
  }

  /** @param {number} seconds */
  speakTime(seconds) {
    if (!SPOKEN_SECONDS.includes(seconds) || this.spoken.has(seconds)) return;
    this.spoken.add(seconds);
    this.speak(say("secondsSpoken", seconds));
  }

  /** @param {string} moment */
  secondsLeft(moment) {
    return Math.floor(clock.left(moment) / 1000);
  }

  /**
   * Asks the server whether the hold has lapsed, because the page's countdown has ended. It ends a little early.
   * @param {import("./store.js").Held} hold
   */
  runOut(hold) {
    if (this.askedAbout === hold.key) return;
    this.askedAbout = hold.key;
    this.booking.check();
  }

  holdSeats() {
    if (!this.email.checkValidity()) {
      this.emailField.open = true;
      this.email.reportValidity();
      return;
    }
    this.booking.hold(this.email.value.trim());
  }
}

/** @param {"yourSeats" | "heldTitle"} word */
const title = (word) => el("h2", { id: "panel-title", tabindex: "-1", "data-key": "panel-title" }, say(word));
/** @param {string[]} seats */
const fixed = (seats) => el("p", { class: "fixed-seats" }, list(seats));
/** @param {number} amount */
const sum = (amount) => el("p", { class: "sum" }, el("span", {}, say("total")), el("strong", {}, price(amount)));
/** @param {number} moment */
const secondsUntil = (moment) => Math.max(0, Math.ceil((moment - Date.now()) / 1000));
/**
 * @param {"holding" | "taking" | "paying" | "releasing"} word
 * @param {import("./booking.js").Notice} [notice]
 */
const busy = (word, notice) =>
  !notice?.unsure && el("p", { class: "busy", "data-key": "busy", tabindex: "-1" }, say(word));
