// @ts-check
/** Reports admissions that this gate made without the cinema, and stores the cinema's answers. */

import { Failure } from "../shared/http.js";
import * as admissions from "./admissions.js";
import * as api from "./api.js";
import { refusalOf } from "./refusals.js";

const MALFORMED = 400;

let going = false;

/**
 * Reports the unreported admissions, oldest first, until a report has no answer. A repeated report is harmless, because it has
 * the same idempotency key. A report that the cinema rejects as malformed stays unreported, and does not block the others.
 * @returns {Promise<Failure | undefined>} why it went no further
 */
export async function tell() {
  if (going) return undefined;
  going = true;
  try {
    for (const entry of await admissions.inState("waiting")) await tellOf(entry).catch(passOver);
    return undefined;
  } catch (caught) {
    if (caught instanceof Failure) return caught;
    throw caught;
  } finally {
    going = false;
  }
}

/** @param {unknown} caught */
function passOver(caught) {
  if (!(caught instanceof Failure && caught.status === MALFORMED)) throw caught;
}

/** @param {admissions.Entry} entry */
async function tellOf({ code, key, gate, roomNumber = "", token, at }) {
  try {
    await api.admit({ gateId: gate, roomNumber, admittedAt: at, ...(token ? { token } : { code }) }, key);
    await admissions.settle(code, "told");
  } catch (caught) {
    const refusal = caught instanceof Failure && refusalOf(caught);
    if (!refusal) throw caught;
    await admissions.settle(code, "conflict", refusal);
  }
}
