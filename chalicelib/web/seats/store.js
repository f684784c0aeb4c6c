// @ts-check
/**
 * The data that this browser stores: the buyer's id, the holds, the settings of the page.
 *
 * A hold is stored with its idempotency key *before* it is requested, and a payment before it is started. So after a reload in
 * between, the page sends the same request again, which has no second effect.
 */

import * as signIn from "../shared/sign_in.js";
import { keep, readAll } from "../shared/storage.js";

const MINUTE_MS = 60_000;

/**
 * @typedef {object} Hold
 * @property {string} key the idempotency key
 * @property {number} askedAt
 * @property {string} userId
 * @property {string} sessionId
 * @property {string} movieTitle
 * @property {string[]} seats
 * @property {string} [email]
 * @property {string} [reservationId] once the server has answered
 * @property {string} [expiresAt]
 * @property {number} [totalAmount]
 * @property {string} [paying] the id of the payment that is under way
 * @property {string} [transactionId] the one that pays for it
 * @property {boolean} [madeUp] whether this page has invented the transaction: no gateway is there
 */

/** @typedef {Hold & { reservationId: string, expiresAt: string, totalAmount: number }} Held a hold that the server has confirmed */

/** Reads who the buyer is and what is held. Anything that is not as we write it counts as absent. */
function readOurs() {
  const { userId, holds: held } = readAll();
  return {
    userId: typeof userId === "string" ? userId : undefined,
    holds: Array.isArray(held) ? held.filter(isHold) : [],
  };
}

/** @type {(hold: any) => hold is Hold} */

const isHold = (hold) =>
  ["key", "sessionId", "userId"].every((name) => typeof hold?.[name] === "string") &&
  Number.isFinite(hold.askedAt) &&
  Array.isArray(hold.seats) &&
  hold.seats.every((seat) => typeof seat === "string");

/** Makes a random UUID; crypto.randomUUID itself is missing where the page comes over plain HTTP. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Gives the buyer's id, made at the first call. There is no login: a browser is a buyer. */
export function userId() {
  const known = readOurs().userId;
  if (known) return known;
  const made = `web-${uuid()}`;
  keep({ userId: made });
  return made;
}

/**
 * Gives the requested holds that have not ended, oldest first. A hold without a reservationId has no answer yet.
 * @param {string} [sessionId]
 */
export function holds(sessionId) {
  const live = readOurs().holds.filter((hold) => Date.now() - hold.askedAt < remembered(hold));
  return sessionId ? live.filter((hold) => hold.sessionId === sessionId) : live;
}

/**
 * Gives how long a hold is stored: with a payment, as long as the server stores the reservation; with an answer, longer than any
 * hold lasts; without an answer, a short time.
 * @param {Hold} hold
 */
function remembered({ paying, reservationId }) {
  if (paying) return 24 * 60 * MINUTE_MS;
  if (reservationId) return 20 * MINUTE_MS;
  return signIn.isOn ? 5 * MINUTE_MS : MINUTE_MS; // the way to the sign-in and back takes its time
}

/** @param {Hold} hold */
export function saveHold(hold) {
  const others = holds().filter(({ key }) => key !== hold.key);
  keep({ holds: [...others, hold].sort((one, other) => one.askedAt - other.askedAt) });
}

/**
 * Tells whether the hold is still stored: another tab may have ended it.
 * @param {Hold} hold
 */
export const isHeld = ({ key }) => holds().some((hold) => hold.key === key);

/**
 * Saves the hold with all that has become known about it, unless it has ended meanwhile.
 * @param {Hold} hold
 */
export function updateHold(hold) {
  if (isHeld(hold)) saveHold(hold);
}

/** @param {Hold} hold */
export function dropHold(hold) {
  keep({ holds: holds().filter(({ key }) => key !== hold.key) });
}
