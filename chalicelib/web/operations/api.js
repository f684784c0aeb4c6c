/** The board's own requests. They are not repeated: who watches asks again anyway. */

import { isolated } from "../seats/dom.js";
import { language } from "../seats/language.js";

// From this module's own address, so that a stage's path (/dev/assets/operations/api.js) stays in front.
const ROOT = new URL("../../", import.meta.url);
const TIMEOUT_MS = 30_000;

/** The server said no, in its own words (`told`); or nothing at all (status 0), or what only developers understand. */
export class Failure extends Error {
  constructor(status, told) {
    super(`status ${status}`);
    Object.assign(this, { status, told });
  }
}

/** The failure as one of ours. What else was thrown is a fault of this page, which stays loud where developers look. */
export function asFailure(caught) {
  if (caught instanceof Failure) return caught;
  reportError(caught);
  return new Failure(0);
}

export const board = (cursor) =>
  ask("GET", `api/operations${cursor ? `?${new URLSearchParams({ cursor })}` : ""}`).then(({ screenings, ...all }) => ({
    ...all,
    screenings: screenings?.map(named),
  }));
export const letters = (queue) => ask("GET", `api/operations/queues/${encodeURIComponent(queue)}/letters`);
export const redrive = (queue) => ask("POST", `api/operations/queues/${encodeURIComponent(queue)}/redrive`, {});

/** Names are isolated where they come in: see `dom.js`. */
const named = (each) => ({
  ...each,
  movieTitle: isolated(each.movieTitle),
  roomNumber: isolated(each.roomNumber),
});

async function ask(method, path, body) {
  const headers = { "Accept-Language": language() };
  if (body) headers["Content-Type"] = "application/json";
  const request = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT_MS) };
  let response;
  try {
    response = await fetch(new URL(path, ROOT), { ...request, cache: "no-store", credentials: "same-origin" });
  } catch {
    throw new Failure(0);
  }
  const answer = Object(await response.json().catch(() => ({})));
  if (!response.ok) throw new Failure(response.status, answer.message);
  return answer;
}
