/** Light, dark, or as the device has it: the button that turns to the next, on every page. */

import { announce } from "./dom.js";
import * as store from "./store.js";

const THEMES = ["auto", "light", "dark"];

const chosen = () => THEMES.find((theme) => theme === store.preference("theme")) ?? THEMES[0];

/** `words()` names each theme in the language that is spoken by now. */
export function renderTheme(words) {
  document.documentElement.dataset.theme = chosen();
  const switcher = document.getElementById("theme");
  switcher.setAttribute("aria-label", words()[chosen()]);
  switcher.title = words()[chosen()];
}

export function nextTheme(words) {
  store.prefer("theme", THEMES[(THEMES.indexOf(chosen()) + 1) % THEMES.length]);
  renderTheme(words);
  announce(words()[chosen()]);
}
