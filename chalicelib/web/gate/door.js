// @ts-check
/** The view in which tickets are scanned or typed: the camera, the verdict, and the number of unreported admissions. */

import { announce, el, fill, isolated } from "../shared/dom.js";
import { button } from "../shared/parts.js";
import * as camera from "./camera.js";
import { conflicts } from "./conflicts.js";
import { admit } from "./scan.js";
import { panel, spoken } from "./verdict.js";
import { say } from "./words.js";

/**
 * @typedef {object} Door
 * @property {import("./scan.js").Gate} gate
 * @property {() => void} change another gate is to be chosen
 * @property {() => void} scanned something was decided
 */

export class AtTheDoor {
  element = el("div", { class: "door-view" });
  head = el("div", { class: "head" });
  verdict = el("div", { class: "verdict-place" });
  video = el("video", { muted: true, playsinline: true, hidden: true });
  lens = el("div", { class: "lens" });
  form = el("form", { class: "typed", onsubmit: (event) => this.typed(event) });
  missed = el("div");
  input = el("input", {
    id: "typed",
    "data-key": "typed",
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: "false",
  });
  /** @type {import("./check.js").Verdict | undefined} */
  latest;
  /** @type {import("./admissions.js").Entry[]} */
  conflicts = [];
  filming = false;
  cameraFault = "";
  turn = Promise.resolve();

  /** @param {Door} door */
  constructor(door) {
    this.door = door;
    this.element.append(this.head, this.verdict, this.lens, this.form, this.missed);
  }

  render() {
    const { gate, change } = this.door;
    const rooms = gate.rooms.map(isolated).join(", ");
    const title = el("h1", { tabindex: "-1" }, say("gate", isolated(gate.name)));
    fill(
      this.head,
      title,
      el("p", {}, say("inFrontOf", rooms, gate.rooms.length)),
      button("change", say("change"), change, "quiet"),
    );
    fill(this.verdict, this.latest ? panel(this.latest) : el("p", { class: "waits" }, say("ready")));
    this.renderLens();
    fill(
      this.form,
      el("label", { for: "typed" }, say("typeIt")),
      this.input,
      button("admit", say("admit"), undefined, "primary", { type: "submit" }),
    );
    this.renderMissed();
  }

  renderMissed() {
    fill(this.missed, conflicts(this.conflicts, this.door.scanned));
  }

  /**
   * Shows the cinema's answers to admissions that were reported later.
   * @param {import("./admissions.js").Entry[]} found
   */
  heard(found) {
    if (found.length > this.conflicts.length) announce(say("conflicts", found.length), { urgent: true });
    this.conflicts = found;
    this.renderMissed();
  }

  renderLens() {
    const there = camera.isThere();
    const words = there ? this.cameraFault : say("noCamera");
    const way = this.filming
      ? button("stop", say("stopCamera"), () => this.shut())
      : button("film", say("useCamera"), () => this.film());
    this.video.hidden = !this.filming;
    this.video.setAttribute("aria-label", say("picture"));
    if (!this.video.isConnected) this.lens.append(this.video, el("div", { class: "lens-ways" }));
    fill(
      /** @type {HTMLElement} */ (this.lens.lastElementChild),
      there && way,
      words && el("p", { class: "hint" }, words),
    );
  }

  async film() {
    this.cameraFault = "";
    this.filming = true;
    this.render();
    try {
      await camera.start(this.video, (text) => this.decide(text));
    } catch (caught) {
      this.filming = false;
      this.cameraFault = say(/** @type {any} */ (caught)?.name === "NotAllowedError" ? "cameraRefused" : "cameraFails");
      announce(this.cameraFault, { urgent: true });
    }
    this.render();
  }

  shut() {
    camera.stop();
    this.filming = false;
    this.render();
  }

  /** @param {SubmitEvent} event */
  typed(event) {
    event.preventDefault();
    const text = this.input.value;
    if (!text.trim()) return this.input.focus();
    this.input.value = "";
    return this.decide(text);
  }

  /**
   * Decides on scans one after the other: each waits for the verdict on the one before.
   * @param {string} text
   */
  decide(text) {
    this.turn = this.turn.then(() => this.decideNow(text));
    return this.turn;
  }

  /** @param {string} text */
  async decideNow(text) {
    this.verdict.setAttribute("aria-busy", "true");
    try {
      this.latest = await admit(text, this.door.gate);
    } catch (caught) {
      reportError(caught);
      this.latest = { kind: "failed" };
    } finally {
      this.verdict.removeAttribute("aria-busy");
    }
    this.render();
    announce(spoken(this.latest), { urgent: true });
    this.door.scanned();
  }
}
