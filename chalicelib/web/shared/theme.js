// @ts-check
/** Light, dark, or as the device has it: the button that turns to the next, on every page. */

import { announce, byId } from "./dom.js";
import { keep, readAll } from "./storage.js";

/** @typedef {"auto" | "light" | "dark"} Theme */
/** @typedef {() => Record<Theme, string>} ThemeNames names each theme in the language that is spoken by now */

/** @type {Theme[]} */
const THEMES = ["auto", "light", "dark"];

/** @returns {Theme} */
function chosen() {
  const remembered = readAll().theme;
  return THEMES.find((theme) => theme === remembered) ?? "auto";
}

/** @param {ThemeNames} names */
export function renderTheme(names) {
  document.documentElement.dataset.theme = chosen();
  const switcher = byId("theme");
  switcher.setAttribute("aria-label", names()[chosen()]);
  switcher.title = names()[chosen()];
}

/**
 * Turns to the next theme and remembers it.
 * @param {ThemeNames} names
 */
export function turnTheme(names) {
  keep({ theme: THEMES[(THEMES.indexOf(chosen()) + 1) % THEMES.length] });
  renderTheme(names);
  announce(names()[chosen()]);
}
