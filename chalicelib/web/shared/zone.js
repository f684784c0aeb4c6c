// @ts-check
/** The cinema's clocks: what time they show at a moment, and whether the reader's show another. For every page. */

import { locale } from "./language.js";

const CINEMA = known(document.documentElement.dataset.timeZone);

/**
 * Gives the page's IANA name of a zone, or UTC where this browser has never heard of it: the page then says so.
 * @param {string | undefined} timeZone
 */
function known(timeZone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

/** @typedef {string | number | Date} Moment */
/** @typedef {Intl.DateTimeFormatOptions} Form */

/**
 * Writes the moment as the cinema's clocks show it.
 * @param {Moment} moment
 * @param {Form} form
 */
export function written(moment, form) {
  return new Intl.DateTimeFormat(locale(), { timeZone: CINEMA, ...form }).format(new Date(moment));
}

/**
 * Gives one part of what `written` writes: "minute", "timeZoneName".
 * @param {Intl.DateTimeFormatPartTypes} name
 * @param {Moment} moment
 * @param {Form} form
 */
export function part(name, moment, form, language = locale()) {
  const parts = new Intl.DateTimeFormat(language, { timeZone: CINEMA, ...form }).formatToParts(new Date(moment));
  return parts.find(({ type }) => type === name)?.value ?? "";
}

/**
 * Chooses how an hour is written beside a day: 9:00 PM, but 09:00.
 * @returns {"numeric" | "2-digit"}
 */
export function hour() {
  const { hour12 } = new Intl.DateTimeFormat(locale(), { hour: "numeric" }).resolvedOptions();
  return hour12 ? "numeric" : "2-digit";
}

/**
 * Tells whether the reader's clocks show another time than the cinema's.
 * @param {Moment} moment
 */
export function isElsewhere(moment) {
  /** @type {Form} */
  const form = { dateStyle: "short", timeStyle: "short" };
  return written(moment, form) !== written(moment, { ...form, timeZone: undefined });
}

/**
 * Names the cinema's zone, if it is another time there than here at any of these moments.
 * @param {Moment[]} moments
 */
export function foreignZone(moments) {
  const moment = moments.find(isElsewhere);
  if (!moment || CINEMA === "UTC") return moment && CINEMA; // which has no other name that people use
  return part("timeZoneName", moment, { timeZoneName: "longGeneric" });
}
