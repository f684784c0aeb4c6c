/** The HTTP contract: one function for each request, refusals as exceptions, and resending that never acts twice. */

import * as clock from "./clock.js";
import { language } from "./language.js";

// From this module's own address, so that a stage's path (/dev/assets/seats/api.js) stays in front.
const ROOT = new URL("../../", import.meta.url);

const TIMEOUT_MS = 8000;
const MOST_TRIES = 6;
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 5000;
const LONGEST_RETRY_AFTER_MS = 20_000;
const MAY_PASS = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The server said no: `code` is the contract's, `facts` its whole body. */
export class Refusal extends Error {
  constructor(status, body, retryAfterMs) {
    super(body.message ?? "");
    this.status = status;
    this.code = body.error ?? "INTERNAL_ERROR";
    this.facts = body;
    this.retryAfterMs = retryAfterMs;
    this.mayPass = MAY_PASS.has(status);
  }
}

/** Nobody answered, in time or at all. Whether the request took effect is unknown. */
export class Unreachable extends Error {
  code = "UNREACHABLE";
  facts = {};
  mayPass = true;
}

export const programme = (from, cursor) => read("api/sessions", { from, cursor, limit: 60 });
export const session = (id) => read(`api/sessions/${encodeURIComponent(id)}`);
export const reservation = (id) => read(`api/reservations/${encodeURIComponent(id)}`);
export const purchases = (userId, cursor) =>
  read(`api/users/${encodeURIComponent(userId)}/purchases`, { cursor, limit: 100 });

/** Where a path is that the API has named: it starts with a slash and knows no stage. */
export const addressOf = (path) => new URL(path.replace(/^\/+/, ""), ROOT).href;

/** Returns when there is a PDF to be sent to, and does not go there: another host has it. */
export const invoice = (url) => insist(() => ask("GET", addressOf(url), { redirect: "manual" }));

/** One try, no more: who follows a screening asks again anyway. */
export const seats = (sessionId, signal) =>
  ask("GET", `api/sessions/${encodeURIComponent(sessionId)}/seats`, { signal });

let live;

/** Where the WebSocket is, asked for once; null where there is none, or where nobody could say. */
export const liveUrl = () => (live ??= ask("GET", "api/live").then(({ url }) => url ?? null, () => (live = null)));

/** `hold` is what the store remembers: its key goes with every try. */
export const hold = ({ key, sessionId, userId, seats: seatNumbers, email }, waiting) =>
  insist(() => ask("POST", "api/reservations", { key, body: { sessionId, userId, seatNumbers, email } }), waiting);

/** The transaction's id makes it the same payment, however often it is sent. */
export const confirm = ({ reservationId, transactionId }, waiting) =>
  insist(
    () =>
      ask("POST", `api/reservations/${encodeURIComponent(reservationId)}/confirm`, {
        body: { paymentMethod: "demo", transactionId },
      }),
    waiting,
  );

export const release = ({ reservationId }, waiting) =>
  insist(() => ask("DELETE", `api/reservations/${encodeURIComponent(reservationId)}`), waiting);

function read(path, query = {}) {
  const wanted = Object.entries(query).filter(([, value]) => value !== undefined);
  return insist(() => ask("GET", `${path}?${new URLSearchParams(wanted)}`));
}

async function ask(method, path, { body, key, signal, redirect } = {}) {
  const headers = { "Accept-Language": language() };
  if (body) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const sentAt = Date.now();
  try {
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
    if (response.ok) return await response.json();
    const answer = await response.json().catch(() => ({})); // a gateway may have its own form
    throw new Refusal(response.status, answer, 1000 * Number(response.headers.get("Retry-After") ?? 0));
  } catch (failure) {
    if (failure instanceof Refusal || signal?.aborted) throw failure;
    throw new Unreachable(failure.message);
  }
}

/** Tries again, with growing pauses, what may pass by itself; waits out a lost connection for as long as it takes. */
async function insist(attempt, waiting = () => {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (failure) {
      const pause = failure.retryAfterMs || pauseAfter(tries);
      if (!failure.mayPass || tries === MOST_TRIES || pause > LONGEST_RETRY_AFTER_MS) throw failure;
      waiting(failure, pause);
      await after(pause);
      if (!navigator.onLine) tries -= await connection();
    }
  }
}

function pauseAfter(tries) {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
  return longest * (0.5 + Math.random() / 2);
}

const after = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const connection = () => new Promise((back) => addEventListener("online", () => back(1), { once: true }));
