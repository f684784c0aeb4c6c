// @ts-check
/** The page: chooses the view, the language and the colours, and shows what is common to all views. */

import { renderAccount, wireAccount } from "../shared/account.js";
import * as clock from "../shared/clock.js";
import { announce, byId, el, fill } from "../shared/dom.js";
import { renderFrame, wireFrame } from "../shared/frame.js";
import { asFailure } from "../shared/http.js";
import { button } from "../shared/parts.js";
import * as signIn from "../shared/sign_in.js";
import { onElsewhere } from "../shared/storage.js";
import { whileReading } from "./api.js";
import { invoice } from "./invoice.js";
import { empty } from "./parts.js";
import { programme } from "./programme.js";
import { screening } from "./screening.js";
import * as store from "./store.js";
import { ticket, tickets } from "./tickets.js";
import { refused, say, waits } from "./words.js";

/**
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {string} title
 * @property {() => void} render
 * @property {() => void} [entered] called once the element is on the page
 * @property {() => void} [leave]
 * @property {() => void} [connection] called when it is lost or found
 * @property {() => void} [changedElsewhere] called when another tab has changed something
 */

/** @type {[pattern: RegExp, make: (address: { id: string }) => Promise<View>, tab?: string][]} */
const ROUTES = [
  [/^#?\/?$/, programme, "programme"],
  [/^#\/screenings\/(?<id>[^/]+)$/, screening, "programme"],
  [/^#\/tickets$/, tickets, "tickets"],
  [/^#\/tickets\/(?<id>[^/]+)$/, ticket, "tickets"],
  [/^#\/tickets\/(?<id>[^/]+)\/invoice$/, invoice, "tickets"],
];
/** @type {typeof ROUTES[number]} */
const NOWHERE = [/^/, async () => new Failed()];
const SLOW_MS = 250;

const main = byId("main");
/** @type {View | undefined} */
let view;
let visit = 0;

/** Opens the view that the address names. If the reader leaves before its data has come, the data is dropped. */
async function open() {
  const mine = (visit += 1);
  const [pattern, make, tab] = ROUTES.find(([path]) => path.test(location.hash)) ?? NOWHERE;
  const first = view === undefined;
  view?.leave?.();
  view = undefined;
  markTab(tab);
  const slow = setTimeout(() => loading(say("loading")), SLOW_MS);
  whileReading(({ code }, pause) => mine === visit && !view && waitingFor(code, pause));
  /** @type {View} */
  const opened = needsSignIn(tab)
    ? new SignInFirst()
    : await make(idIn(pattern)).catch((caught) => new Failed(asFailure(caught)));
  clearTimeout(slow);
  if (mine !== visit) return;
  view = opened;
  fill(main, opened.element);
  render();
  opened.entered?.();
  if (first) return;
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

/** @param {string | undefined} tab */
const needsSignIn = (tab) => tab === "tickets" && signIn.isOn && !signIn.isSignedIn();

/** @param {string} words */
const loading = (words) => fill(main, el("p", { class: "loading" }, words));

/**
 * Shows why a view takes so long to open, with a countdown. The reader can go to other views meanwhile.
 * @param {string} code
 * @param {number} pause
 */
function waitingFor(code, pause) {
  const until = Date.now() + pause;
  const mine = visit;
  announce(waits(code, Math.ceil(pause / 1000)));
  const count = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (mine !== visit || view || left < 0) return;
    loading(left > 0 ? waits(code, left) : say("loading"));
    setTimeout(count, 1000);
  };
  count();
}

/** @param {RegExp} pattern */
function idIn(pattern) {
  const { id = "" } = pattern.exec(location.hash)?.groups ?? {};
  try {
    return { id: decodeURIComponent(id) };
  } catch {
    return { id };
  }
}

/** Shows why a view could not be opened, and what to do. */
class Failed {
  element = el("div");

  /** @param {import("../shared/http.js").Failure} [failure] */
  constructor(failure) {
    this.failure = failure;
  }

  get title() {
    return say(this.failure ? "failed" : "notFound");
  }

  render() {
    const hint = this.failure ? refused(this.failure) : say("notFoundHint");
    const way = this.failure?.mayPass
      ? button("again", say("tryAgain"), open, "primary")
      : el("a", { class: "button", href: "#/" }, say("toProgramme"));
    fill(this.element, empty(this.failure ? "failed" : "notFound", hint, way));
  }
}

/** Shows how to sign in, in place of a view that needs sign-in. */
class SignInFirst {
  element = el("div");

  get title() {
    return say("myTickets");
  }

  render() {
    const way = button("sign-in", say("signIn"), () => signIn.begin(), "primary");
    fill(this.element, empty("signInFirst", say("signInHint"), way));
  }
}

function render() {
  renderFrame(say);
  renderAccount(say);
  renderConnection();
  view?.render();
  document.title = [view?.title, "Cinema Tickets"].filter(Boolean).join(" · ");
}

function renderConnection() {
  const banner = byId("offline");
  if (banner.hidden && !navigator.onLine) announce(say("offline"), { urgent: true });
  banner.hidden = navigator.onLine;
}

/** @param {string | undefined} current */
function markTab(current) {
  for (const tab of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-tab]"))) {
    if (tab.dataset.tab === current) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
}

/** Reminds of seats that are held in another screening than the one on show. */
function remindOfHolds() {
  const banner = byId("waiting-hold");
  const waiting = store.holds().find((hold) => hold.expiresAt && clock.left(hold.expiresAt) > 0);
  const there = waiting && `#/screenings/${waiting.sessionId}`;
  banner.hidden = !waiting || location.hash === there;
  if (banner.hidden || !waiting?.expiresAt) return;
  const [text, link] = /** @type {HTMLCollectionOf<HTMLElement>} */ (banner.children);
  fill(text, say("elsewhere", waiting.movieTitle, clock.minutes(clock.left(waiting.expiresAt))));
  link.setAttribute("href", there ?? "");
}

/**
 * Shows that this page has a fault, and what to do. The error's text goes only to the console.
 * @param {any} event an error, or a rejection that nobody handles
 */
function faulty({ error, reason }) {
  if (!(error ?? reason)) return; // a browser's own remark, or another site's script
  const banner = byId("fault");
  if (banner.hidden) announce(say("fault"), { urgent: true });
  banner.hidden = false;
}

for (const kind of ["error", "unhandledrejection"]) addEventListener(kind, faulty);
document.querySelector("#fault button")?.addEventListener("click", () => location.reload());
wireAccount();
wireFrame(say, { spoken: render, coloured: () => view?.render() });
addEventListener("hashchange", open);
for (const change of ["online", "offline"]) {
  addEventListener(change, () => (renderConnection(), view?.connection?.()));
}
onElsewhere(() => view?.changedElsewhere?.());
setInterval(remindOfHolds, 500);
render();
signIn.finish().then(open);
