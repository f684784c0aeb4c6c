/** The queues: what waits in them, what was given up, and what an operator can do about it. */

import { announce, el, fill } from "../seats/dom.js";
import * as api from "./api.js";
import { clock, dayAndTime, number, say } from "./words.js";

const dialogs = document.getElementById("dialogs");

let told = ""; // what came of the last redrive: it stays to be read

export function queues(states, changed) {
  if (!states) return el("p", { class: "hint" }, say("unreadable"));
  const columns = ["queue", "waiting", "inFlight", "delayed", "given", "actions"];
  return [
    el("p", { class: "notice", hidden: !told }, told),
    el(
      "table",
      { class: "listing queue-listing card-like", role: "table" },
      el("caption", { class: "unseen" }, say("queues")),
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, columns.map(heading))),
      el("tbody", { role: "rowgroup" }, states.map((state) => row(state, changed))),
    ),
  ];
}

export const heading = (name) => el("th", { scope: "col", role: "columnheader" }, say(name));
export const cell = (name, kind, ...children) =>
  el("td", { role: "cell", class: kind, "data-name": say(name) }, ...children);

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
      el("span", { class: "hint" }, say("queueWords")[name] ?? ""),
    ),
    cell("waiting", "count", number(waiting)),
    cell("inFlight", "count", number(inFlight)),
    cell("delayed", "count", number(delayed)),
    cell("given", some ? "count dead" : "count", number(deadLetters)),
    cell(
      "actions",
      "actions",
      some && button(`look-${name}`, say("look"), say("lookAt", name), () => look(name)),
      some &&
        redrivable &&
        button(`redrive-${name}`, say("redrive"), say("redriveOf", name), () => redrive(state, changed)),
    ),
  );
}

export function button(key, text, label, pressed, kind = "") {
  return el("button", { type: "button", class: kind, "data-key": key, "aria-label": label, onclick: pressed }, text);
}

async function look(name) {
  const list = el("div", { class: "letters" }, el("p", { class: "loading" }, say("loading")));
  opened(say("lettersOf", name), el("p", { class: "hint" }, say("lettersHint")), list);
  try {
    const { letters } = await api.letters(name);
    fill(list, letters.length ? letters.map(letter) : el("p", {}, say("noLetters")));
  } catch (caught) {
    fill(list, el("p", {}, api.asFailure(caught).told || say("failed")));
  }
}

function letter({ sentAt, reason, receives, body }) {
  return el(
    "article",
    { class: "letter" },
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
      tell(api.asFailure(caught).told || say("failed"), { urgent: true });
    }
    dialog.close();
    changed();
  };
  const go = button("confirm", say("redrive"), undefined, send, "primary");
  const dialog = opened(
    say("confirmRedrive", deadLetters, name),
    el("p", {}, say("confirmHint")),
    el("div", { class: "actions" }, go),
  );
}

function tell(text, urgency) {
  told = `${clock(new Date(), true)} ${text}`;
  announce(text, urgency);
}

/** A dialog, shown; when it is closed the focus goes back to where it was, also when that was drawn anew meanwhile. */
function opened(title, ...children) {
  const key = document.activeElement?.dataset.key;
  const close = button("close", say(children.length > 1 && children.at(-1).matches(".actions") ? "cancel" : "close"));
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, el("h2", { id: "dialog-title" }, title), children);
  close.addEventListener("click", () => dialog.close());
  (dialog.querySelector(".actions") ?? dialog.appendChild(el("div", { class: "actions" }))).append(close);
  dialog.addEventListener("close", () => {
    dialog.remove();
    document.querySelector(`main [data-key="${CSS.escape(key ?? "")}"]`)?.focus();
  });
  dialogs.append(dialog);
  dialog.showModal();
  return dialog;
}
