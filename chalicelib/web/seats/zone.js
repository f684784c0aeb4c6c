/** The cinema's clocks: what time they show at a moment, and whether the reader's show another. For every page. */

import { locale } from "./language.js";

const CINEMA = known(document.documentElement.dataset.timeZone);

/** The page tells an IANA name; what this browser has never heard of is shown as UTC, and says so. */
function known(timeZone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

/** `form` is one of Intl.DateTimeFormat. */
export function written(moment, form) {
  return new Intl.DateTimeFormat(locale(), { timeZone: CINEMA, ...form }).format(new Date(moment));
}

export function part(name, moment, form, language = locale()) {
  const parts = new Intl.DateTimeFormat(language, { timeZone: CINEMA, ...form }).formatToParts(new Date(moment));
  return parts.find(({ type }) => type === name).value;
}

/** How an hour is written beside a day: 9:00 PM, but 09:00. */
export function hour() {
  const { hour12 } = new Intl.DateTimeFormat(locale(), { hour: "numeric" }).resolvedOptions();
  return hour12 ? "numeric" : "2-digit";
}

/** Whether the reader's clocks show another time than the cinema's. */
export function isElsewhere(moment) {
  const form = { dateStyle: "short", timeStyle: "short" };
  return written(moment, form) !== written(moment, { ...form, timeZone: undefined });
}

/** The name of the cinema's zone, if it is another time there than here at any of these moments. */
export function foreignZone(moments) {
  const moment = moments.find(isElsewhere);
  if (!moment || CINEMA === "UTC") return moment && CINEMA; // which has no other name that people use
  return part("timeZoneName", moment, { timeZoneName: "longGeneric" });
}
