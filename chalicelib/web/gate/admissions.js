// @ts-check
/**
 * The admissions of this gate. Each ticket is admitted once, with or without a connection, in however many tabs.
 *
 *   asking ──cinema says yes──────────────► told
 *      │ └───cinema says no───────────────► (forgotten)
 *      └─────no answer, admitted here─────► waiting ──told later──► told
 *                                              └──cinema says no──► conflict ──seen──► told
 *
 * The idempotency key of a scan is stored before the cinema is asked. If the answer is lost, the request is sent again with
 * that key, so the cinema counts only one admission.
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
 * Tells whether somebody was admitted by this entry.
 * @param {Entry | undefined} entry
 */
export const isIn = (entry) => entry !== undefined && IN.includes(entry.state);

/**
 * Stores that the cinema is being asked. Gives the entry to continue with: the ticket's stored entry, if it was admitted or
 * its request had no answer, else this one.
 * @param {Entry} asking
 * @returns {Promise<Entry>}
 */
export async function begin(asking) {
  const before = await change("admissions", asking.code, (known) => (known ? undefined : asking));
  return before ?? asking;
}

/**
 * Stores an admission. If the ticket was admitted before, gives that earlier entry instead.
 * @param {Entry} entry
 * @returns {Promise<Entry | undefined>}
 */
export async function admit(entry) {
  const before = await change("admissions", entry.code, (known) => (isIn(known) ? undefined : entry));
  return isIn(before) ? before : undefined;
}

/**
 * Deletes the entry of a scan that admitted nobody.
 * @param {string} code
 */
export const forget = (code) => change("admissions", code, (known) => (known && !isIn(known) ? null : undefined));

/**
 * Stores the cinema's answer to an admission that was reported later.
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
 * Deletes entries older than a day that the cinema knows, or that admitted nobody.
 * @param {number} now
 */
export async function tidy(now) {
  const entries = /** @type {Entry[]} */ (await readAll("admissions"));
  const old = ({ askedAt, state }) => now - Date.parse(askedAt) > KEPT_MS && (state === "told" || state === "asking");
  for (const entry of entries.filter(old)) {
    await change("admissions", entry.code, (known) => (known && old(known) ? null : undefined));
  }
}
