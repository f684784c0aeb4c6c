// @ts-check
/** The language that is spoken: the one chosen before, else the reader's first that we know. The same for every page. */

import { keep, readAll } from "./storage.js";

/** @typedef {"en" | "pt-BR"} Language */

/** @type {Language[]} */
const LANGUAGES = ["en", "pt-BR"];

let spoken = preferred();

function preferred() {
  const chosen = readAll().language;
  const remembered = LANGUAGES.find((ours) => ours === chosen);
  if (remembered) return remembered;
  const liked = readersLocales().map(({ language }) =>
    LANGUAGES.find((ours) => new Intl.Locale(ours).language === language),
  );
  return liked.find((ours) => ours !== undefined) ?? "en";
}

export const language = () => spoken;
export const otherLanguage = () => (spoken === "en" ? "pt-BR" : "en");

/**
 * Speaks that language from now on, and after the next reload.
 * @param {Language} wanted
 */
export function speak(wanted) {
  spoken = wanted;
  keep({ language: wanted });
}

/** Gives the browser's own variety of the language (en-GB writes 19:00 where en-US writes 7:00 PM). */
export function locale() {
  const wanted = new Intl.Locale(spoken).language;
  return (
    readersLocales()
      .find((reader) => reader.language === wanted)
      ?.toString() ?? spoken
  );
}

/** Gives the languages that the browser names. Some have been seen to name none, or en_US, or en-US@posix. */
function readersLocales() {
  return [navigator.languages, navigator.language].flat().flatMap(asLocales);
}

/**
 * Gives one locale, or none for a tag that is malformed.
 * @param {string} tag
 */
function asLocales(tag) {
  try {
    return [new Intl.Locale(tag.replace(/[@.].*$/, "").replaceAll("_", "-"))];
  } catch {
    return [];
  }
}
