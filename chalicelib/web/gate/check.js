// @ts-check
/**
 * Decides on tickets without a connection, by the keys and lists that were loaded before. Follows
 * `verify_offline_except_reuse` in chalicelib/domain/tickets/checking.py. Does not check whether this gate has admitted the ticket
 * before: see `admissions.js`.
 */

import { isSigned } from "./signatures.js";

/** @typedef {import("contract").components["schemas"]["OfflineTicketBody"]} Listed */
/** @typedef {import("./tokens.js").Token} Token */

/**
 * @typedef {object} Screening one that this gate admits to, and all its tickets
 * @property {string} sessionId
 * @property {string} movieTitle
 * @property {string} roomNumber
 * @property {string} startTime
 * @property {string} opensAt
 * @property {string} closesAt
 * @property {string} asOf when the list was made
 * @property {boolean} [cancelled]
 * @property {Listed[]} tickets
 */

/**
 * @typedef {object} Elsewhere a screening in another room
 * @property {string} sessionId
 * @property {string} roomNumber
 */

/**
 * @typedef {object} Known
 * @property {Map<string, Uint8Array<ArrayBuffer>>} keys by their id
 * @property {Map<string, Screening>} screenings
 * @property {Map<string, Elsewhere>} elsewhere
 */

/**
 * @typedef {"admitted" | "alreadyIn" | "wrongRoom" | "tooEarly" | "tooLate" | "refunded" | "transferred" | "cancelled"
 *   | "forged" | "unknown" | "unlisted" | "unreadable" | "failed"} Kind
 */

/**
 * @typedef {object} Verdict
 * @property {Kind} kind
 * @property {boolean} [offline] decided here, without the cinema
 * @property {string} [code]
 * @property {string} [seat]
 * @property {string} [movieTitle]
 * @property {string} [roomNumber] that of the ticket
 * @property {string} [startTime]
 * @property {string} [at] when somebody came in, the doors open, or admission was over
 * @property {string} [gate] where somebody came in
 */

/**
 * Decides on a token.
 * @param {Token} token
 * @param {Known} known
 * @param {number} now
 * @returns {Promise<Verdict>}
 */
export async function checkToken(token, known, now) {
  if (!(await isOurs(token, known))) return { kind: "forged" };
  const screening = known.screenings.get(token.sessionId);
  if (!screening) return { kind: "wrongRoom", roomNumber: known.elsewhere.get(token.sessionId)?.roomNumber };
  const facts = { code: token.code, seat: token.seat, ...factsOf(screening) };
  return { ...facts, ...(checkTime(screening, now) ?? checkList(screening, token)) };
}

/**
 * Decides on a code. A code is not signed, so only a ticket on the list is admitted by its code.
 * @param {string} code
 * @param {Known} known
 * @param {number} now
 * @returns {Verdict}
 */
export function checkCode(code, known, now) {
  for (const screening of known.screenings.values()) {
    const listed = screening.tickets.find((each) => each.code === code);
    if (!listed) continue;
    const facts = { code, seat: listed.seat, ...factsOf(screening) };
    return { ...facts, ...(checkTime(screening, now) ?? fateOf(listed)) };
  }
  return { kind: "unlisted", code };
}

/**
 * Tells whether one of the keys has signed the token.
 * @param {Token} token
 * @param {Known} known
 */
export async function isOurs({ keyId, signed, signature }, { keys }) {
  const key = keys.get(keyId);
  return key !== undefined && isSigned(key, signed, signature);
}

/** @param {Screening} screening */
const factsOf = ({ movieTitle, roomNumber, startTime }) => ({ movieTitle, roomNumber, startTime });

/**
 * @param {Screening} screening
 * @param {number} now
 * @returns {Verdict | undefined}
 */
function checkTime({ cancelled, opensAt, closesAt }, now) {
  if (cancelled) return { kind: "cancelled" };
  if (now < Date.parse(opensAt)) return { kind: "tooEarly", at: opensAt };
  if (now >= Date.parse(closesAt)) return { kind: "tooLate", at: closesAt };
  return undefined;
}

/**
 * Compares the token with the list, which may be older than the ticket. A version above the seat's highest on the list comes
 * from a later transfer, and a seat that is not on the list from a later sale. Any other unlisted ticket is out of date.
 * @param {Screening} screening
 * @param {Token} token
 * @returns {Verdict}
 */
function checkList({ tickets }, { code, seat, version }) {
  const ofSeat = tickets.filter((each) => each.seat === seat);
  const listed = ofSeat.find((each) => each.code === code);
  if (listed) return fateOf(listed);
  return { kind: ofSeat.every((each) => version > each.version) ? "admitted" : "transferred" };
}

/**
 * @param {Listed} listed
 * @returns {Verdict}
 */
function fateOf({ void: reason, admittedAt, gateId }) {
  if (reason) return { kind: reason === "refunded" ? "refunded" : "transferred" };
  return admittedAt ? { kind: "alreadyIn", at: admittedAt, gate: gateId } : { kind: "admitted" };
}
