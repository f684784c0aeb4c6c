// @ts-check
/** Pieces that every page is made of. */

import { el } from "./dom.js";

/**
 * Makes a button. It keeps the focus when what it stands in is drawn anew: `key` is its name there.
 * @param {string} key
 * @param {string} text
 * @param {((event: MouseEvent) => unknown) | undefined} pressed
 * @param {string} [kind] its class
 * @param {import("./dom.js").Attributes} [attributes]
 */
export function button(key, text, pressed, kind = "", attributes = {}) {
  return el("button", { type: "button", class: kind, "data-key": key, onclick: pressed, ...attributes }, text);
}
