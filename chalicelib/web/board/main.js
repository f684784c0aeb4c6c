// @ts-check
/** The operator's board: asks for the numbers every few seconds, and draws them. */

import { renderAccount, wireAccount } from "../shared/account.js";
import { byId, el, fill } from "../shared/dom.js";
import { renderFrame, wireFrame } from "../shared/frame.js";
import { asFailure } from "../shared/http.js";
import { button } from "../shared/parts.js";
import * as signIn from "../shared/sign_in.js";
import { money } from "../shared/words.js";
import { foreignZone } from "../shared/zone.js";
import * as api from "./api.js";
import { chart, svg } from "./chart.js";
import { cell, heading, queues } from "./queues.js";
import { clock, dayAndTime, number, percent, say } from "./words.js";

const EVERY_MS = 5000;
const NAMES = /** @type {const} */ (["holds", "sales", "expiries"]);

const main = byId("main");

/** @type {api.Board | undefined} */
let latest;
/** @type {import("../shared/http.js").Failure | undefined} */
let failure;
/** @type {string | undefined} */
let cursor;
let paused = false;
let asking = false;

async function refresh() {
  if (asking) return;
  asking = true;
  const wanted = cursor;
  try {
    const answer = await api.board(wanted);
    if (wanted === cursor) [latest, failure] = [answer, undefined];
  } catch (caught) {
    failure = asFailure(caught);
    if (failure.status === 400) cursor = undefined;
  } finally {
    asking = false;
  }
  render();
  if (wanted !== cursor) refresh();
}

function render() {
  renderFrame(say);
  renderAccount(say);
  document.title = `${say("operations")} · Cinema Tickets`;
  fill(main, shown());
}

function shown() {
  if (failure?.status === 404) return nothing("off", say("offHint"));
  if (failure?.status === 403) return nothing("operations", say("operatorsOnly"));
  if (failure?.status === 401) return nothing("operations", say("signInHint"), signInButton());
  if (!latest)
    return failure ? nothing("operations", say("unanswered")) : el("p", { class: "loading" }, say("loading"));
  return [
    head(latest),
    section("inAll", "tiles", tiles(latest)),
    el("div", { class: "charts" }, charts(latest)),
    section("queues", "", queues(latest.queues, refresh)),
    section("screenings", "", screenings(latest)),
  ];
}

function nothing(title, hint, ...ways) {
  return el("div", { class: "empty" }, el("h1", { tabindex: "-1" }, say(title)), el("p", {}, hint), ...ways);
}

const signInButton = () => button("sign-in", say("signIn"), () => signIn.begin(), "primary");

function section(name, kind, ...children) {
  const id = `section-${name}`;
  const title = el("h2", { id, class: kind === "tiles" && "unseen" }, say(name));
  return el("section", { class: kind, "aria-labelledby": id }, title, ...children);
}

/** @param {api.Board} board */
function head(board) {
  const moment = clock(board.asOf, true);
  return el(
    "div",
    { class: "head" },
    el("h1", { tabindex: "-1" }, say("operations")),
    el("p", { class: "as-of" }, [say("asOf", moment), zoneIfOther(board)].filter(Boolean).join(" · ")),
    button("pause", say(paused ? "goOn" : "pause"), pause),
    dependencies(board),
    (failure || paused) && el("p", { class: "notice" }, failure ? say("stale", moment) : say("paused")),
  );
}

/**
 * Names the zone where the operator's own clocks show another time than the cinema's.
 * @param {api.Board} board
 */
function zoneIfOther(board) {
  const zone = foreignZone([board.asOf, ...(board.screenings ?? []).map(({ startTime }) => startTime)]);
  return zone && say("cinemaTime", zone);
}

/** @param {api.Board} board */
function dependencies(board) {
  const items = board.dependencies.map(({ name, state, latencyMs, reason, breaker }) => {
    const words = state === "up" ? say("up", name, number(latencyMs)) : say("down", name);
    const more = [reason, breaker && breaker !== "closed" && say("breaker", breaker)].filter(Boolean);
    return el("li", { class: `state ${state}` }, [words, ...more].join(" · "));
  });
  return el("ul", { class: "states", "aria-label": say("dependencies") }, items);
}

/** @param {api.Board} board */
function tiles(board) {
  const { totals, queues: states, refusals } = board;
  const dead = states?.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
  const refused = refusals?.overTime.reduce((sum, { count }) => sum + count, 0);
  return el(
    "dl",
    { class: "tile-row" },
    totals && [
      tile(
        "sold",
        number(totals.soldSeats),
        `${say("soldOf", number(totals.totalSeats))} · ${percent(totals.occupancy)}`,
      ),
      tile(
        "revenue",
        money(totals.netRevenue),
        totals.revenue > totals.netRevenue && say("revenueHint", money(totals.revenue)),
      ),
      tile("held", number(totals.heldSeats), say("heldHint")),
      tile("conversion", percent(totals.conversion), say("conversionHint", number(totals.sales), number(totals.holds))),
    ],
    tile("refused", refused === undefined ? "–" : number(refused), say("refusedHint")),
    tile("dead", dead === undefined ? "–" : number(dead), say("deadHint"), dead ? "alarm" : ""),
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

/** @param {api.Board} board */
function charts(board) {
  const { overTime, refusals } = board;
  return [
    overTime ? sales(overTime) : unreadable("overTime"),
    overTime ? conversion(overTime) : unreadable("conversionOverTime"),
    refusals && refused(refusals.overTime),
    reasons(refusals),
  ];
}

/** @typedef {NonNullable<api.Board["overTime"]>} OverTime */

/** @param {OverTime} overTime */
function sales(overTime) {
  /** @param {"holds" | "sales" | "expiries"} name */
  const of = (name) => overTime.map((each) => each[name]);
  const series = NAMES.map((name) => ({ name: say(name), kind: name, values: of(name) }));
  return chart({ ...named("overTime"), times: overTime.map(({ at }) => at), series, written: number });
}

/** @param {OverTime} overTime */
function conversion(overTime) {
  const values = overTime.map((each) => each.conversion);
  const series = [{ name: say("conversion"), kind: "sales", values }];
  const most = Math.max(1, ...values.filter((value) => value !== undefined));
  return chart({ ...named("conversionOverTime"), times: overTime.map(({ at }) => at), series, written: percent, most });
}

/** @param {NonNullable<api.Board["refusals"]>["overTime"]} overTime */
function refused(overTime) {
  const series = [{ name: say("refused"), kind: "refusals", values: overTime.map(({ count }) => count) }];
  return chart({ ...named("refusalsOverTime"), times: overTime.map(({ at }) => at), series, written: number });
}

/** @param {"overTime" | "conversionOverTime" | "refusalsOverTime"} name */
const named = (name) => ({ title: say(name), hint: say(`${name}Hint`) });

function unreadable(name) {
  return el("figure", { class: "chart card-like" }, el("h3", {}, say(name)), el("p", {}, say("unreadable")));
}

/** @param {api.Board["refusals"]} refusals */
function reasons(refusals) {
  const most = Math.max(1, ...(refusals?.byReason ?? []).map(({ count }) => count));
  const items = refusals?.byReason.map(({ code, count }) =>
    el(
      "li",
      {},
      el("span", { class: "reason" }, /** @type {Record<string, string>} */ (say("reasons"))[code] ?? code),
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

/**
 * Draws a share as a bar, beside the number that says the same.
 * @param {number} share
 * @param {string} kind
 */
function bar(share, kind) {
  return svg(
    "svg",
    { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "bar-all", width: 100, height: 8 }),
    svg("rect", { class: `bar-part ${kind}`, width: Math.min(100, 100 * share), height: 8 }),
  );
}

/** @param {api.Board} board */
function screenings(board) {
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
      cursor && button("first", say("now"), () => turnTo(undefined)),
      board.nextCursor && button("later", say("later"), () => turnTo(board.nextCursor)),
    ),
  ];
}

/** @param {NonNullable<api.Board["screenings"]>[number]} each */
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
      el(
        "span",
        {},
        `${percent(each.occupancy)} · ${say("soldSeats", number(each.soldSeats), number(each.totalSeats))}`,
      ),
    ),
    cell("heldSeats", "count", number(each.heldSeats)),
    cell("revenue", "count", money(each.netRevenue)),
    cell("holds", "count", number(each.holds)),
    cell("expired", "count", number(each.expiries)),
    cell("conversion", "count", percent(each.conversion)),
  );
}

/** @param {string | undefined} wanted */
function turnTo(wanted) {
  cursor = wanted;
  refresh();
}

function pause() {
  paused = !paused;
  render();
  if (!paused) refresh();
}

wireAccount();
wireFrame(say, { spoken: render });
document.addEventListener("visibilitychange", () => document.hidden || paused || failure?.status === 401 || refresh());
setInterval(() => document.hidden || paused || failure?.status === 401 || refresh(), EVERY_MS);
render();
signIn.finish().then(refresh);
