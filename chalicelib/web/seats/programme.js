/** What is on, by day. */

import * as api from "./api.js";
import { el, fill } from "./dom.js";
import { button, empty } from "./parts.js";
import { day, dayOf, foreignZone, time } from "./times.js";
import { money, say } from "./words.js";

export async function programme() {
  const from = new Date().toISOString();
  return new Programme(from, await api.programme(from));
}

class Programme {
  constructor(from, { sessions, nextCursor }) {
    Object.assign(this, { from, sessions, nextCursor });
    this.element = el("div", { class: "programme" });
  }

  get title() {
    return say("programme");
  }

  render() {
    fill(this.element, this.sessions.length ? this.whatIsOn() : empty("nothingOn", say("nothingOnHint")));
  }

  whatIsOn() {
    const zone = foreignZone(this.sessions.map(({ startTime }) => startTime));
    return [
      el("h1", { tabindex: "-1" }, say("onNow")),
      el("p", { class: "lead" }, say("lead")),
      zone && el("p", { class: "zone" }, say("cinemaTime", zone)),
      ...this.days().map(drawnDay),
      this.nextCursor && button("more", say("more"), () => this.more()),
    ];
  }

  /** The screenings of each day, in the order of the programme. */
  days() {
    const days = new Map();
    for (const session of this.sessions) {
      const date = dayOf(session.startTime);
      days.set(date, [...(days.get(date) ?? []), session]);
    }
    return [...days.values()];
  }

  async more() {
    const { sessions, nextCursor } = await api.programme(this.from, this.nextCursor);
    this.sessions.push(...sessions);
    this.nextCursor = nextCursor;
    this.render();
  }
}

function drawnDay(sessions) {
  const { near, date } = day(sessions[0].startTime);
  return el(
    "section",
    { class: "day" },
    el("h2", {}, near ?? date, near && el("span", { class: "date" }, date)),
    el("ul", { class: "cards" }, sessions.map(card)),
  );
}

function card({ sessionId, movieTitle, startTime, roomNumber, totalSeats, ticketPrice }) {
  return el(
    "li",
    {},
    el(
      "a",
      { class: "card", href: `#/screenings/${encodeURIComponent(sessionId)}` },
      el("time", { datetime: startTime }, time(startTime)),
      el("span", { class: "movie" }, movieTitle),
      el("span", { class: "facts" }, `${say("room", roomNumber)} · ${say("seatCount", totalSeats)}`),
      el("span", { class: "price" }, money(ticketPrice)),
    ),
  );
}
