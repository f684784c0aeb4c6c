// @ts-check
/**
 * Whom this gate has let in: each once, whatever the connection does and however many tabs are open.
 *
 *   asking ──cinema says yes──────────────► told
 *      │ └───cinema says no───────────────► (forgotten)
 *      └─────no answer, admitted here─────► waiting ──told later──► told
 *                                              └──cinema says no──► conflict ──seen──► told
 *
 * The key of a scan is written down before the cinema is asked: a scan whose answer was lost is asked with it again, and
 * so it is the same admission there.
 */

import { change, readAll } from "./database.js";

/** @typedef {"asking" | "waiting" | "told" | "conflict"} State */

/**
 * @typedef {object} Entry
 * @property {string} code
 * @property {string} key the idempotency key
 * @property {State} state
 * @property {string} askedAt
 * @property {string} gate the gate's name by then
 * @property {string} [token] nothing where the code was typed
 * @property {string} [at] when somebody came in
 * @property {string} [seat]
 * @property {string} [movieTitle]
 * @property {string} [roomNumber]
 * @property {string} [startTime]
 * @property {import("./check.js").Verdict} [refusal] what the cinema said of an admission that it was told later
 */

const KEPT_MS = 24 * 60 * 60 * 1000;

/** @type {State[]} */
const IN = ["waiting", "told", "conflict"];

/**
 * Tells whether somebody came in.
 * @param {Entry | undefined} entry
 */
export const isIn = (entry) => entry !== undefined && IN.includes(entry.state);

/**
 * Writes down that the cinema is being asked. Gives the entry to go on with: one that is in, one that was asked for and
 * not answered, or this one.
 * @param {Entry} asking
 * @returns {Promise<Entry>}
 */
export async function begin(asking) {
  const before = await change("admissions", asking.code, (known) => (known ? undefined : asking));
  return before ?? asking;
}

/**
 * Lets somebody in, unless somebody is in with this ticket: then it gives that entry.
 * @param {Entry} entry
 * @returns {Promise<Entry | undefined>}
 */
export async function admit(entry) {
  const before = await change("admissions", entry.code, (known) => (isIn(known) ? undefined : entry));
  return isIn(before) ? before : undefined;
}

/**
 * Forgets a scan that let nobody in.
 * @param {string} code
 */
export const forget = (code) => change("admissions", code, (known) => (known && !isIn(known) ? null : undefined));

/**
 * Notes what became of an admission that the cinema was told later.
 * @param {string} code
 * @param {State} state
 * @param {Entry["refusal"]} [refusal]
 */
export const settle = (code, state, refusal) =>
  change("admissions", code, (known) => known && { ...known, state, ...(refusal && { refusal }) });

/**
 * Gives the entries in that state, oldest first.
 * @param {State} state
 * @returns {Promise<Entry[]>}
 */
export async function inState(state) {
  const entries = /** @type {Entry[]} */ (await readAll("admissions"));
  return entries.filter((entry) => entry.state === state).sort((one, other) => (one.askedAt < other.askedAt ? -1 : 1));
}

/**
 * Forgets what the cinema knows, and what let nobody in, after a day.
 * @param {number} now
 */
export async function tidy(now) {
  const entries = /** @type {Entry[]} */ (await readAll("admissions"));
  const old = ({ askedAt, state }) => now - Date.parse(askedAt) > KEPT_MS && (state === "told" || state === "asking");
  for (const entry of entries.filter(old)) {
    await change("admissions", entry.code, (known) => (known && old(known) ? null : undefined));
  }
}
