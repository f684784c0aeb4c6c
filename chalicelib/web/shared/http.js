// @ts-check
/** What every page's requests have in common: where they go, what goes with them, and how they fail. */

import { isolated } from "./dom.js";
import { language } from "./language.js";
import * as signIn from "./sign_in.js";

// From this module's own address, so that a stage's path (/dev/assets/shared/http.js) stays in front.
const ROOT = new URL("../../", import.meta.url);

/**
 * @typedef {object} FailureFacts
 * @property {number} [status] HTTP's; none where nobody answered
 * @property {Record<string, any>} [facts] the whole body of the answer
 * @property {string} [serverMessage] the server's own words, for people
 * @property {boolean} [reading] nothing was to be changed
 * @property {boolean} [mayPass] trying again may help
 * @property {number} [retryAfterMs] how long the server asks to wait
 */

/**
 * Why there is no answer to go on with. `code` chooses the page's words for it; the exception's own text is for the
 * console and never shown.
 */
export class Failure extends Error {
  /** @type {Record<string, any>} */
  facts = {};
  reading = false;
  mayPass = true;
  retryAfterMs = 0;
  /** @type {number | undefined} */
  status = undefined;
  /** @type {string | undefined} */
  serverMessage = undefined;

  /**
   * @param {string} code
   * @param {FailureFacts} [facts]
   */
  constructor(code, facts = {}) {
    super(code);
    this.code = code;
    Object.assign(this, facts);
  }
}

/**
 * Gives the failure as one of ours. Anything else that was thrown is a fault of the page, which stays loud where developers look.
 * @param {unknown} caught
 */
export function asFailure(caught) {
  if (caught instanceof Failure) return caught;
  reportError(caught);
  return new Failure("PAGE_FAULT");
}

/**
 * Gives the address of a path, which may start with a slash and knows no stage.
 * @param {string} path
 */
export const addressOf = (path) => new URL(path.replace(/^\/+/, ""), ROOT).href;

/**
 * Sends one request, in the name of whoever is signed in. `key` is its idempotency key; `body` is sent as JSON. Where a token
 * is refused, it is renewed and the request is sent once more. `isPublic`: the answer is the same for everybody, so nobody is
 * named, and a cache in between may give it to all.
 * @param {string} method
 * @param {string} path
 * @param {Omit<RequestInit, "body"> & { body?: object, key?: string, isPublic?: boolean }} request
 */
export async function sendRequest(method, path, { body, key, isPublic = false, ...options }) {
  const token = isPublic ? undefined : await signIn.authorization();
  /** @type {Record<string, string>} */
  const headers = { "Accept-Language": language(), ...(token && { Authorization: token }) };
  if (body) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const sent = body && JSON.stringify(body);
  /** @type {RequestInit} */
  const request = { method, headers, body: sent, credentials: "same-origin", ...options };
  const response = await fetch(addressOf(path), request);
  if (isPublic || response.status !== 401 || !(await signIn.renew(token))) return response;
  headers.Authorization = (await signIn.authorization()) ?? "";
  return fetch(addressOf(path), request);
}

/**
 * Isolates names where they come in, so that nothing of the page can be turned around by one: see `dom.js`.
 * @template {{ movieTitle: string, roomNumber?: string }} Named
 * @param {Named} each
 * @returns {Named}
 */
export const isolateNames = (each) => ({
  ...each,
  movieTitle: isolated(each.movieTitle),
  roomNumber: each.roomNumber && isolated(each.roomNumber),
});
