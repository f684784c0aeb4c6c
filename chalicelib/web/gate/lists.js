// @ts-check
/**
 * What this gate knows beforehand: the keys, the screenings of its rooms with their tickets, and what is on elsewhere.
 *
 * It is asked for again every minute, kept in IndexedDB, and read from there by a page that opens without a connection.
 */

import * as clock from "../shared/clock.js";
import { asFailure } from "../shared/http.js";
import * as api from "./api.js";
import { readAll, replaceAll } from "./database.js";

const HOUR_MS = 60 * 60 * 1000;
const BEGAN_MS = 6 * HOUR_MS; // as ADMITTED_FOR in chalicelib/domain/tickets/ticket.py
const COMES_MS = 24 * HOUR_MS;

/** @type {import("./check.js").Known} */
export const known = { keys: new Map(), screenings: new Map(), elsewhere: new Map() };

/** @type {string[]} */
export let rooms = []; // all in which something is on

/** Gives when the oldest of the lists was made; nothing while there is none. */
export const asOf = () => [...known.screenings.values()].map((screening) => screening.asOf).sort()[0];

export const ticketCount = () =>
  [...known.screenings.values()].reduce((sum, { tickets }) => sum + tickets.filter((each) => !each.void).length, 0);

/** Reads what was kept before. */
export async function recall() {
  takeKeys(await readAll("keys"));
  take(await readAll("screenings"));
}

/**
 * Asks for all of it anew. Where a part can't be had, what was known of it stays. Gives the failure, if there was one.
 * @param {string[]} ours the gate's rooms
 * @returns {Promise<import("../shared/http.js").Failure | undefined>}
 */
export async function refresh(ours) {
  try {
    const now = clock.now();
    const [keys, programme] = await Promise.all([api.keys(), api.programme(now - BEGAN_MS, now + COMES_MS)]);
    rooms = [...new Set(programme.map(({ roomNumber }) => roomNumber))].sort();
    known.elsewhere = new Map(programme.map((session) => [session.sessionId, session]));
    const screenings = await listed(programme.filter(({ roomNumber }) => ours.includes(roomNumber)));
    takeKeys(keys);
    take(screenings);
    await Promise.all([replaceAll("keys", keys), replaceAll("screenings", screenings)]);
    return undefined;
  } catch (caught) {
    return asFailure(caught);
  }
}

/**
 * Asks for the tickets of each. A screening that was cancelled has no list any more, and keeps the one that it had.
 * @param {import("./api.js").Schemas["SessionBody"][]} sessions
 * @returns {Promise<import("./check.js").Screening[]>}
 */
async function listed(sessions) {
  const screenings = [];
  for (const { sessionId, status } of sessions) {
    const before = known.screenings.get(sessionId);
    if (status !== "cancelled") screenings.push(await api.tickets(sessionId));
    else if (before) screenings.push({ ...before, cancelled: true });
  }
  return screenings;
}

/** @param {import("./check.js").Screening[]} screenings */
const take = (screenings) => (known.screenings = new Map(screenings.map((each) => [each.sessionId, each])));

/** @param {import("./api.js").Schemas["KeyBody"][]} keys */
const takeKeys = (keys) => (known.keys = new Map(keys.map(({ kid, x }) => [kid, bytesOf(x)])));

/** @param {string} base64url */
function bytesOf(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
