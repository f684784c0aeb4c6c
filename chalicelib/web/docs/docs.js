// @ts-check
"use strict";

// Everything is relative to this page, so that it works behind a stage's path, too.
const here = (path) => new URL(path, document.baseURI).href;

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

const docs = /** @type {HTMLElement} */ (document.getElementById("docs"));

/**
 * Repairs of the viewer, for who listens to it or uses the keyboard: parts without a name or in the wrong place: [what, how].
 * Each is done once for each element; the viewer draws parts anew, and they are mended anew.
 * @type {[string, (each: HTMLElement) => void][]}
 */
const MENDED = [
  ["select:not([aria-label])", (each) => named(each, each.id === "servers" ? "Server" : "Example")],
  ["textarea:not([aria-label])", (each) => named(each, "Body of the request")],
  [".parameters input:not([aria-label])", (each) => named(each, parameterOf(each))],
  [".responses-table[role=region]:not([aria-label])", (each) => named(each, `Responses: ${each.id}`)],
  [".opblock-summary-control a[href]", (each) => each.removeAttribute("href")], // a link in a button is neither
  ["h2.title:not([aria-level])", (each) => each.setAttribute("aria-level", "1")],
  ["h3.opblock-tag:not([aria-level])", (each) => each.setAttribute("aria-level", "2")],
  [".models > h4:not([aria-level])", (each) => each.setAttribute("aria-level", "2")],
  [".opblock-section-header h4:not([aria-level])", (each) => each.setAttribute("aria-level", "3")],
  [
    ".responses-inner h4:not([aria-level]), .responses-inner h5:not([aria-level])",
    (each) => each.setAttribute("aria-level", "4"),
  ],
  [".highlight-code > .microlight:not([tabindex])", (each) => each.setAttribute("tabindex", "0")], // it scrolls
];

const named = (element, name) => element.setAttribute("aria-label", name);
const parameterOf = (input) => input.closest("tr")?.dataset.paramName ?? "Parameter";

function mend() {
  for (const [what, how] of MENDED)
    for (const each of /** @type {NodeListOf<HTMLElement>} */ (docs.querySelectorAll(what))) how(each);
}

new MutationObserver(mend).observe(docs, { subtree: true, childList: true });

// @ts-expect-error -- the viewer of Powertools, a script without types that is loaded before this one
SwaggerUIBundle({
  url: here("openapi.json"),
  domNode: docs,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  validatorUrl: null, // or it would ask a server of the viewer's makers
});
