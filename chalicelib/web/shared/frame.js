// @ts-check
/** The frame around every page: the words of its HTML, and the buttons for the language, the colours and the content. */

import { byId } from "./dom.js";
import { language, otherLanguage, speak } from "./language.js";
import { renderTheme, turnTheme } from "./theme.js";

/** @typedef {(name: any) => any} Say gives the page's words of that name: the HTML's names are checked by nobody */

/**
 * Writes the words of the language that is spoken by now into [data-word] and [data-label], and names the buttons.
 * @param {Say} say
 */
export function renderFrame(say) {
  document.documentElement.lang = language();
  for (const node of elements("[data-word]")) node.textContent = say(node.dataset.word ?? "");
  for (const node of elements("[data-label]")) node.setAttribute("aria-label", say(node.dataset.label ?? ""));
  const switcher = byId("language");
  switcher.textContent = say("otherLanguage");
  switcher.lang = otherLanguage();
  renderTheme(() => say("theme"));
}

/**
 * Makes the frame's buttons work.
 * @param {Say} say
 * @param {{ spoken: () => void, coloured?: () => void }} after what the page does once the choice has been made
 */
export function wireFrame(say, { spoken, coloured }) {
  byId("language").addEventListener("click", () => {
    speak(otherLanguage());
    spoken();
  });
  byId("theme").addEventListener("click", () => {
    turnTheme(() => say("theme"));
    coloured?.();
  });
  document.querySelector(".skip")?.addEventListener("click", () => byId("main").focus());
}

/**
 * @param {string} selector
 * @returns {NodeListOf<HTMLElement>}
 */
const elements = (selector) => document.querySelectorAll(selector);
