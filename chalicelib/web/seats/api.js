/** The HTTP contract: one function for each request, refusals as exceptions, and resending that never acts twice. */

import * as clock from "./clock.js";
import { isolated } from "./dom.js";
import { language } from "./language.js";

// From this module's own address, so that a stage's path (/dev/assets/seats/api.js) stays in front.
const ROOT = new URL("../../", import.meta.url);

const TIMEOUT_MS = 8000;
const MOST_TRIES = 6;
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 5000;
const LONGEST_RETRY_AFTER_MS = 20_000;
const MAY_PASS = new Set([408, 425, 429, 500, 502, 503, 504]);
const STAYS = new Set(["PAYMENTS_UNAVAILABLE"]); // as long as the deployment is as it is

/**
 * Why there is no answer to go on with. `code` chooses the page's words for it; the exception's own text is for the
 * console and never shown. `reading`: nothing was to be changed.
 */
export class Failure extends Error {
  facts = {};
  reading = false;
  mayPass = true;
  retryAfterMs = 0;

  constructor(code, facts = {}) {
    super(code);
    Object.assign(this, { code, ...facts });
  }
}

/** The server said no: `code` is the contract's, `facts` its whole body, `told` its own words for people. */
export class Refusal extends Failure {
  constructor(status, answer, retryAfterMs) {
    const facts = Object(answer);
    const { error: code = "INTERNAL_ERROR", message: told } = facts;
    super(code, { status, facts, told, retryAfterMs, mayPass: MAY_PASS.has(status) && !STAYS.has(code) });
  }
}

/** Nobody answered, in time or at all, or not in the contract's form. Whether the request took effect is unknown. */
const unreachable = () => new Failure("UNREACHABLE");

/** The failure as one of ours. What else was thrown is a fault of this page, which stays loud where developers look. */
export function asFailure(caught) {
  if (caught instanceof Failure) return caught;
  reportError(caught);
  return new Failure("PAGE_FAULT");
}

const has = (field, isRight = (value) => typeof value === "string") => (answer) => isRight(answer?.[field]);

export const programme = (from, cursor) =>
  read("api/sessions", { from, cursor, limit: 60 }, has("sessions", Array.isArray)).then(namedEach("sessions"));
export const session = (id) =>
  read(`api/sessions/${encodeURIComponent(id)}`, {}, has("totalSeats", Number.isInteger)).then(named);
export const reservation = (id) => read(`api/reservations/${encodeURIComponent(id)}`, {}, has("status"));
export const purchases = (userId, cursor) =>
  read(
    `api/users/${encodeURIComponent(userId)}/purchases`,
    { cursor, limit: 100 },
    has("purchases", Array.isArray),
  ).then(namedEach("purchases"));

/** Where a path is that the API has named: it starts with a slash and knows no stage. */
export const addressOf = (path) => new URL(path.replace(/^\/+/, ""), ROOT).href;

/** Returns when there is a PDF to be sent to, and does not go there: another host has it. */
export const invoice = (url) => insist(() => ask("GET", addressOf(url), { redirect: "manual" }));

/** One try, no more: who follows a screening asks again anyway. */
export const seats = (sessionId, signal) =>
  ask("GET", `api/sessions/${encodeURIComponent(sessionId)}/seats`, { signal, isWhole: has("seats", Array.isArray) });

let live;

/** Where the WebSocket is, asked for once; null where there is none, or where nobody could say. */
export const liveUrl = () => (live ??= ask("GET", "api/live").then(({ url }) => url ?? null, () => (live = null)));

/** `hold` is what the store remembers: its key goes with every try. */
export const hold = ({ key, sessionId, userId, seats: seatNumbers, email }, patience) =>
  send(
    "POST",
    "api/reservations",
    { key, body: { sessionId, userId, seatNumbers, email }, isWhole: has("reservationId") },
    patience,
  );

/** The payment of a hold, begun: the same one, however often it is asked for. */
export const payment = ({ reservationId }, patience) =>
  send(
    "POST",
    `api/reservations/${encodeURIComponent(reservationId)}/payment`,
    { isWhole: has("paymentId") },
    patience,
  );

/** The transaction's id makes it the same payment, however often it is sent; what is free of charge has none. */
export const confirm = ({ reservationId, transactionId }, patience) =>
  send(
    "POST",
    `api/reservations/${encodeURIComponent(reservationId)}/confirm`,
    { body: transactionId ? { paymentMethod: "card", transactionId } : {}, isWhole: has("saleId") },
    patience,
  );

export const release = ({ reservationId }, patience) =>
  send("DELETE", `api/reservations/${encodeURIComponent(reservationId)}`, {}, patience);

/** Told of each pause before something is read again: see `insist`. */
let reading = () => {};
export const whileReading = (told) => (reading = told);

function read(path, query, isWhole) {
  const wanted = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined));
  return insist(() => ask("GET", [path, wanted].filter(String).join("?"), { isWhole }), {
    waiting: (...pause) => reading(...pause),
  });
}

function send(method, path, request, patience = {}) {
  return insist(() => ask(method, path, { ...request, signal: patience.signal }), patience);
}

/** Names are isolated where they come in, so that nothing of the page can be turned around by one. */
const named = (each) => ({
  ...each,
  movieTitle: isolated(each.movieTitle),
  roomNumber: each.roomNumber && isolated(each.roomNumber),
});
const namedEach = (field) => (answer) => ({ ...answer, [field]: answer[field].map(named) });

/** `isWhole(answer)`: an answer without what the page lives on is none. */
async function ask(method, path, request = {}) {
  try {
    return await answerTo(method, path, request);
  } catch (caught) {
    if (request.signal?.aborted) throw request.signal.reason;
    const failure = caught instanceof Failure ? caught : unreachable();
    throw Object.assign(failure, { reading: method === "GET" });
  }
}

async function answerTo(method, path, { body, key, signal, redirect, isWhole = () => true }) {
  const headers = { "Accept-Language": language() };
  if (body) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const sentAt = Date.now();
  const response = await fetch(new URL(path, ROOT), {
    method,
    headers,
    body: body && JSON.stringify(body),
    redirect,
    cache: "no-cache", // asks with If-None-Match where there was an ETag
    credentials: "same-origin",
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  if (!response.headers.has("Age")) clock.learn(sentAt, Date.now(), Date.parse(response.headers.get("Date")));
  if (response.type === "opaqueredirect") return undefined;
  if (response.ok) return whole(await response.json(), isWhole);
  const answer = await response.json().catch(() => ({})); // a gateway may have its own form
  throw new Refusal(response.status, answer, 1000 * (Number(response.headers.get("Retry-After")) || 0));
}

function whole(answer, isWhole) {
  if (!isWhole(answer)) throw unreachable();
  return answer;
}

/**
 * Tries again, with growing pauses, what may pass by itself; waits out a lost connection for as long as it takes.
 *
 * `waiting(failure, pauseMs)` is told of each pause; `signal` ends it with its own reason.
 */
async function insist(attempt, { waiting = () => {}, signal } = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (failure) {
      const pause = failure.retryAfterMs || pauseAfter(tries);
      if (!failure.mayPass || tries === MOST_TRIES || pause > LONGEST_RETRY_AFTER_MS) throw failure;
      waiting(failure, pause);
      await after(pause, signal);
      if (!navigator.onLine) tries -= await connection(signal);
    }
  }
}

function pauseAfter(tries) {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
  return longest * (0.5 + Math.random() / 2);
}

/** Resolves after that time; rejects as soon as `signal` says so. */
export const after = (milliseconds, signal) =>
  until((done) => {
    const timer = setTimeout(done, milliseconds);
    return () => clearTimeout(timer);
  }, signal);

const connection = (signal) =>
  until((done) => {
    const back = () => done(1);
    addEventListener("online", back, { once: true });
    return () => removeEventListener("online", back);
  }, signal);

/** `begin(done)` returns how it is stopped. */
function until(begin, signal) {
  return new Promise((done, stopped) => {
    const stop = begin(done);
    signal?.addEventListener("abort", () => (stop(), stopped(signal.reason)), { once: true });
  });
}
