// @ts-check
/**
 * Days and times as the cinema's clocks show them, wherever the reader is: a screening starts at the time that is on its
 * poster. Where the reader's own clocks differ, the zone is named.
 */

import * as clock from "../shared/clock.js";
import { hour, isElsewhere, part, written } from "../shared/zone.js";
import { say } from "./words.js";

const YEAR_MONTH_DAY = /** @type {const} */ (["year", "month", "day"]);
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Writes 19:00, or 7:00 PM: as the reader's language does.
 * @param {string} moment
 */
export const time = (moment) => written(moment, { timeStyle: "short" });

/** @param {string} moment */
export const dayAndTime = (moment) =>
  written(moment, {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: hour(),
    minute: "2-digit",
    timeZoneName: isElsewhere(moment) ? "short" : undefined,
  });

/**
 * Gives the cinema's day as 2026-11-24.
 * @param {import("../shared/zone.js").Moment} moment
 */
export function dayOf(moment) {
  /** @type {import("../shared/zone.js").Form} */
  const form = { year: "numeric", month: "2-digit", day: "2-digit" };
  return YEAR_MONTH_DAY.map((name) => part(name, moment, form, "en")).join("-");
}

/**
 * Gives the date, and whether it is today or tomorrow there: by the server's clock, as the reader's may be wrong.
 * @param {string} moment
 */
export function day(moment, now = clock.now()) {
  const [date, today] = [dayOf(moment), dayOf(now)];
  const tomorrow = new Date(Date.parse(today) + DAY_MS).toISOString().slice(0, 10);
  const near = { [today]: say("today"), [tomorrow]: say("tomorrow") }[date];
  return { near, date: capital(written(moment, { weekday: "long", day: "numeric", month: "long" })) };
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
