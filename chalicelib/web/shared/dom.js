// @ts-check
/** Building and replacing pieces of the page. Text only ever becomes text: nothing here parses HTML. */

const BEGIN = "\u2068"; // FIRST STRONG ISOLATE
const END = "\u2069"; // POP DIRECTIONAL ISOLATE
const ISOLATES = /[\u2066-\u2069]/g;

/** @typedef {Node | string | number | false | null | undefined} Piece text or an element; nothing is left out */
/** @typedef {Piece | Piece[]} Pieces */
/** @typedef {Record<string, any>} Attributes */

/**
 * Isolates a name that somebody typed, in whatever direction it is written: what stands beside it keeps its own. In an
 * element it becomes a <bdi>; who reads it out is not told of it.
 * @param {string} name
 */
export const isolated = (name) => `${BEGIN}${plain(name)}${END}`;

/**
 * Takes the isolates away: for what is read out, or sent.
 * @param {unknown} text
 */
export const plain = (text) => String(text).replace(ISOLATES, "");

/**
 * Gives the element with that id. Each page's HTML has those that it is asked for.
 * @param {string} id
 */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * Makes an element. Attributes named on… are listeners; true is an empty attribute; false and undefined are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} attributes
 * @param {...Pieces} children
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : plain(value));
  }
  node.append(...pieces(children));
  return node;
}

/**
 * Puts `children` in place of what `node` holds. Who had the focus keeps it, found again by data-key.
 * @param {HTMLElement} node
 * @param {...Pieces} children
 */
export function fill(node, ...children) {
  const focused = node.contains(document.activeElement) ? focusedKey() : undefined;
  node.replaceChildren(...pieces(children));
  if (focused) withKey(node, focused)?.focus({ preventScroll: true });
}

/** Gives the data-key of what has the focus. */
export const focusedKey = () => /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.key;

/**
 * Finds an element by its data-key.
 * @param {ParentNode} within
 * @param {string} key
 * @returns {HTMLElement | null}
 */
export const withKey = (within, key) => within.querySelector(`[data-key="${CSS.escape(key)}"]`);

/**
 * @param {Pieces[]} children
 * @returns {(Node | string)[]}
 */
const pieces = (children) => children.flat().flatMap(nodesOf);

/**
 * @param {Piece} child
 * @returns {(Node | string)[]}
 */
function nodesOf(child) {
  if (child === undefined || child === null || child === false || child === "") return [];
  return child instanceof Node ? [child] : inDirections(String(child));
}

/**
 * Makes a <bdi> of each name in isolates.
 * @param {string} text
 */
function inDirections(text) {
  return text.split(/\u2068([^\u2069]*)\u2069/).map((piece, index) => {
    if (index % 2 === 0) return piece;
    const name = document.createElement("bdi");
    name.textContent = piece;
    return name;
  });
}

/**
 * Tells screen readers, once: politely at the next pause, or at once when it is urgent.
 * @param {string} text
 */
export function announce(text, { urgent = false } = {}) {
  const region = byId(urgent ? "urgent" : "polite");
  region.textContent = "";
  // The same words twice would be no change, and no change is not read out.
  requestAnimationFrame(() => (region.textContent = plain(text)));
}

/**
 * Calls back every so often while the page is looked at, and at once when it is looked at again, until `signal`.
 * @param {number} everyMs
 * @param {() => void} call
 * @param {AbortSignal} signal
 */
export function whileSeen(everyMs, call, signal) {
  const seen = () => document.hidden || call();
  const timer = setInterval(seen, everyMs);
  document.addEventListener("visibilitychange", seen, { signal });
  signal.addEventListener("abort", () => clearInterval(timer));
}
