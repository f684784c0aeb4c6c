// @ts-check
/** The queues: what waits in them, what was given up, and what an operator can do about it. */

import { announce, byId, el, fill, focusedKey, withKey } from "../shared/dom.js";
import { asFailure } from "../shared/http.js";
import { button } from "../shared/parts.js";
import * as api from "./api.js";
import { clock, dayAndTime, number, say } from "./words.js";

const dialogs = byId("dialogs");

let lastResult = ""; // of the last redrive: it stays to be read

/**
 * Draws the table of the queues.
 * @param {api.Queue[] | undefined} states
 * @param {() => void} changed called when an operator has moved something
 */
export function queues(states, changed) {
  if (!states) return el("p", { class: "hint" }, say("unreadable"));
  const columns = ["queue", "waiting", "inFlight", "delayed", "given", "actions"];
  return [
    el("p", { class: "notice", hidden: !lastResult }, lastResult),
    el(
      "table",
      { class: "listing queue-listing card-like", role: "table" },
      el("caption", { class: "unseen" }, say("queues")),
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, columns.map(heading))),
      el(
        "tbody",
        { role: "rowgroup" },
        states.map((state) => row(state, changed)),
      ),
    ),
  ];
}

export const heading = (name) => el("th", { scope: "col", role: "columnheader" }, say(name));
export const cell = (name, kind, ...children) =>
  el("td", { role: "cell", class: kind, "data-name": say(name) }, ...children);

/**
 * @param {api.Queue} state
 * @param {() => void} changed
 */
function row(state, changed) {
  const { name, waiting, inFlight, delayed, deadLetters, redrivable } = state;
  const some = deadLetters > 0;
  return el(
    "tr",
    { role: "row", class: some && "has-dead" },
    el(
      "th",
      { scope: "row", role: "rowheader" },
      el("span", { class: "queue-name" }, name),
      el("span", { class: "hint" }, /** @type {Record<string, string>} */ (say("queueWords"))[name] ?? ""),
    ),
    cell("waiting", "count", number(waiting)),
    cell("inFlight", "count", number(inFlight)),
    cell("delayed", "count", number(delayed)),
    cell("given", some ? "count dead" : "count", number(deadLetters)),
    cell(
      "actions",
      "actions",
      some && button(`look-${name}`, say("look"), () => look(name), "", { "aria-label": say("lookAt", name) }),
      some &&
        redrivable &&
        button(`redrive-${name}`, say("redrive"), () => redrive(state, changed), "", {
          "aria-label": say("redriveOf", name),
        }),
    ),
  );
}

async function look(name) {
  const list = el("div", { class: "dead-letters" }, el("p", { class: "loading" }, say("loading")));
  opened(say("deadLettersOf", name), el("p", { class: "hint" }, say("deadLettersHint")), list);
  try {
    const { letters: deadLetters } = await api.deadLetters(name);
    fill(list, deadLetters.length ? deadLetters.map(deadLetter) : el("p", {}, say("noDeadLetters")));
  } catch (caught) {
    fill(list, el("p", {}, asFailure(caught).serverMessage || say("failed")));
  }
}

/** @param {api.DeadLetter} letter */
function deadLetter({ sentAt, reason, receives, body }) {
  return el(
    "article",
    { class: "dead-letter" },
    el("h3", {}, reason ?? say("noReason")),
    el("p", { class: "hint" }, [dayAndTime(sentAt), receives && say("tries", receives)].filter(Boolean).join(" · ")),
    el("pre", { tabindex: "0" }, body),
  );
}

function redrive({ name, deadLetters }, changed) {
  const send = async () => {
    go.disabled = true;
    try {
      const { moved, left } = await api.redrive(name);
      tell(say("moved", moved, name, left));
    } catch (caught) {
      tell(asFailure(caught).serverMessage || say("failed"), { urgent: true });
    }
    dialog.close();
    changed();
  };
  const go = button("confirm", say("redrive"), send, "primary");
  const dialog = opened(
    say("confirmRedrive", deadLetters, name),
    el("p", {}, say("confirmHint")),
    el("div", { class: "actions" }, go),
  );
}

function tell(text, urgency) {
  lastResult = `${clock(new Date(), true)} ${text}`;
  announce(text, urgency);
}

/**
 * Shows a dialog. When it is closed the focus goes back to where it was, also when that was drawn anew meanwhile.
 * @param {string} title
 * @param {...HTMLElement} children
 */
function opened(title, ...children) {
  const key = focusedKey();
  const isQuestion = children.length > 1 && children.at(-1)?.matches(".actions");
  const close = button("close", say(isQuestion ? "cancel" : "close"), () => dialog.close());
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, el("h2", { id: "dialog-title" }, title), children);
  (dialog.querySelector(".actions") ?? dialog.appendChild(el("div", { class: "actions" }))).append(close);
  dialog.addEventListener("close", () => {
    dialog.remove();
    withKey(byId("main"), key ?? "")?.focus();
  });
  dialogs.append(dialog);
  dialog.showModal();
  return dialog;
}
