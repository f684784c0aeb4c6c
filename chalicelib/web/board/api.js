// @ts-check
/** The board's own requests. They are not repeated: who watches asks again anyway. */

import { Failure, isolateNames, sendRequest } from "../shared/http.js";

const TIMEOUT_MS = 30_000;

/** @typedef {import("contract").components["schemas"]["BoardBody"]} Board */
/** @typedef {import("contract").components["schemas"]["QueueBody"]} Queue */
/** @typedef {import("contract").components["schemas"]["DeadLetterBody"]} DeadLetter */

/**
 * @param {string} [cursor]
 * @returns {Promise<Board>}
 */
export const board = (cursor) =>
  ask("GET", `api/operations${cursor ? `?${new URLSearchParams({ cursor })}` : ""}`).then(({ screenings, ...all }) => ({
    ...all,
    screenings: screenings?.map(isolateNames),
  }));

/**
 * @param {string} queue
 * @returns {Promise<import("contract").components["schemas"]["DeadLettersBody"]>}
 */
export const deadLetters = (queue) => ask("GET", `api/operations/queues/${encodeURIComponent(queue)}/letters`);

/**
 * @param {string} queue
 * @returns {Promise<import("contract").components["schemas"]["RedrivenBody"]>}
 */
export const redrive = (queue) => ask("POST", `api/operations/queues/${encodeURIComponent(queue)}/redrive`, {});

/**
 * Asks once.
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 */
async function ask(method, path, body) {
  let response;
  try {
    response = await sendRequest(method, path, { body, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new Failure("UNREACHABLE");
  }
  const answer = Object(await response.json().catch(() => ({})));
  if (response.ok) return answer;
  throw new Failure(answer.error ?? "INTERNAL_ERROR", { status: response.status, serverMessage: answer.message });
}
