// @ts-check
/**
 * From a scan to the verdict: by this gate's admissions, then by the cinema or, without its answer, by the lists.
 *
 *   read ─► in already? ─► of a key that we know, and forged? ─► ask the cinema ─► no answer ─► decide here
 *
 * The gate's own admissions are checked first, because it may have admitted the ticket without a connection, and not have
 * reported that yet.
 */

import * as clock from "../shared/clock.js";
import { Failure } from "../shared/http.js";
import * as admissions from "./admissions.js";
import * as api from "./api.js";
import { checkCode, checkToken, isOurs } from "./check.js";
import { known } from "./lists.js";
import { refusalOf } from "./refusals.js";
import { readCode, readToken } from "./tokens.js";

/** @typedef {import("./check.js").Verdict} Verdict */
/** @typedef {import("./admissions.js").Entry} Entry */

/**
 * @typedef {object} Gate
 * @property {string} name
 * @property {string[]} rooms
 */

const QUIET_MS = 15_000; // for so long after a request without an answer, scans are decided without the cinema

let unansweredAt = -Infinity;

/**
 * Takes note whether the cinema answered another request. If it did, the cinema is asked about the next scan again.
 * @param {boolean} itDid
 */
export const answered = (itDid) => (unansweredAt = itDid ? -Infinity : Date.now());

/** Tells whether there is no network, or a request got no answer in the last QUIET_MS. */
export const isAlone = () => !navigator.onLine || Date.now() - unansweredAt < QUIET_MS;

/**
 * Decides on a scanned or typed text, and stores the admission if the ticket is admitted.
 * @param {string} text
 * @param {Gate} gate
 * @returns {Promise<Verdict>}
 */
export async function admit(text, gate) {
  const token = readToken(text.trim().toUpperCase());
  const code = token?.code ?? readCode(text);
  if (!code) return { kind: "unreadable" };
  if (token && known.keys.has(token.keyId) && !(await isOurs(token, known))) return { kind: "forged" };
  const entry = await admissions.begin(started(code, token?.text, gate));
  if (admissions.isIn(entry)) return alreadyIn(entry);
  const answer = isAlone() ? undefined : await fromCinema({ ...entry, token: token?.text }, gate);
  return answer ?? here(entry, token);
}

/**
 * @param {string} code
 * @param {string | undefined} token
 * @param {Gate} gate
 * @returns {Entry}
 */
const started = (code, token, gate) => ({
  code,
  token,
  gate: gate.name,
  key: crypto.randomUUID(),
  state: "asking",
  askedAt: new Date(clock.now()).toISOString(),
});

/**
 * Asks the cinema for its verdict. Gives nothing if the cinema does not answer, or does not accept the sign-in.
 * @param {Entry} entry
 * @param {Gate} gate
 * @returns {Promise<Verdict | undefined>}
 */
async function fromCinema(entry, gate) {
  try {
    const { gateId, admittedAt, ...facts } = await askFor(entry, gate);
    await admissions.admit({ ...entry, ...facts, state: "told", at: admittedAt });
    return { kind: "admitted", at: admittedAt, gate: gateId, ...facts };
  } catch (caught) {
    if (!(caught instanceof Failure)) throw caught;
    const refusal = refusalOf(caught);
    if (refusal) await admissions.forget(entry.code);
    else answered(false);
    return refusal && { ...seatOf(entry.code), ...refusal };
  }
}

/**
 * Asks the cinema to admit the ticket to its room, by the lists. For a ticket on no list, asks for the gate's first room; if
 * the cinema answers that the ticket is for another room of this gate, asks for that room.
 * @param {Entry} entry
 * @param {Gate} gate
 */
async function askFor({ token, code, key, gate }, { rooms }) {
  /** @param {string} roomNumber */
  const ask = (roomNumber) => api.admit({ gateId: gate, roomNumber, ...(token ? { token } : { code }) }, key);
  try {
    return await ask(roomOf(token, code) ?? rooms[0]);
  } catch (caught) {
    const room = caught instanceof Failure && caught.code === "WRONG_ROOM" && caught.facts.roomNumber;
    if (!room || !rooms.includes(room)) throw caught;
    return ask(room);
  }
}

/**
 * @param {string | undefined} token
 * @param {string} code
 */
function roomOf(token, code) {
  const sessionId = token && readToken(token)?.sessionId;
  const screenings = [...known.screenings.values()];
  return screenings.find((each) => each.sessionId === sessionId || each.tickets.some((one) => one.code === code))
    ?.roomNumber;
}

/**
 * Gives the data of a refused ticket from the lists, because the cinema's refusal has only the reason.
 * @param {string} code
 * @returns {Partial<Verdict>}
 */
function seatOf(code) {
  const { kind: _, ...facts } = checkCode(code, known, clock.now());
  return { code, seat: facts.seat, movieTitle: facts.movieTitle, startTime: facts.startTime };
}

/**
 * Decides without the cinema, and stores the admission if the ticket is admitted.
 * @param {Entry} entry
 * @param {import("./tokens.js").Token | undefined} token
 * @returns {Promise<Verdict>}
 */
async function here(entry, token) {
  const now = clock.now();
  const verdict = token ? await checkToken(token, known, now) : checkCode(entry.code, known, now);
  if (verdict.kind !== "admitted") return { ...verdict, offline: true };
  const { kind: _, ...facts } = verdict;
  const at = new Date(now).toISOString();
  const before = await admissions.admit({ ...entry, ...facts, token: token?.text, state: "waiting", at });
  return before ? alreadyIn(before) : { ...verdict, at, offline: true };
}

/**
 * @param {Entry} entry
 * @returns {Verdict}
 */
const alreadyIn = ({ code, seat, movieTitle, roomNumber, startTime, at, gate }) => ({
  kind: "alreadyIn",
  ...{ code, seat, movieTitle, roomNumber, startTime, at, gate },
});
