/** What several views are made of. */

import { asFailure } from "./api.js";
import { announce, el } from "./dom.js";
import { refused, say } from "./words.js";

/** It keeps the focus when what it stands in is drawn anew: `key` is its name there. */
export function button(key, text, pressed, kind = "", attributes = {}) {
  return el("button", { type: "button", class: kind, "data-key": key, onclick: pressed, ...attributes }, text);
}

/** A page with nothing to show says so, and what to do about it. */
export function empty(heading, hint, ...ways) {
  return el(
    "div",
    { class: "empty" },
    el("span", { class: "empty-mark", "aria-hidden": "true" }),
    el("h1", { tabindex: "-1" }, say(heading)),
    hint && el("p", {}, hint),
    ...ways,
  );
}

/** What comes page by page: how much of it is here, and the way to more. `ask(cursor)` answers with a page. */
export class Pages {
  constructor(field, ask, first) {
    Object.assign(this, { field, ask });
    this.take(first);
  }

  take(page) {
    this.items = page[this.field];
    this.cursor = page.nextCursor;
    this.failure = undefined;
  }

  async more() {
    try {
      const page = await this.ask(this.cursor);
      this.items.push(...page[this.field]);
      this.cursor = page.nextCursor;
      this.failure = undefined;
    } catch (caught) {
      this.failure = asFailure(caught);
      announce(refused(this.failure), { urgent: true });
    }
  }

  /** As much as is shown, anew; true when anything is different. Who could not be asked leaves all as it was. */
  async again() {
    try {
      const before = JSON.stringify([this.items, this.cursor]);
      const shown = this.items.length;
      let page = await this.ask();
      const items = [...page[this.field]];
      while (items.length < shown && page.nextCursor) {
        page = await this.ask(page.nextCursor);
        items.push(...page[this.field]);
      }
      this.take({ [this.field]: items, nextCursor: page.nextCursor });
      return JSON.stringify([this.items, this.cursor]) !== before;
    } catch (caught) {
      asFailure(caught);
      return false;
    }
  }

  /** The button, and why it did not work when it was pressed last. */
  way(changed) {
    return [
      this.failure && el("p", { class: "hint" }, refused(this.failure)),
      this.cursor && button("more", say("more"), () => this.more().then(changed)),
    ];
  }
}
