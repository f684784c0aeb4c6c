// @ts-check
/** The gate's page: chooses the view. In the background, renews the lists, reports admissions, keeps the page for offline use. */

import { renderAccount, wireAccount } from "../shared/account.js";
import { byId, el, fill } from "../shared/dom.js";
import { renderFrame, wireFrame } from "../shared/frame.js";
import { button } from "../shared/parts.js";
import * as signIn from "../shared/sign_in.js";
import * as admissions from "./admissions.js";
import * as camera from "./camera.js";
import { AtTheDoor } from "./door.js";
import * as lists from "./lists.js";
import { keepPage } from "./offline.js";
import * as scan from "./scan.js";
import * as settings from "./settings.js";
import { Setup } from "./setup.js";
import { tell } from "./sync.js";
import { clock, number, say } from "./words.js";

const EVERY_MS = 10_000;
const LISTS_MS = 60_000;

const main = byId("main");
const status = byId("status");

/** @type {Setup | AtTheDoor | undefined} */
let view;
/** @type {import("../shared/http.js").Failure | undefined} */
let failure;
let untold = 0;
let listedAt = -Infinity;
let isKept = true;
let isWorking = false;

function render() {
  renderFrame(say);
  renderAccount(say);
  document.title = `${say("gatePage")} · Cinema Tickets`;
  fill(
    byId("promises"),
    say("promises").map((promise) => el("li", {}, promise)),
  );
  view?.render();
  renderStatus();
}

const renderStatus = () => fill(status, ...statusLines());

function statusLines() {
  const alone = scan.isAlone();
  return [
    el("p", { class: alone ? "link alone" : "link" }, say(alone ? "alone" : "inTouch")),
    el("p", {}, listLine()),
    untold > 0 && el("p", { class: "untold" }, say("untold", number(untold), untold)),
    whoAsks(),
    !isKept && el("p", { class: "hint" }, say("notKept")),
  ];
}

function listLine() {
  const asOf = lists.asOf();
  if (!asOf) return say("noList");
  return say("list", clock(asOf), number(lists.known.screenings.size), number(lists.ticketCount()));
}

function whoAsks() {
  if (failure?.status === 403) return el("p", { class: "notice" }, say("gatesOnly"));
  if (mayAsk()) return undefined;
  const way = button("sign-in", say("signIn"), () => signIn.begin(), "primary");
  return el("div", { class: "notice" }, el("p", {}, say("signInHint")), way);
}

/** Shows the view for scanning; before that, the choice of the gate and its rooms. */
function open() {
  camera.stop();
  const gate = settings.gate();
  view = gate
    ? new AtTheDoor({ gate, change: choose, scanned: () => void countUntold().then(work) })
    : new Setup(start);
  fill(main, view.element);
  render();
}

function choose() {
  camera.stop();
  view = new Setup(start);
  fill(main, view.element);
  render();
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function start() {
  listedAt = -Infinity;
  open();
  main.querySelector("h1")?.focus({ preventScroll: true });
  work();
}

/** Renews old lists, and reports admissions to the cinema. Runs only with a network, and never twice at the same time. */
async function work() {
  if (!mayAsk()) scan.answered(false);
  if (isWorking || !navigator.onLine || !mayAsk()) return renderStatus();
  isWorking = true;
  try {
    const due = Date.now() - listedAt > LISTS_MS || failure !== undefined;
    const failed = (due ? await lists.refresh(settings.gate()?.rooms ?? []) : undefined) ?? (await tell());
    if (due && !failed) listedAt = Date.now();
    failure = failed;
    scan.answered(!failed || !isSilence(failed));
  } finally {
    isWorking = false; // also after a failure on this device: the next call tries again
  }
  return countUntold();
}

const mayAsk = () => !signIn.isOn || signIn.isSignedIn();

/**
 * Tells whether the cinema does not decide on this gate's scans at this moment.
 * @param {import("../shared/http.js").Failure} failed
 */
const isSilence = ({ status = 500 }) => status >= 500 || status === 401 || status === 403;

/** Counts the unreported admissions, and collects those that the cinema would have refused. */
async function countUntold() {
  const waiting = await admissions.inState("waiting");
  const conflicts = await admissions.inState("conflict");
  untold = waiting.length;
  status.dataset.untold = String(untold);
  view?.heard(conflicts);
  renderStatus();
}

wireAccount();
wireFrame(say, { spoken: render });
for (const change of ["online", "offline"]) addEventListener(change, () => (scan.answered(navigator.onLine), work()));
document.addEventListener("visibilitychange", () => document.hidden || work());
setInterval(work, EVERY_MS);
render();
const ready = await Promise.allSettled([signIn.finish(), lists.recall(), admissions.tidy(Date.now())]);
for (const each of ready) if (each.status === "rejected") reportError(each.reason);
open();
await work().catch(reportError);
isKept = await keepPage();
renderStatus();
