/** Which language is spoken: the one chosen before, else the reader's first that we know. The same for every page. */

import * as store from "./store.js";

const LANGUAGES = ["en", "pt-BR"];

let spoken = preferred();

function preferred() {
  const chosen = store.preference("language");
  if (LANGUAGES.includes(chosen)) return chosen;
  const liked = readersLocales().map(({ language }) => LANGUAGES.find((ours) => new Intl.Locale(ours).language === language));
  return liked.find(Boolean) ?? LANGUAGES[0];
}

export const language = () => spoken;
export const otherLanguage = () => LANGUAGES.find((known) => known !== spoken);

/** Speaks that language from now on, and after the next reload. */
export function speak(wanted) {
  spoken = wanted;
  store.prefer("language", wanted);
}

/** The browser's own variety of the language (en-GB writes 19:00 where en-US writes 7:00 PM). */
export function locale() {
  const wanted = new Intl.Locale(spoken).language;
  return readersLocales().find((reader) => reader.language === wanted)?.toString() ?? spoken;
}

/** The languages that the browser names. Some have been seen to name none, or en_US, or en-US@posix. */
function readersLocales() {
  return [navigator.languages, navigator.language].flat().map(asLocale).filter(Boolean);
}

function asLocale(tag) {
  try {
    return new Intl.Locale(tag.replace(/[@.].*$/, "").replaceAll("_", "-"));
  } catch {
    return undefined;
  }
}
