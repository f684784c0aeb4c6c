// @ts-check
/** The view that sets the gate's name and its rooms. */

import { el, fill, isolated, plain } from "../shared/dom.js";
import { button } from "../shared/parts.js";
import * as lists from "./lists.js";
import * as settings from "./settings.js";
import { say } from "./words.js";

export class Setup {
  element = el("div", { class: "setup" });
  name = settings.gate()?.name ?? "";
  chosen = new Set(settings.gate()?.rooms);
  shown = "";

  /** @param {() => void} done */
  constructor(done) {
    this.done = done;
  }

  render() {
    this.shown = lists.rooms.join();
    fill(
      this.element,
      el("h1", { tabindex: "-1" }, say("whichGate")),
      el("p", { class: "hint" }, say("whichGateHint")),
      el("form", { onsubmit: (event) => this.choose(event) }, this.nameField(), this.roomFields(), this.start()),
    );
  }

  /** Adds rooms that are not shown yet. Changes nothing else, because somebody may be typing. */
  heard() {
    if (lists.rooms.join() !== this.shown) this.render();
  }

  nameField() {
    const changed = (event) => (this.name = event.target.value);
    const field = { id: "gate-name", "data-key": "gate-name", required: true, maxlength: 40, autocomplete: "off" };
    return el(
      "p",
      {},
      el("label", { for: "gate-name" }, say("gateName")),
      el("input", { ...field, value: this.name, oninput: changed }),
    );
  }

  roomFields() {
    const rooms = [...new Set([...lists.rooms, ...this.chosen])].sort();
    const hint = rooms.length ? undefined : el("p", { class: "hint" }, say("noRooms"));
    return el(
      "fieldset",
      {},
      el("legend", {}, say("rooms")),
      hint,
      rooms.map((room) => this.roomField(room)),
    );
  }

  /** @param {string} room */
  roomField(room) {
    const turned = ({ target }) => {
      if (target.checked) this.chosen.add(room);
      else this.chosen.delete(room);
      this.render();
    };
    const box = { type: "checkbox", "data-key": `room-${room}`, checked: this.chosen.has(room), onchange: turned };
    return el("label", { class: "room" }, el("input", box), isolated(room));
  }

  start() {
    return button("start", say("start"), undefined, "primary", { type: "submit", disabled: !this.chosen.size });
  }

  /** @param {SubmitEvent} event */
  choose(event) {
    event.preventDefault();
    const name = plain(this.name).trim();
    if (!name || !this.chosen.size) return;
    settings.choose({ name, rooms: [...this.chosen].sort() });
    this.done();
  }
}
