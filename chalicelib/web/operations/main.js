/** The operator's board: asks for the numbers every few seconds, and draws them. */

import { el, fill } from "../seats/dom.js";
import { language, otherLanguage, speak } from "../seats/language.js";
import { nextTheme, renderTheme } from "../seats/theme.js";
import { foreignZone } from "../seats/zone.js";
import * as api from "./api.js";
import { chart, svg } from "./chart.js";
import { button, cell, heading, queues } from "./queues.js";
import { clock, dayAndTime, money, number, percent, say } from "./words.js";

const EVERY_MS = 5000;

const main = document.getElementById("main");
const themes = () => say("theme");

let board;
let failure;
let cursor;
let paused = false;
let asking = false;

async function refresh() {
  if (asking) return;
  asking = true;
  const wanted = cursor;
  try {
    const answer = await api.board(wanted);
    if (wanted === cursor) [board, failure] = [answer, undefined];
  } catch (caught) {
    failure = api.asFailure(caught);
    if (failure.status === 400) cursor = undefined;
  } finally {
    asking = false;
  }
  render();
  if (wanted !== cursor) refresh();
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
  document.title = `${say("operations")} · Cinema Tickets`;
  fill(main, shown());
}

function shown() {
  if (failure?.status === 404) return nothing("off", say("offHint"));
  if (!board) return failure ? nothing("operations", say("unanswered")) : el("p", { class: "loading" }, say("loading"));
  return [
    head(),
    section("inAll", "tiles", tiles()),
    el("div", { class: "charts" }, charts()),
    section("queues", "", queues(board.queues, refresh)),
    section("screenings", "", screenings()),
  ];
}

function nothing(title, hint) {
  return el("div", { class: "empty" }, el("h1", { tabindex: "-1" }, say(title)), el("p", {}, hint));
}

function section(name, kind, ...children) {
  const id = `section-${name}`;
  const title = el("h2", { id, class: kind === "tiles" && "unseen" }, say(name));
  return el("section", { class: kind, "aria-labelledby": id }, title, ...children);
}

function head() {
  const moment = clock(board.asOf, true);
  return el(
    "div",
    { class: "head" },
    el("h1", { tabindex: "-1" }, say("operations")),
    el("p", { class: "as-of" }, [say("asOf", moment), zoneIfOther()].filter(Boolean).join(" · ")),
    button("pause", say(paused ? "goOn" : "pause"), undefined, pause),
    dependencies(),
    (failure || paused) && el("p", { class: "notice" }, failure ? say("stale", moment) : say("paused")),
  );
}

/** Named where the operator's own clocks show another time than the cinema's. */
function zoneIfOther() {
  const zone = foreignZone([board.asOf, ...(board.screenings ?? []).map(({ startTime }) => startTime)]);
  return zone && say("cinemaTime", zone);
}

function dependencies() {
  const items = board.dependencies.map(({ name, state, latencyMs, reason, breaker }) => {
    const words = state === "up" ? say("up", name, number(latencyMs)) : say("down", name);
    const more = [reason, breaker && breaker !== "closed" && say("breaker", breaker)].filter(Boolean);
    return el("li", { class: `state ${state}` }, [words, ...more].join(" · "));
  });
  return el("ul", { class: "states", "aria-label": say("dependencies") }, items);
}

function tiles() {
  const { totals, queues: states, refusals } = board;
  const dead = states?.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
  const refused = refusals?.overTime.reduce((sum, { count }) => sum + count, 0);
  return el(
    "dl",
    { class: "tile-row" },
    totals && [
      tile("sold", number(totals.soldSeats), `${say("soldOf", number(totals.totalSeats))} · ${percent(totals.occupancy)}`),
      tile(
        "revenue",
        money(totals.netRevenue),
        totals.revenue > totals.netRevenue && say("revenueHint", money(totals.revenue)),
      ),
      tile("held", number(totals.heldSeats), say("heldHint")),
      tile("conversion", percent(totals.conversion), say("conversionHint", number(totals.sales), number(totals.holds))),
    ],
    tile("refused", refused === undefined ? "–" : number(refused), say("refusedHint")),
    tile("dead", dead === undefined ? "–" : number(dead), say("deadHint"), dead > 0 && "alarm"),
  );
}

function tile(name, value, hint, kind) {
  return el(
    "div",
    { class: `tile card-like ${kind || ""}` },
    el("dt", {}, say(name)),
    el("dd", {}, value),
    hint && el("dd", { class: "hint" }, hint),
  );
}

function charts() {
  const { overTime, refusals } = board;
  return [
    overTime ? sales(overTime) : unreadable("overTime"),
    overTime ? conversion(overTime) : unreadable("conversionOverTime"),
    refusals && refused(refusals.overTime),
    reasons(refusals),
  ];
}

function sales(overTime) {
  const of = (name) => overTime.map((each) => each[name]);
  const series = ["holds", "sales", "expiries"].map((name) => ({ name: say(name), kind: name, values: of(name) }));
  return chart({ ...named("overTime"), times: of("at"), series, written: number });
}

function conversion(overTime) {
  const values = overTime.map((each) => each.conversion);
  const series = [{ name: say("conversion"), kind: "sales", values }];
  const most = Math.max(1, ...values.filter((value) => value !== undefined));
  return chart({ ...named("conversionOverTime"), times: overTime.map(({ at }) => at), series, written: percent, most });
}

function refused(overTime) {
  const series = [{ name: say("refused"), kind: "refusals", values: overTime.map(({ count }) => count) }];
  return chart({ ...named("refusalsOverTime"), times: overTime.map(({ at }) => at), series, written: number });
}

const named = (name) => ({ title: say(name), hint: say(`${name}Hint`) });

function unreadable(name) {
  return el("figure", { class: "chart card-like" }, el("h3", {}, say(name)), el("p", {}, say("unreadable")));
}

function reasons(refusals) {
  const most = Math.max(1, ...(refusals?.byReason ?? []).map(({ count }) => count));
  const items = refusals?.byReason.map(({ code, count }) =>
    el(
      "li",
      {},
      el("span", { class: "reason" }, say("reasons")[code] ?? code),
      el("span", { class: "code" }, code),
      bar(count / most, "refusals"),
      el("span", { class: "count" }, number(count)),
    ),
  );
  const words = refusals ? say("noRefusals") : say("notCounted");
  return el(
    "figure",
    { class: "chart card-like" },
    el("figcaption", {}, el("h3", {}, say("byReason")), el("p", { class: "hint" }, say("byReasonHint"))),
    items?.length ? el("ul", { class: "reasons" }, items) : el("p", { class: "said" }, words),
  );
}

/** A share as a bar, beside the number that says the same. */
function bar(share, kind) {
  return svg(
    "svg",
    { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "bar-all", width: 100, height: 8 }),
    svg("rect", { class: `bar-part ${kind}`, width: Math.min(100, 100 * share), height: 8 }),
  );
}

function screenings() {
  if (!board.screenings) return el("p", { class: "hint" }, say("unreadable"));
  const columns = ["screening", "occupancy", "heldSeats", "revenue", "holds", "expired", "conversion"];
  return [
    board.screenings.length
      ? el(
          "table",
          { class: "listing card-like", role: "table" },
          el("caption", { class: "unseen" }, say("screenings")),
          el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, columns.map(heading))),
          el("tbody", { role: "rowgroup" }, board.screenings.map(screening)),
        )
      : el("p", { class: "said" }, say("nothingOn")),
    el(
      "div",
      { class: "actions" },
      cursor && button("first", say("now"), undefined, () => turnTo(undefined)),
      board.nextCursor && button("later", say("later"), undefined, () => turnTo(board.nextCursor)),
    ),
  ];
}

function screening(each) {
  const href = `./#/screenings/${encodeURIComponent(each.sessionId)}`;
  return el(
    "tr",
    { role: "row" },
    el(
      "th",
      { scope: "row", role: "rowheader" },
      el("a", { href, class: "movie", "data-key": `screening-${each.sessionId}` }, each.movieTitle),
      el("span", { class: "hint" }, [dayAndTime(each.startTime), say("room", each.roomNumber)].join(" · ")),
      each.status && el("span", { class: "cancelled" }, say("screeningStatus")[each.status]),
    ),
    cell(
      "occupancy",
      "share",
      bar(each.occupancy, "sales"),
      el("span", {}, `${percent(each.occupancy)} · ${say("soldSeats", number(each.soldSeats), number(each.totalSeats))}`),
    ),
    cell("heldSeats", "count", number(each.heldSeats)),
    cell("revenue", "count", money(each.netRevenue)),
    cell("holds", "count", number(each.holds)),
    cell("expired", "count", number(each.expiries)),
    cell("conversion", "count", percent(each.conversion)),
  );
}

function turnTo(wanted) {
  cursor = wanted;
  refresh();
}

function pause() {
  paused = !paused;
  render();
  if (!paused) refresh();
}

document.getElementById("language").addEventListener("click", () => (speak(otherLanguage()), render()));
document.getElementById("theme").addEventListener("click", () => nextTheme(themes));
document.querySelector(".skip").addEventListener("click", () => main.focus());
document.addEventListener("visibilitychange", () => document.hidden || paused || refresh());
setInterval(() => document.hidden || paused || refresh(), EVERY_MS);
render();
refresh();
