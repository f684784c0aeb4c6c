// @ts-check
/** The programme by day. It is updated while shown: screenings that begin are removed, cancelled ones are marked. */

import * as clock from "../shared/clock.js";
import { el, fill, whileSeen } from "../shared/dom.js";
import { foreignZone } from "../shared/zone.js";
import * as api from "./api.js";
import { empty, Pages } from "./parts.js";
import { day, dayOf, time } from "./times.js";
import { price, say } from "./words.js";

const LOOK_AGAIN_MS = 30_000;
const CLOCKS_DIFFER_MS = 60_000;
const A_MINUTE_MS = 60_000;

export async function programme() {
  return new Programme(await current());
}

/** @type {string} */
let from;

/**
 * Loads the programme from this minute on, by the server's clock. Loads it again if the first answer shows that our clock is
 * wrong.
 * @param {string} [cursor]
 */
async function current(cursor) {
  if (cursor) return api.programme(from, cursor);
  const before = clock.ahead();
  const page = await beginning();
  return Math.abs(clock.ahead() - before) > CLOCKS_DIFFER_MS ? beginning() : page;
}

/** Gives the beginning of this minute. All requests of a minute are then the same, so that a cache in between can answer them. */
function beginning() {
  from = new Date(Math.floor(clock.now() / A_MINUTE_MS) * A_MINUTE_MS).toISOString();
  return api.programme(from);
}

class Programme {
  leaving = new AbortController();
  /** @type {string | undefined} */
  drawnOn = undefined;
  drawn = 0;

  /** @param {Awaited<ReturnType<typeof current>>} first */
  constructor(first) {
    this.pages = new Pages(({ sessions }) => sessions, current, first);
    this.element = el("div", { class: "programme" });
  }

  get title() {
    return say("programme");
  }

  entered() {
    whileSeen(LOOK_AGAIN_MS, () => this.lookAgain(), this.leaving.signal);
  }

  leave() {
    this.leaving.abort();
  }

  /** Draws anew also when only the day has changed, for "Today" is another one then, or when a screening has begun. */
  async lookAgain() {
    const changed = await this.pages.again();
    if (this.leaving.signal.aborted) return;
    if (changed || this.drawnOn !== dayOf(clock.now()) || this.drawn !== this.toCome().length) this.render();
  }

  /** Gives the screenings that have not begun. The answer may have some that began in this minute. */
  toCome() {
    const now = clock.now();
    return this.pages.items.filter(({ startTime }) => Date.parse(startTime) >= now);
  }

  render() {
    const toCome = this.toCome();
    this.drawnOn = dayOf(clock.now());
    this.drawn = toCome.length;
    fill(this.element, toCome.length ? this.whatIsOn(toCome) : empty("nothingOn", say("nothingOnHint")));
  }

  /** @param {api.Session[]} toCome */
  whatIsOn(toCome) {
    const zone = foreignZone(toCome.map(({ startTime }) => startTime));
    return [
      el("h1", { tabindex: "-1" }, say("onNow")),
      el("p", { class: "lead" }, say("lead")),
      zone && el("p", { class: "zone" }, say("cinemaTime", zone)),
      ...daysOf(toCome).map(drawnDay),
      ...this.pages.way(() => this.render()),
    ];
  }
}

/**
 * Gives the screenings of each day, in the order of the programme.
 * @param {api.Session[]} sessions
 */
function daysOf(sessions) {
  /** @type {Map<string, api.Session[]>} */
  const days = new Map();
  for (const session of sessions) {
    const date = dayOf(session.startTime);
    days.set(date, [...(days.get(date) ?? []), session]);
  }
  return [...days.values()];
}

/** @param {api.Session[]} sessions */
function drawnDay(sessions) {
  const { near, date } = day(sessions[0].startTime);
  return el(
    "section",
    { class: "day" },
    el("h2", {}, near ?? date, near && el("span", { class: "date" }, date)),
    el("ul", { class: "cards" }, sessions.map(card)),
  );
}

/** @param {api.Session} session */
function card({ sessionId, movieTitle, startTime, roomNumber, totalSeats, ticketPrice, status }) {
  const href = `#/screenings/${encodeURIComponent(sessionId)}`;
  const cancelled = status === "cancelled";
  return el(
    "li",
    {},
    el(
      "a",
      { class: cancelled ? "card card-cancelled" : "card", href, "data-key": `card-${sessionId}` },
      el("time", { datetime: startTime }, time(startTime)),
      el("span", { class: "movie" }, movieTitle),
      el("span", { class: "facts" }, `${say("room", roomNumber)} · ${say("seatCount", totalSeats)}`),
      cancelled
        ? el("span", { class: "price mark-cancelled" }, say("cancelled"))
        : el("span", { class: "price" }, price(ticketPrice)),
    ),
  );
}
