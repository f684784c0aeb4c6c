/** Which language is spoken: the one chosen before, else the reader's first that we know. The same for every page. */

import * as store from "./store.js";

const LANGUAGES = ["en", "pt-BR"];

let spoken = preferred();

function preferred() {
  const liked = [store.preference("language"), ...navigator.languages].filter(Boolean);
  const known = liked.map((tag) => LANGUAGES.find((ours) => ours.slice(0, 2) === tag.slice(0, 2).toLowerCase()));
  return known.find(Boolean) ?? "en";
}

export const language = () => spoken;
export const otherLanguage = () => LANGUAGES.find((known) => known !== spoken);

/** Speaks that language from now on, and after the next reload. */
export function speak(wanted) {
  spoken = wanted;
  store.prefer("language", wanted);
}
