// @ts-check
/** Parts that several views use. */

import { announce, el } from "../shared/dom.js";
import { asFailure } from "../shared/http.js";
import { button } from "../shared/parts.js";
import { refused, say } from "./words.js";

/**
 * Makes a page that tells that there is nothing to show, and what to do.
 * @param {any} heading the name of its words
 * @param {string} hint
 * @param {...import("../shared/dom.js").Piece} ways
 */
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

/**
 * A list that is loaded page by page: its loaded items, and the loading of more.
 * @template {{ nextCursor?: string }} Page
 * @template Item
 */
export class Pages {
  /** @type {Item[]} */
  items = [];
  /** @type {string | undefined} */
  cursor = undefined;
  /** @type {import("../shared/http.js").Failure | undefined} */
  failure = undefined;

  /**
   * @param {(page: Page) => Item[]} itemsOf
   * @param {(cursor?: string) => Promise<Page>} ask
   * @param {Page} first
   */
  constructor(itemsOf, ask, first) {
    this.itemsOf = itemsOf;
    this.ask = ask;
    this.take([...itemsOf(first)], first.nextCursor);
  }

  /**
   * @param {Item[]} items
   * @param {string | undefined} cursor
   */
  take(items, cursor) {
    this.items = items;
    this.cursor = cursor;
    this.failure = undefined;
  }

  async more() {
    try {
      const page = await this.ask(this.cursor);
      this.take([...this.items, ...this.itemsOf(page)], page.nextCursor);
    } catch (caught) {
      this.failure = asFailure(caught);
      announce(refused(this.failure), { urgent: true });
    }
  }

  /** Loads the shown items again. Gives true if anything changed. Without an answer, keeps the items. */
  async again() {
    try {
      const before = JSON.stringify([this.items, this.cursor]);
      const shown = this.items.length;
      let page = await this.ask();
      const items = [...this.itemsOf(page)];
      while (items.length < shown && page.nextCursor) {
        page = await this.ask(page.nextCursor);
        items.push(...this.itemsOf(page));
      }
      this.take(items, page.nextCursor);
      return JSON.stringify([this.items, this.cursor]) !== before;
    } catch (caught) {
      asFailure(caught);
      return false;
    }
  }

  /**
   * Makes the button that loads more, with the reason if the last load failed.
   * @param {() => void} changed
   */
  way(changed) {
    return [
      this.failure && el("p", { class: "hint" }, refused(this.failure)),
      this.cursor && button("more", say("more"), () => this.more().then(changed)),
    ];
  }
}
