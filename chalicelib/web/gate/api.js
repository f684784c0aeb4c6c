// @ts-check
/** The gate's requests. None is repeated here: a scan is decided without an answer, and everything else is requested regularly. */

import * as clock from "../shared/clock.js";
import { Failure, sendRequest } from "../shared/http.js";

const SCAN_MS = 4_000; // somebody is waiting at the door: after that, this gate decides without the cinema
const LIST_MS = 20_000;
const PAGES = 500; // the largest hall, with the most transfers of each ticket, has 420

/** @typedef {import("contract").components["schemas"]} Schemas */

/**
 * Lists the screenings that start between two moments.
 * @param {number} from
 * @param {number} until
 * @returns {Promise<Schemas["SessionBody"][]>}
 */
export async function programme(from, until) {
  const wholeMinute = new Date(Math.floor(from / 60_000) * 60_000).toISOString();
  const sessions = /** @type {Schemas["SessionBody"][]} */ (
    await pages("api/sessions", "sessions", { from: wholeMinute }, (last) => Date.parse(last.startTime) > until)
  );
  return sessions.filter(({ startTime }) => Date.parse(startTime) <= until);
}

/**
 * Gives a screening with all its tickets.
 * @param {string} sessionId
 * @returns {Promise<import("./check.js").Screening>}
 */
export async function tickets(sessionId) {
  const path = `api/sessions/${encodeURIComponent(sessionId)}/tickets`;
  const first = await ask("GET", `${path}?limit=100`, {});
  const { nextCursor, ...screening } = /** @type {Schemas["GateListBody"]} */ (first);
  if (!nextCursor) return screening;
  const others = await pages(path, "tickets", { cursor: nextCursor });
  return { ...screening, tickets: [...screening.tickets, ...others] };
}

/** @returns {Promise<Schemas["KeyBody"][]>} */
export const keys = () => ask("GET", ".well-known/jwks.json", {}).then((answer) => answer.keys);

/**
 * Asks the cinema to admit a ticket.
 * @param {Schemas["AdmissionRequest"]} body
 * @param {string} key the idempotency key
 * @returns {Promise<Schemas["AdmittedBody"]>}
 */
export const admit = (body, key) => ask("POST", "api/tickets/admit", { body, key, within: SCAN_MS });

/**
 * Reads all pages of a listing, or as many as are wanted.
 * @param {string} path
 * @param {string} field
 * @param {Record<string, string>} query
 * @param {(last: any) => boolean} [enough]
 * @returns {Promise<any[]>}
 */
async function pages(path, field, query, enough = () => false) {
  const items = [];
  let cursor = query.cursor;
  for (let page = 0; page < PAGES; page += 1) {
    const wanted = new URLSearchParams({ limit: "100", ...query, ...(cursor && { cursor }) });
    const answer = await ask("GET", `${path}?${wanted}`, {});
    items.push(...answer[field]);
    cursor = answer.nextCursor;
    if (!cursor || enough(items.at(-1))) return items;
  }
  throw new Failure("TOO_MANY_PAGES");
}

/**
 * Sends a request once. Throws a Failure with the server's code, or with UNREACHABLE.
 * @param {string} method
 * @param {string} path
 * @param {{ body?: object, key?: string, within?: number }} request
 */
async function ask(method, path, { body, key, within = LIST_MS }) {
  const sentAt = Date.now();
  let response, answer;
  try {
    response = await sendRequest(method, path, { body, key, cache: "no-cache", signal: AbortSignal.timeout(within) });
    answer = Object(await response.json());
  } catch {
    throw new Failure("UNREACHABLE");
  }
  if (!response.headers.has("Age")) clock.learn(sentAt, Date.now(), Date.parse(response.headers.get("Date") ?? ""));
  if (response.ok) return answer;
  throw new Failure(answer.error ?? "INTERNAL_ERROR", { status: response.status, facts: answer });
}
