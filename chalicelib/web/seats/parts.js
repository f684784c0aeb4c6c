/** What several views are made of. */

import { el } from "./dom.js";
import { say } from "./words.js";

/** It keeps the focus when what it stands in is drawn anew: `key` is its name there. */
export function button(key, text, pressed, kind = "", attributes = {}) {
  return el("button", { type: "button", class: kind, "data-key": key, onclick: pressed, ...attributes }, text);
}

/** A page with nothing to show says so, and what to do about it. */
export function empty(heading, hint, ...ways) {
  return el(
    "div",
    { class: "empty" },
    el("span", { class: "empty-mark", "aria-hidden": "true" }),
    el("h1", { tabindex: "-1" }, say(heading)),
    hint && el("p", {}, hint),
    ...ways,
  );
}
