// @ts-check
/** This browser's memory: one JSON object under one name, the same for every page. */

const NAME = "cinema-tickets";

/** @typedef {Record<string, unknown>} Kept */

/** @type {Kept} */
let unsaved = {}; // for browsers that keep nothing

/**
 * Reads all that is kept. Anybody may have written there (an older page, an extension, a hand): readers check their part.
 * @returns {Kept}
 */
export function readAll() {
  try {
    const kept = JSON.parse(localStorage.getItem(NAME) ?? "null");
    return kept === Object(kept) && !Array.isArray(kept) ? kept : {};
  } catch {
    return unsaved;
  }
}

/**
 * Keeps the changes beside what is kept already.
 * @param {Kept} changes
 */
export function keep(changes) {
  unsaved = { ...readAll(), ...changes };
  try {
    localStorage.setItem(NAME, JSON.stringify(unsaved));
  } catch {
    // Storage is full or forbidden: what we know lives as long as the page.
  }
}

/**
 * Calls back when another tab of this browser has changed something.
 * @param {() => void} changed
 */
export function onElsewhere(changed) {
  addEventListener("storage", (event) => event.key === NAME && changed());
}
