/**
 * Days and times as the cinema's clocks show them, wherever the reader is: a screening starts at the time that is on its
 * poster. Where the reader's own clocks differ, the zone is named.
 */

import { locale, say } from "./words.js";

const DAY_MS = 24 * 60 * 60 * 1000;
const CINEMA = known(document.documentElement.dataset.timeZone);

/** The page tells an IANA name; what this browser has never heard of is shown as UTC, and says so. */
function known(timeZone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

export const time = (moment) => written(moment, { hour: "2-digit", minute: "2-digit" });

export const dayAndTime = (moment) =>
  written(moment, {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: isElsewhere(moment) ? "short" : undefined,
  });

/** The name of the cinema's zone, if it is another time there than here at any of these moments. */
export function foreignZone(moments) {
  const moment = moments.find(isElsewhere);
  if (!moment || CINEMA === "UTC") return moment && CINEMA; // which has no other name that people use
  return part("timeZoneName", moment, { timeZoneName: "longGeneric" });
}

/** The cinema's day as 2026-11-24. */
export function dayOf(moment) {
  const form = { year: "numeric", month: "2-digit", day: "2-digit" };
  return ["year", "month", "day"].map((name) => part(name, moment, form, "en")).join("-");
}

/** The date, and whether it is today or tomorrow there. */
export function day(moment, now = Date.now()) {
  const [date, today] = [dayOf(moment), dayOf(now)];
  const tomorrow = new Date(Date.parse(today) + DAY_MS).toISOString().slice(0, 10);
  const near = { [today]: say("today"), [tomorrow]: say("tomorrow") }[date];
  return { near, date: capital(written(moment, { weekday: "long", day: "numeric", month: "long" })) };
}

/** Whether the reader's clocks show another time than the cinema's. */
function isElsewhere(moment) {
  const form = { dateStyle: "short", timeStyle: "short" };
  return written(moment, form) !== written(moment, { ...form, timeZone: undefined });
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

function written(moment, form) {
  return new Intl.DateTimeFormat(locale(), { timeZone: CINEMA, ...form }).format(new Date(moment));
}

function part(name, moment, form, language = locale()) {
  const parts = new Intl.DateTimeFormat(language, { timeZone: CINEMA, ...form }).formatToParts(new Date(moment));
  return parts.find(({ type }) => type === name).value;
}
