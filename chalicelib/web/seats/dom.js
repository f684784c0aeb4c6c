/** Building and replacing pieces of the page. Text only ever becomes text: nothing here parses HTML. */

const BEGIN = "\u2068"; // FIRST STRONG ISOLATE
const END = "\u2069"; // POP DIRECTIONAL ISOLATE
const ISOLATES = /[\u2066-\u2069]/g;

/**
 * A name that somebody typed, in whatever direction it is written: what stands beside it keeps its own. In an element it
 * becomes a <bdi>; who reads it out is not told of it.
 */
export const isolated = (name) => `${BEGIN}${plain(name)}${END}`;

/** Without isolates: for what is read out, or sent. */
export const plain = (text) => String(text).replace(ISOLATES, "");

/** An element. Attributes named on… are listeners; true is an empty attribute; false and undefined are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : plain(value));
  }
  node.append(...pieces(children));
  return node;
}

/** Puts `children` in place of what `node` holds. Who had the focus keeps it, found again by data-key. */
export function fill(node, ...children) {
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  node.replaceChildren(...pieces(children));
  if (focused) node.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function pieces(children) {
  return children.flat().flatMap((child) => {
    if (child === undefined || child === null || child === false || child === "") return [];
    return child instanceof Node ? [child] : inDirections(String(child));
  });
}

/** What stands in isolates becomes a <bdi>. */
function inDirections(text) {
  return text.split(/\u2068([^\u2069]*)\u2069/).map((piece, index) => {
    if (index % 2 === 0) return piece;
    const name = document.createElement("bdi");
    name.textContent = piece;
    return name;
  });
}

/** Tells screen readers, once: politely at the next pause, or at once when it is urgent. */
export function announce(text, { urgent = false } = {}) {
  const region = document.getElementById(urgent ? "urgent" : "polite");
  region.textContent = "";
  // The same words twice would be no change, and no change is not read out.
  requestAnimationFrame(() => (region.textContent = plain(text)));
}

/** Calls back every so often while the page is looked at, and at once when it is looked at again, until `signal`. */
export function whileSeen(everyMs, call, signal) {
  const seen = () => document.hidden || call();
  const timer = setInterval(seen, everyMs);
  document.addEventListener("visibilitychange", seen, { signal });
  signal.addEventListener("abort", () => clearInterval(timer));
}
