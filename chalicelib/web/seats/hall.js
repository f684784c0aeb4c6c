// @ts-check
/**
 * The hall as a grid that a pointer, a keyboard and a screen reader can use.
 *
 * One cell is in the tab order; arrow keys change which one. The cells are made once. After that, only cells that look different
 * are changed, so that 2,000 seats stay fast on a phone.
 */

import { el, plain } from "../shared/dom.js";
import { Overview } from "./overview.js";
import { say } from "./words.js";
import { Zoom } from "./zoom.js";

const ROWS_BETWEEN_CROSSWAYS = 10;
const NARROWEST_WITH_AISLES = 8;

export class Hall {
  /** @type {Map<string, string>} */
  looks = new Map();
  /** @type {Map<string, HTMLElement>} */
  cells = new Map();
  /** @type {HTMLElement | undefined} */
  reachable = undefined;
  /** @type {MediaQueryList | undefined} */
  darkness = undefined;

  /**
   * @param {import("./api.js").Session} session
   * @param {{ look: (seat: string) => import("./booking.js").Look, pressed: (seat: string) => void }} booking how a seat
   * looks; what a click, Enter or Space does
   */
  constructor(session, { look, pressed }) {
    this.session = session;
    this.look = look;
    this.recoloured = () => this.overview.changed({ colours: true });
    this.rows = rowsOf(session);
    this.grid = this.drawn();
    this.zoom = new Zoom(this.grid, this.rows, () => this.overview.moved());
    this.overview = new Overview(this.zoom, [...this.cells], (seat) => this.looks.get(seat));
    this.hint = el("p", { class: "hall-hint" });
    this.tools = el("div", { class: "hall-tools" }, this.zoom.buttons, this.overview.element);
    this.element = el("div", { class: "hall" }, this.zoom.view, this.hint);
    this.zoom.view.addEventListener("click", (event) => this.tapped(event), { capture: true });
    this.grid.addEventListener("click", ({ target }) => this.press(/** @type {HTMLElement} */ (target), pressed));
    this.grid.addEventListener("pointerover", ({ target }) => nameForPointer(/** @type {HTMLElement} */ (target)));
    this.grid.addEventListener("keydown", (event) => this.keyPressed(event, pressed));
    this.makeReachable(this.rows[0].seats[0]);
  }

  /** Is called once the hall is on the page. */
  entered() {
    this.darkness = matchMedia("(prefers-color-scheme: dark)");
    this.darkness.addEventListener("change", this.recoloured);
    this.zoom.entered();
  }

  leave() {
    this.zoom.leave();
    this.darkness?.removeEventListener("change", this.recoloured);
  }

  /** Updates the looks of the seats. */
  update() {
    let news = false;
    for (const [seat, cell] of this.cells) {
      const look = this.look(seat);
      if (this.looks.get(seat) === look) continue;
      this.show(seat, cell, look);
      news = true;
    }
    if (news) this.overview.changed();
  }

  /** Draws the hall again after a change of language or colours. */
  relabel() {
    this.looks.clear();
    this.grid.setAttribute("aria-label", plain(say("seatsOf", this.session.roomNumber)));
    for (const { letters, header } of this.rows) header.setAttribute("aria-label", say("row", letters));
    this.hint.textContent = say("comeCloser");
    this.zoom.relabel();
    this.update();
    this.overview.changed({ colours: true });
  }

  /**
   * Zooms in first if the seats are too small for a finger.
   * @param {any} event a click, which is a PointerEvent in the browsers that tell fingers from mice
   */
  tapped(event) {
    if (event.pointerType !== "touch" || !this.zoom.isFar) return;
    event.stopPropagation();
    this.zoom.closerAt(event);
  }

  drawn() {
    const grid = el("div", {
      class: "seats",
      role: "grid",
      "aria-multiselectable": "true",
      "aria-describedby": "keys",
    });
    grid.append(...this.rows.map((row, index) => this.drawnRow(row, index)));
    return grid;
  }

  /**
   * @param {Row} row
   * @param {number} index
   */
  drawnRow(row, index) {
    const element = el("div", { class: "row", role: "row" }, row.header);
    if (crosswayBefore(index, this.rows.length)) element.classList.add("after-crossway");
    const aisles = aislesAfter(this.session.seatsPerRow);
    for (const [place, seat] of row.seats.entries()) {
      const cell = el(
        "span",
        { class: "seat", role: "gridcell", tabindex: "-1", "data-seat": seat },
        String(place + 1),
      );
      if (aisles.includes(place)) cell.classList.add("after-aisle");
      this.cells.set(seat, cell);
      element.append(cell);
    }
    return element;
  }

  /**
   * @param {string} seat
   * @param {HTMLElement} cell
   * @param {import("./booking.js").Look} look
   */
  show(seat, cell, look) {
    const [, letters, number] = /^([A-Z]+)(\d+)$/.exec(seat) ?? [];
    this.looks.set(seat, look);
    cell.dataset.look = look;
    cell.setAttribute("aria-label", say("seat", letters, number, say("look")[look]));
    cell.setAttribute("aria-selected", String(!["free", "held", "sold"].includes(look)));
    cell.toggleAttribute("aria-disabled", false);
    if (look === "held" || look === "sold") cell.setAttribute("aria-disabled", "true");
  }

  /**
   * @param {HTMLElement} cell
   * @param {(seat: string) => void} pressed
   */
  press({ dataset: { seat } }, pressed) {
    if (!seat) return;
    this.makeReachable(seat);
    pressed(seat);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {(seat: string) => void} pressed
   */
  keyPressed(event, pressed) {
    const { seat } = /** @type {HTMLElement} */ (event.target).dataset;
    if (!seat || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") pressed(seat);
    else if (ZOOMS[event.key] && !event.ctrlKey) this.zoom[ZOOMS[event.key]]();
    else if (!this.move(seat, event.key, event.ctrlKey)) return;
    event.preventDefault();
  }

  /**
   * Moves the focus by an arrow key and its like. Gives false for any other key.
   * @param {string} seat
   * @param {string} key
   * @param {boolean} withControl
   */
  move(seat, key, withControl) {
    const row = this.rows.findIndex(({ seats }) => seats.includes(seat));
    const place = this.rows[row].seats.indexOf(seat);
    const [downBy, rightBy] = STEPS[withControl && CORNERS.has(key) ? `Control+${key}` : key] ?? [];
    if (downBy === undefined) return false;
    const { seats } = this.rows[within(row + downBy, this.rows)];
    this.makeReachable(seats[within(place + rightBy, seats)]);
    this.reachable?.focus();
    return true;
  }

  /** @param {string} seat */
  makeReachable(seat) {
    this.reachable?.setAttribute("tabindex", "-1");
    this.reachable = this.cells.get(seat);
    this.reachable?.setAttribute("tabindex", "0");
  }
}

/** @type {Record<string, "closer" | "farther" | "toWhole">} */
const ZOOMS = { "+": "closer", "=": "closer", "-": "farther", 0: "toWhole" };
const FAR = 10_000;
const CORNERS = new Set(["Home", "End"]);
/** @type {Record<string, [downBy: number, rightBy: number]>} */
const STEPS = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  PageUp: [-5, 0],
  PageDown: [5, 0],
  Home: [0, -FAR],
  End: [0, FAR],
  "Control+Home": [-FAR, -FAR],
  "Control+End": [FAR, FAR],
};

/**
 * Gives the seat under a pointer a title, because a small seat shows no number.
 * @param {HTMLElement} cell
 */
function nameForPointer(cell) {
  if (cell.dataset.seat) cell.title = cell.getAttribute("aria-label") ?? "";
}

/**
 * @param {number} index
 * @param {unknown[]} list
 */
const within = (index, list) => Math.min(Math.max(index, 0), list.length - 1);

/** @typedef {{ letters: string, header: HTMLElement, seats: string[] }} Row */

/**
 * @param {import("./api.js").Session} session
 * @returns {Row[]}
 */
function rowsOf({ totalSeats, seatsPerRow }) {
  return Array.from({ length: Math.ceil(totalSeats / seatsPerRow) }, (_, index) => {
    const letters = rowLetters(index);
    const count = Math.min(seatsPerRow, totalSeats - index * seatsPerRow);
    const header = el("span", { class: "unseen", role: "rowheader" }, letters);
    return { letters, header, seats: Array.from({ length: count }, (__, place) => `${letters}${place + 1}`) };
  });
}

/**
 * Names a row: A, B, … Z, AA, AB, … as the server does.
 * @param {number} index
 * @returns {string}
 */
function rowLetters(index) {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : rowLetters(Math.floor(index / 26) - 1) + last;
}

/** The contract doesn't know where a hall's aisles are. We draw two, a quarter of the row from each wall. */
function aislesAfter(seatsPerRow) {
  if (seatsPerRow < NARROWEST_WITH_AISLES) return [];
  const side = Math.round(seatsPerRow / 4);
  return [side, seatsPerRow - side];
}

function crosswayBefore(index, rows) {
  const leavesEnough = rows - index >= ROWS_BETWEEN_CROSSWAYS / 2;
  return index > 0 && index % ROWS_BETWEEN_CROSSWAYS === 0 && leavesEnough;
}
