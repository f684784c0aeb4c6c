/** The page: which view is shown, in which language and colours, and what is to be seen from all of them. */

import * as clock from "./clock.js";
import { asFailure, whileReading } from "./api.js";
import { announce, el, fill } from "./dom.js";
import { invoice } from "./invoice.js";
import { language, otherLanguage, speak } from "./language.js";
import { button, empty } from "./parts.js";
import { programme } from "./programme.js";
import { screening } from "./screening.js";
import * as store from "./store.js";
import { nextTheme, renderTheme } from "./theme.js";
import { ticket, tickets } from "./tickets.js";
import { refused, say, waits } from "./words.js";

const ROUTES = [
  [/^#?\/?$/, programme, "programme"],
  [/^#\/screenings\/(?<id>[^/]+)$/, screening, "programme"],
  [/^#\/tickets$/, tickets, "tickets"],
  [/^#\/tickets\/(?<id>[^/]+)$/, ticket, "tickets"],
  [/^#\/tickets\/(?<id>[^/]+)\/invoice$/, invoice, "tickets"],
];
const SLOW_MS = 250;

const main = document.getElementById("main");
const themes = () => say("theme");
let view;
let visit = 0;

/** Opens what the address names. An answer that comes after the reader has gone on is dropped. */
async function open() {
  const mine = (visit += 1);
  const [pattern, make, tab] = ROUTES.find(([path]) => path.test(location.hash)) ?? [/^/, unknown];
  const first = view === undefined;
  view?.leave?.();
  view = undefined;
  markTab(tab);
  const slow = setTimeout(() => loading(say("loading")), SLOW_MS);
  whileReading(({ code }, pause) => mine === visit && !view && waitingFor(code, pause));
  const opened = await make(idIn(pattern)).catch((caught) => new Failed(asFailure(caught)));
  clearTimeout(slow);
  if (mine !== visit) return;
  view = opened;
  fill(main, view.element);
  render();
  view.entered?.();
  if (first) return;
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

const loading = (words) => fill(main, el("p", { class: "loading" }, words));

/** Why it takes so long, counted down while nothing has come. The other views can be gone to meanwhile. */
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

function idIn(pattern) {
  const { id = "" } = pattern.exec(location.hash)?.groups ?? {};
  try {
    return { id: decodeURIComponent(id) };
  } catch {
    return { id };
  }
}

const unknown = async () => new Failed();

/** A view that could not be opened: why, and a way on. */
class Failed {
  element = el("div");

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

function render() {
  document.documentElement.lang = language();
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = say(node.dataset.word);
  for (const node of document.querySelectorAll("[data-label]"))
    node.setAttribute("aria-label", say(node.dataset.label));
  const switcher = document.getElementById("language");
  switcher.textContent = say("otherLanguage");
  switcher.lang = otherLanguage();
  renderTheme(themes);
  renderConnection();
  view?.render();
  document.title = [view?.title, "Cinema Tickets"].filter(Boolean).join(" · ");
}

function renderConnection() {
  const banner = document.getElementById("offline");
  if (banner.hidden && !navigator.onLine) announce(say("offline"), { urgent: true });
  banner.hidden = navigator.onLine;
}

function markTab(current) {
  for (const tab of document.querySelectorAll("[data-tab]")) {
    if (tab.dataset.tab === current) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
}

/** Seats that are held in another screening than the one on show are not forgotten. */
function remindOfHolds() {
  const banner = document.getElementById("waiting-hold");
  const waiting = store.holds().find((hold) => hold.expiresAt && clock.left(hold.expiresAt) > 0);
  const there = waiting && `#/screenings/${waiting.sessionId}`;
  banner.hidden = !waiting || location.hash === there;
  if (banner.hidden) return;
  const [text, link] = banner.children;
  fill(text, say("elsewhere", waiting.movieTitle, clock.minutes(clock.left(waiting.expiresAt))));
  link.href = there;
}

/** What nobody expected is a fault of this page: it is said, with a way on, and its text is left to the console. */
function faulty({ error, reason }) {
  if (!(error ?? reason)) return; // a browser's own remark, or another site's script
  const banner = document.getElementById("fault");
  if (banner.hidden) announce(say("fault"), { urgent: true });
  banner.hidden = false;
}

for (const kind of ["error", "unhandledrejection"]) addEventListener(kind, faulty);
document.querySelector("#fault button").addEventListener("click", () => location.reload());
document.getElementById("language").addEventListener("click", () => (speak(otherLanguage()), render()));
document.getElementById("theme").addEventListener("click", () => (nextTheme(themes), view?.render()));
document.querySelector(".skip").addEventListener("click", () => main.focus());
addEventListener("hashchange", open);
for (const change of ["online", "offline"]) {
  addEventListener(change, () => (renderConnection(), view?.connection?.()));
}
store.onElsewhere(() => view?.changedElsewhere?.());
setInterval(remindOfHolds, 500);
render();
open();
