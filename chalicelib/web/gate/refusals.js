// @ts-check
/** The cinema's refusals as verdicts. */

/** @typedef {import("./check.js").Verdict} Verdict */

/** @type {Record<string, (facts: Record<string, any>) => Verdict>} */
const VERDICTS = {
  ALREADY_ADMITTED: ({ admittedAt, gateId }) => ({ kind: "alreadyIn", at: admittedAt, gate: gateId }),
  WRONG_ROOM: ({ roomNumber }) => ({ kind: "wrongRoom", roomNumber }),
  TOO_EARLY: ({ opensAt }) => ({ kind: "tooEarly", at: opensAt }),
  ADMISSION_OVER: ({ closedAt }) => ({ kind: "tooLate", at: closedAt }),
  TICKET_VOID: ({ reason }) => ({ kind: reason === "refunded" ? "refunded" : "transferred" }),
  SESSION_CANCELLED: () => ({ kind: "cancelled" }),
  TICKET_INVALID: () => ({ kind: "forged" }),
  TICKET_NOT_FOUND: () => ({ kind: "unknown" }),
  SESSION_NOT_FOUND: () => ({ kind: "unknown" }),
};

/**
 * Gives the verdict for a refusal by the cinema. Gives nothing if the cinema has not decided: it did not answer, is overloaded,
 * or did not accept the sign-in.
 * @param {import("../shared/http.js").Failure} failure
 * @returns {Verdict | undefined}
 */
export const refusalOf = ({ code, facts }) => VERDICTS[code]?.(facts);
