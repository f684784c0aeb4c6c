// @ts-check
/** The HTTP API: a function for each request. Refusals are exceptions, and a request that is sent again has no second effect. */

import * as clock from "../shared/clock.js";
import { addressOf, Failure, isolateNames, sendRequest } from "../shared/http.js";
import * as signIn from "../shared/sign_in.js";

const TIMEOUT_MS = 8000;
const MOST_TRIES = 6;
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 5000;
const LONGEST_RETRY_AFTER_MS = 20_000;
const MAY_PASS = new Set([408, 425, 429, 500, 502, 503, 504]);
const STAYS = new Set(["PAYMENTS_UNAVAILABLE"]); // refusals that do not pass by themselves, so that nothing is tried again

/** A refusal by the server: `code` is the contract's code, `facts` the whole body, `serverMessage` the message for people. */
export class Refusal extends Failure {
  /**
   * @param {number} status
   * @param {unknown} answer
   * @param {number} retryAfterMs
   */
  constructor(status, answer, retryAfterMs) {
    const facts = Object(answer);
    const { error: code = "INTERNAL_ERROR", message: serverMessage } = facts;
    super(code, { status, facts, serverMessage, retryAfterMs, mayPass: MAY_PASS.has(status) && !STAYS.has(code) });
  }
}

/** There was no answer in time, or none in the contract's form. It is unknown whether the request took effect. */
const unreachable = () => new Failure("UNREACHABLE");

/** @typedef {import("contract").components["schemas"]} Schemas */
/** @typedef {Schemas["SessionBody"]} Session */
/** @typedef {Schemas["SeatMapBody"]} SeatMap */
/** @typedef {Schemas["SeatBody"]} Seat */
/** @typedef {Schemas["PurchaseBody"]} Purchase */
/** @typedef {import("./store.js").Hold} Hold */
/** @typedef {import("./store.js").Held} Held */

/**
 * @typedef {object} Waiting how a request waits for its next try
 * @property {(failure: Failure, pauseMs: number) => void} [paused] called before each pause
 * @property {AbortSignal} [signal] ends the waiting, with its own reason
 */

/**
 * Makes a function that checks whether an answer has the field, with the right type: a text by default.
 * @param {string} field
 * @param {(value: unknown) => boolean} [isRight]
 * @returns {(answer: any) => boolean}
 */
const has =
  (field, isRight = (value) => typeof value === "string") =>
  (answer) =>
    isRight(answer?.[field]);

/**
 * @param {string} from
 * @param {string} [cursor]
 * @returns {Promise<Schemas["ProgrammeBody"]>}
 */
export const programme = (from, cursor) =>
  read("api/sessions", { from, cursor, limit: 60 }, has("sessions", Array.isArray), true).then(namedEach("sessions"));

/**
 * @param {string} id
 * @returns {Promise<Session>}
 */
export const session = (id) =>
  read(`api/sessions/${encodeURIComponent(id)}`, {}, has("totalSeats", Number.isInteger), true).then(isolateNames);

/**
 * @param {string} id
 * @returns {Promise<Schemas["ReservationBody"]>}
 */
export const reservation = (id) => read(`api/reservations/${encodeURIComponent(id)}`, {}, has("status"));

/**
 * @param {string} userId
 * @param {string} [cursor]
 * @returns {Promise<Schemas["PurchasesBody"]>}
 */
export const purchases = (userId, cursor) =>
  read(
    `api/users/${signIn.isOn ? "me" : encodeURIComponent(userId)}/purchases`,
    { cursor, limit: 100 },
    has("purchases", Array.isArray),
  ).then(namedEach("purchases"));

/**
 * Gives the address of an invoice's PDF, once there is one. Does not follow it, because it is on another host. The page can't
 * just link to the API's redirect: if sign-in is on, the browser would send no token there.
 * @param {string} url
 * @returns {Promise<string>}
 */
export const invoice = (url) =>
  insist(() =>
    signIn.isOn
      ? ask("GET", `${url}?as=link`, { isWhole: has("url") }).then((link) => link.url)
      : ask("GET", addressOf(url), { redirect: "manual" }).then(() => addressOf(url)),
  );

/**
 * Asks for the signed tickets of a sale.
 * @param {string} url
 * @returns {Promise<Schemas["TicketsBody"]>}
 */
export const tickets = (url) => insist(() => ask("GET", url, { isWhole: has("tickets", Array.isArray) }));

/**
 * Replaces the ticket with this code by a new one; the old one is void. A repeated request gives the same new ticket.
 * @param {string} code
 * @returns {Promise<Schemas["TransferredTicketBody"]>}
 */
export const transfer = (code) =>
  send("POST", `api/tickets/${encodeURIComponent(code)}/transfer`, { isWhole: has("code") });

/**
 * Gets a sale's calendar file.
 * @param {string} url
 * @returns {Promise<string>}
 */
export const calendar = (url) => insist(() => ask("GET", url, { isText: true }));

/**
 * Gets the seat map, without trying again: a page that follows a screening asks regularly. A shared map may be a second old,
 * and a cache in between gives it to all who ask.
 * @param {string} sessionId
 * @param {AbortSignal} signal
 * @param {boolean} isShared
 * @returns {Promise<SeatMap>}
 */
export const seats = (sessionId, signal, isShared) =>
  ask("GET", `api/sessions/${encodeURIComponent(sessionId)}/seats${isShared ? "?maxAge=1" : ""}`, {
    signal,
    isPublic: true,
    isWhole: has("seats", Array.isArray),
  });

/** @type {Promise<string | null> | null | undefined} */
let live;

/** Gets the address of the WebSocket, once. Gives null if there is none, or the request failed. */
export const liveUrl = () =>
  (live ??= ask("GET", "api/live").then(
    ({ url }) => url ?? null,
    () => (live = null),
  ));

/**
 * Holds seats. Every try sends the idempotency key of the stored hold.
 * @param {Hold} hold
 * @param {Waiting} waiting
 * @returns {Promise<Schemas["HeldBody"]>}
 */
export const hold = ({ key, sessionId, userId, seats: seatNumbers, email }, waiting) =>
  send(
    "POST",
    "api/reservations",
    { key, body: { sessionId, seatNumbers, ...(signIn.isOn ? {} : { userId, email }) }, isWhole: has("reservationId") },
    waiting,
  );

/**
 * Starts the payment of a hold. A repeated request gives the same payment.
 * @param {Held} hold
 * @param {Waiting} waiting
 * @returns {Promise<Schemas["StartedPaymentBody"]>}
 */
export const payment = ({ reservationId }, waiting) =>
  send("POST", `api/reservations/${encodeURIComponent(reservationId)}/payment`, { isWhole: has("paymentId") }, waiting);

/**
 * Confirms a hold. The transaction's id makes a repeated request the same payment. Seats that cost nothing have no transaction.
 * @param {Held} hold
 * @param {Waiting} waiting
 * @returns {Promise<Schemas["ConfirmationBody"]>}
 */
export const confirm = ({ reservationId, transactionId }, waiting) =>
  send(
    "POST",
    `api/reservations/${encodeURIComponent(reservationId)}/confirm`,
    { body: transactionId ? { paymentMethod: "card", transactionId } : {}, isWhole: has("saleId") },
    waiting,
  );

/**
 * Gives a hold back.
 * @param {Held} hold
 * @param {Waiting} waiting
 */
export const release = ({ reservationId }, waiting) =>
  send("DELETE", `api/reservations/${encodeURIComponent(reservationId)}`, {}, waiting);

/** @type {NonNullable<Waiting["paused"]>} */
let reading = () => {};

/**
 * Sets the listener that is called before each pause between two tries to read: see `insist`.
 * @param {NonNullable<Waiting["paused"]>} listener
 */
export const whileReading = (listener) => (reading = listener);

/**
 * @param {string} path
 * @param {Record<string, string | number | undefined>} query
 * @param {(answer: any) => boolean} isWhole
 * @param {boolean} [isPublic]
 */
function read(path, query, isWhole, isPublic) {
  const wanted = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
  return insist(() => ask("GET", [path, wanted].filter(String).join("?"), { isWhole, isPublic }), {
    paused: (...pause) => reading(...pause),
  });
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Request} request
 * @param {Waiting} [waiting]
 */
function send(method, path, request, waiting = {}) {
  return insist(() => ask(method, path, { ...request, signal: waiting.signal }), waiting);
}

const namedEach = (field) => (answer) => ({ ...answer, [field]: answer[field].map(isolateNames) });

/**
 * @typedef {object} Request
 * @property {object} [body]
 * @property {string} [key] the idempotency key
 * @property {AbortSignal} [signal]
 * @property {RequestRedirect} [redirect]
 * @property {boolean} [isPublic] the answer is the same for everybody
 * @property {(answer: any) => boolean} [isWhole] an answer without the fields that the page lives on is none
 * @property {boolean} [isText] the answer is no JSON
 */

/**
 * Sends a request once. Throws a Failure.
 * @param {string} method
 * @param {string} path
 * @param {Request} request
 * @returns {Promise<any>}
 */
async function ask(method, path, request = {}) {
  try {
    return await answerTo(method, path, request);
  } catch (caught) {
    if (request.signal?.aborted) throw request.signal.reason;
    const failure = caught instanceof Failure ? caught : unreachable();
    if (failure.code === "UNAUTHENTICATED" && signIn.isOn) await signIn.begin();
    throw Object.assign(failure, { reading: method === "GET" });
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Request} request
 */
async function answerTo(method, path, { body, key, signal, redirect, isPublic, isText, isWhole = () => true }) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const sentAt = Date.now();
  const response = await sendRequest(method, path, {
    body,
    key,
    redirect,
    isPublic,
    cache: "no-cache", // asks with If-None-Match where there was an ETag
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  if (!response.headers.has("Age")) clock.learn(sentAt, Date.now(), Date.parse(response.headers.get("Date") ?? ""));
  if (response.type === "opaqueredirect") return undefined;
  if (response.ok) return isText ? response.text() : whole(await response.json(), isWhole);
  const answer = await response.json().catch(() => ({})); // a gateway may have its own form
  throw new Refusal(response.status, answer, 1000 * (Number(response.headers.get("Retry-After")) || 0));
}

function whole(answer, isWhole) {
  if (!isWhole(answer)) throw unreachable();
  return answer;
}

/**
 * Tries a request again, with growing pauses, after failures that may pass by themselves, and after a lost connection for as
 * long as it takes. Never tries sooner than the server's Retry-After. The pauses are random, because thousands of pages may
 * have been refused in the same second.
 *
 * @template Answer
 * @param {() => Promise<Answer>} attempt
 * @param {Waiting} [waiting]
 * @returns {Promise<Answer>}
 */
async function insist(attempt, { paused = () => {}, signal } = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (caught) {
      const failure = /** @type {Failure} */ (caught); // the caller's own faults pass through: they may not pass by themselves
      if (!failure.mayPass || tries === MOST_TRIES || failure.retryAfterMs > LONGEST_RETRY_AFTER_MS) throw failure;
      const pause = Math.max(failure.retryAfterMs * (1 + Math.random() / 2), pauseAfter(tries));
      paused(failure, pause);
      await after(pause, signal);
      if (!navigator.onLine) tries -= await connection(signal);
    }
  }
}

function pauseAfter(tries) {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
  return longest * (0.5 + Math.random() / 2);
}

/**
 * Resolves after that time. Rejects as soon as `signal` is aborted.
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 */
export const after = (milliseconds, signal) =>
  until((done) => {
    const timer = setTimeout(done, milliseconds);
    return () => clearTimeout(timer);
  }, signal);

/** @param {AbortSignal} [signal] */
const connection = (signal) =>
  until((done) => {
    const back = () => done(1);
    addEventListener("online", back, { once: true });
    return () => removeEventListener("online", back);
  }, signal);

/**
 * @param {(done: (value?: any) => void) => () => void} begin returns how it is stopped
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
function until(begin, signal) {
  return new Promise((done, stopped) => {
    const stop = begin(done);
    signal?.addEventListener("abort", () => (stop(), stopped(signal.reason)), { once: true });
  });
}
