/** Building and replacing pieces of the page. Text only ever becomes text: nothing here parses HTML. */

/** An element. Attributes named on… are listeners; true is an empty attribute; false and undefined are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

/** Puts `children` in place of what `node` holds. Who had the focus keeps it, found again by data-key. */
export function fill(node, ...children) {
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  node.replaceChildren(...children.flat().filter(Boolean));
  if (focused) node.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

/** Tells screen readers, once: politely at the next pause, or at once when it is urgent. */
export function announce(text, { urgent = false } = {}) {
  const region = document.getElementById(urgent ? "urgent" : "polite");
  region.textContent = "";
  // The same words twice would be no change, and no change is not read out.
  requestAnimationFrame(() => (region.textContent = text));
}
