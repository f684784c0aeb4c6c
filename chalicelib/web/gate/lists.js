// @ts-check
/**
 * The data that this gate loads in advance: the keys, the screenings of its rooms with their tickets, and other screenings.
 *
 * It is stored in IndexedDB, for a page that opens without a connection. The tickets of a screening are loaded again every
 * minute while people arrive, and less often before and after: all gates of a cinema may share one IP address, whose requests
 * are limited.
 */

import * as clock from "../shared/clock.js";
import { asFailure } from "../shared/http.js";
import * as api from "./api.js";
import { readAll, replaceAll } from "./database.js";

const HOUR_MS = 60 * 60 * 1000;
const BEGAN_MS = 6 * HOUR_MS; // as ADMITTED_FOR in chalicelib/domain/tickets/ticket.py
const COMES_MS = 24 * HOUR_MS;
const NEAR_MS = 2 * HOUR_MS;
const FRESH_MS = { near: 50_000, far: HOUR_MS / 4 };

/** @type {import("./check.js").Known} */
export const known = { keys: new Map(), screenings: new Map(), elsewhere: new Map() };

/** @type {string[]} */
export let rooms = []; // all rooms with a screening

/** Gives when the oldest list was made: of the screenings for which people arrive now, else of all. Undefined without lists. */
export function asOf() {
  const all = [...known.screenings.values()];
  const near = all.filter(isNear);
  return (near.length ? near : all).map((screening) => screening.asOf).sort()[0];
}

export const ticketCount = () =>
  [...known.screenings.values()].reduce((sum, { tickets }) => sum + tickets.filter((each) => !each.void).length, 0);

/** Reads the stored lists and keys. */
export async function recall() {
  takeKeys(await readAll("keys"));
  take(await readAll("screenings"));
}

/**
 * Loads everything again. If a part can't be loaded, its old data is kept. Gives the failure, if there was one.
 * @param {string[]} ours the gate's rooms
 * @returns {Promise<import("../shared/http.js").Failure | undefined>}
 */
export async function refresh(ours) {
  try {
    const now = clock.now();
    const [keys, programme] = await Promise.all([api.keys(), api.programme(now - BEGAN_MS, now + COMES_MS)]);
    rooms = [...new Set(programme.map(({ roomNumber }) => roomNumber))].sort();
    known.elsewhere = new Map(programme.map((session) => [session.sessionId, session]));
    const { screenings, failure } = await listed(programme.filter(({ roomNumber }) => ours.includes(roomNumber)));
    takeKeys(keys);
    take(screenings);
    await Promise.all([replaceAll("keys", keys), replaceAll("screenings", screenings)]);
    return failure;
  } catch (caught) {
    return asFailure(caught);
  }
}

/**
 * Loads the tickets of each screening whose list is old, until a request has no answer. Screenings that were not loaded keep
 * their old list. So does a cancelled screening, for which the server has no list any more.
 * @param {import("./api.js").Schemas["SessionBody"][]} sessions
 */
async function listed(sessions) {
  /** @type {import("../shared/http.js").Failure | undefined} */
  let failure;
  /** @type {import("./check.js").Screening[]} */
  const screenings = [];
  for (const session of sessions) {
    const before = known.screenings.get(session.sessionId);
    const cancelled = session.status === "cancelled";
    const mayStay = failure !== undefined || cancelled || isFresh(before);
    const asked = mayStay
      ? undefined
      : await api.tickets(session.sessionId).catch((caught) => void (failure = asFailure(caught)));
    if (asked ?? before) screenings.push({ .../** @type {any} */ (asked ?? before), cancelled });
  }
  return { screenings, failure };
}

/** @param {import("./check.js").Screening | undefined} screening */
const isFresh = (screening) =>
  screening !== undefined && clock.now() - Date.parse(screening.asOf) < FRESH_MS[isNear(screening) ? "near" : "far"];

/**
 * Tells whether people arrive for a screening at this time.
 * @param {{ startTime: string }} screening
 */
const isNear = ({ startTime }) => Math.abs(Date.parse(startTime) - clock.now()) < NEAR_MS;

/** @param {import("./check.js").Screening[]} screenings */
const take = (screenings) => (known.screenings = new Map(screenings.map((each) => [each.sessionId, each])));

/** @param {import("./api.js").Schemas["KeyBody"][]} keys */
const takeKeys = (keys) => (known.keys = new Map(keys.map(({ kid, x }) => [kid, bytesOf(x)])));

/** @param {string} base64url */
function bytesOf(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
