// @ts-check
/** Shows the tickets that this gate admitted without a connection, and that the cinema would have refused. */

import { el, isolated } from "../shared/dom.js";
import { button } from "../shared/parts.js";
import { settle } from "./admissions.js";
import { why } from "./verdict.js";
import { dayAndTime, say } from "./words.js";

/**
 * @param {import("./admissions.js").Entry[]} entries
 * @param {() => void} changed
 */
export function conflicts(entries, changed) {
  if (!entries.length) return undefined;
  return el(
    "section",
    { class: "conflicts", "aria-labelledby": "conflicts-title" },
    el("h2", { id: "conflicts-title" }, say("conflicts", entries.length)),
    el("p", { class: "hint" }, say("conflictsHint")),
    el(
      "ul",
      {},
      entries.map((entry) => conflict(entry, changed)),
    ),
  );
}

/**
 * @param {import("./admissions.js").Entry} entry
 * @param {() => void} changed
 */
function conflict({ code, seat = "", movieTitle = "", at = "", gate, refusal }, changed) {
  const seen = () => settle(code, "told").then(changed);
  return el(
    "li",
    { "data-conflict": code },
    el("p", { class: "what" }, [say("seat", seat), isolated(movieTitle), code].join(" · ")),
    el("p", {}, say("letInHere", dayAndTime(at), isolated(gate))),
    el("p", {}, refusal && `${say("verdicts")[refusal.kind]}: ${why(refusal)}`),
    button(`seen-${code}`, say("seen"), seen),
  );
}
