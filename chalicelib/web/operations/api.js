/** The board's own requests. They are not repeated: who watches asks again anyway. */

import { language } from "../seats/language.js";

// From this module's own address, so that a stage's path (/dev/assets/operations/api.js) stays in front.
const ROOT = new URL("../../", import.meta.url);
const TIMEOUT_MS = 30_000;

/** The server said no, or nothing at all (status 0). The message is the server's own. */
export class Failure extends Error {
  constructor(status, message) {
    super(message ?? "");
    this.status = status;
  }
}

export const board = (cursor) =>
  ask("GET", `api/operations${cursor ? `?${new URLSearchParams({ cursor })}` : ""}`);
export const letters = (queue) => ask("GET", `api/operations/queues/${encodeURIComponent(queue)}/letters`);
export const redrive = (queue) => ask("POST", `api/operations/queues/${encodeURIComponent(queue)}/redrive`, {});

async function ask(method, path, body) {
  const headers = { "Accept-Language": language() };
  if (body) headers["Content-Type"] = "application/json";
  const request = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT_MS) };
  let response;
  try {
    response = await fetch(new URL(path, ROOT), { ...request, cache: "no-store", credentials: "same-origin" });
  } catch (failure) {
    throw new Failure(0, failure.message);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Failure(response.status, answer.message);
  return answer;
}
