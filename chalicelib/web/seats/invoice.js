// @ts-check
/**
 * The view, in a tab of its own, that waits for an invoice, and goes to it as soon as it is ready.
 *
 *   asking ──404, being made──► coming ──asked again──► … ──303──► ready: the PDF takes this view's place
 *
 * A browser that downloads PDFs stays on this view, which then also shows the link.
 */

import { announce, el, fill } from "../shared/dom.js";
import { asFailure } from "../shared/http.js";
import { button } from "../shared/parts.js";
import * as signIn from "../shared/sign_in.js";
import * as api from "./api.js";
import { empty } from "./parts.js";
import { find } from "./tickets.js";
import { refused, say } from "./words.js";

const MOST_TRIES = 15; // half a minute, as the server asks for two seconds between them
const PAUSE_MS = 2000;

/** @param {{ id: string }} address */
export async function invoice({ id }) {
  return new Invoice(await find(id));
}

/** @typedef {"none" | "free" | "asking" | "coming" | "ready" | "late" | "failed"} State */

class Invoice {
  left = false;
  /** @type {import("../shared/http.js").Failure | undefined} */
  failure = undefined;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;

  /** @param {api.Purchase | undefined} purchase */
  constructor(purchase) {
    this.url = purchase?.invoiceUrl ?? "";
    this.address = "";
    /** @type {State} */
    this.state = purchase ? (this.url ? "asking" : "free") : "none";
    this.element = el("div");
  }

  get title() {
    return say("invoice");
  }

  entered() {
    if (this.state === "asking") this.ask();
  }

  leave() {
    this.left = true;
    clearTimeout(this.timer);
  }

  async ask(tries = 1) {
    try {
      this.address = await api.invoice(this.url);
      this.enter("ready");
    } catch (caught) {
      const failure = asFailure(caught);
      if (failure.code !== "INVOICE_NOT_READY") this.enter("failed", failure);
      else if (tries === MOST_TRIES) this.enter("late");
      else this.come(tries, failure.retryAfterMs || PAUSE_MS);
    }
  }

  come(tries, pause) {
    if (this.left) return;
    this.timer = setTimeout(() => this.ask(tries + 1), pause);
    if (this.state !== "coming") this.enter("coming");
  }

  /**
   * @param {State} state
   * @param {import("../shared/http.js").Failure} [failure]
   */
  enter(state, failure) {
    if (this.left) return;
    this.state = state;
    this.failure = failure;
    this.render();
    announce(this.sentence());
    if (state === "ready" && !signIn.isOn) location.replace(this.address); // with sign-in, leaving the page would end the sign-in
  }

  render() {
    fill(this.element, empty("invoice", this.sentence(), this.way()));
  }

  sentence() {
    /** @type {Record<string, string>} */
    const words = say("invoiceStates");
    return this.failure ? refused(this.failure) : words[this.state];
  }

  way() {
    const again = () => button("again", say("tryAgain"), () => this.again(), "primary");
    const elsewhere = signIn.isOn ? { target: "_blank", rel: "noopener" } : {};
    if (this.state === "ready") return el("a", { class: "button", href: this.address, ...elsewhere }, say("invoice"));
    if (this.state === "late" || this.failure?.mayPass) return again();
    return el("a", { class: "button", href: "#/tickets" }, say("allTickets"));
  }

  again() {
    this.enter("asking");
    this.ask();
  }
}
