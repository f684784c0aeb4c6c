// @ts-check
/** Shows a verdict, large enough to be read at arm's length: what to do, the seat, and the reason. Names no person. */

import { el, isolated } from "../shared/dom.js";
import { dayAndTime, say, time } from "./words.js";

/** @typedef {import("./check.js").Verdict} Verdict */

/** @type {Record<import("./check.js").Kind, "yes" | "no" | "else">} */
const LOOKS = {
  admitted: "yes",
  alreadyIn: "no",
  refunded: "no",
  transferred: "no",
  cancelled: "no",
  forged: "no",
  unknown: "no",
  wrongRoom: "else",
  tooEarly: "else",
  tooLate: "else",
  unlisted: "else",
  unreadable: "else",
  failed: "else",
};

const MARKS = { yes: "✓", no: "✕", else: "!" };

/** @param {Verdict} verdict */
export function panel(verdict) {
  const look = LOOKS[verdict.kind];
  const { seat, movieTitle, startTime, offline } = verdict;
  return el(
    "div",
    { class: `verdict ${look}`, "data-verdict": verdict.kind },
    el("span", { class: "mark", "aria-hidden": "true" }, MARKS[look]),
    el("h2", {}, say("verdicts")[verdict.kind]),
    seat && el("p", { class: "seat" }, say("seat", seat)),
    el("p", { class: "why" }, why(verdict)),
    movieTitle &&
      el("p", { class: "film" }, [isolated(movieTitle), startTime && time(startTime)].filter(Boolean).join(" · ")),
    offline && el("p", { class: "alone" }, say("decidedHere")),
  );
}

/**
 * Gives the whole verdict as one text, for screen readers.
 * @param {Verdict} verdict
 */
export function spoken(verdict) {
  const { kind, seat, movieTitle } = verdict;
  return [say("verdicts")[kind], seat && say("seat", seat), why(verdict), movieTitle].filter(Boolean).join(". ");
}

/**
 * Gives the reason, with its facts.
 * @param {Verdict} verdict
 * @returns {string}
 */
export function why({ kind, roomNumber, at, gate }) {
  const room = roomNumber ? isolated(roomNumber) : "";
  const [when, where] = [at ? dayAndTime(at) : "", gate ? isolated(gate) : ""];
  const reasons = /** @type {Record<string, any>} */ (say("why"));
  const reason = reasons[kind];
  return typeof reason === "function" ? reason({ room, when, where }) : reason;
}
