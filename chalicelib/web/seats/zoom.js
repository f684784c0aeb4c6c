// @ts-check
/**
 * Shows a hall of any size in a window of any size: first the whole hall, then closer.
 *
 *   view      the window: scrolls in both directions
 *   └ space   as large as the hall is by now
 *     ├ names   the rows' letters, which stay at the edge
 *     └ grid    the seats, drawn once in one size and scaled: coming closer lays nothing out anew
 *
 * Pinch, wheel, buttons and the keys + − 0 come closer. A finger that can't tell two seats apart comes closer, too.
 */

import { el, fill } from "../shared/dom.js";
import { button } from "../shared/parts.js";
import { say } from "./words.js";

const SEAT_PX = 30; // as in hall.css, unscaled
const LARGEST = 40 / SEAT_PX; // a small hall does not grow beyond
const CLOSEST = 48 / SEAT_PX;
const STEP = 1.5;
const FINGER_PX = 24; // the least that a finger can hit
const FOR_FINGERS = 34 / SEAT_PX;
const LEGIBLE_PX = 17; // below, a seat's number can't be read
const NAME_PX = 13;
const EDGE_PX = 8; // room for the ring around who has the focus
const SIDE_PX = 5; // the same beside the letters
const NARROW_PX = 480;
const WHEEL_NOTCH = 50;
const FRESH_MS = 400;
const TOUCHES = /** @type {const} */ (["touchstart", "touchmove", "touchend", "touchcancel"]);

export class Zoom {
  scale = 1;
  gutter = 0;
  end = 0;
  /** @type {number | undefined} the scale at which all of the hall is to be seen */
  whole = undefined;
  /** @type {number[]} */
  tops = [];
  /** @type {HTMLElement | undefined} */
  stage = undefined;
  /** @type {ResizeObserver | undefined} */
  watching = undefined;
  /** @type {number | undefined} */
  frame = undefined;
  /** @type {{ distance: number, scale: number } | undefined} */
  pinch = undefined;
  /** @type {{ scale: number, anchor: { x: number, y: number } } | undefined} */
  next = undefined;
  pageScrolledAt = 0;

  /**
   * @param {HTMLElement} grid
   * @param {{ letters: string, header: HTMLElement }[]} rows
   * @param {() => void} moved called after each change of what is to be seen
   */
  constructor(grid, rows, moved) {
    this.grid = grid;
    this.rows = rows;
    this.moved = moved;
    this.names = el("div", { class: "row-names", "aria-hidden": "true" });
    this.space = el("div", { class: "hall-space" }, this.names, grid);
    this.view = el("div", { class: "hall-view" }, this.space);
    this.buttons = el("div", { class: "zoom", role: "group" });
    this.named = rows.map(({ letters }) => el("span", {}, letters));
    this.names.append(...this.named);
    this.view.addEventListener("scroll", () => this.soon(), { passive: true });
    this.view.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    for (const kind of TOUCHES) this.view.addEventListener(kind, (event) => this.touched(event), { passive: false });
    this.scrolled = () => (this.pageScrolledAt = Date.now());
  }

  /** Begins to measure, once it is on the page. */
  entered() {
    this.stage = /** @type {HTMLElement} */ (this.view.closest(".stage"));
    this.watching = new ResizeObserver(() => this.measure());
    this.watching.observe(/** @type {HTMLElement} */ (this.view.parentElement));
    addEventListener("scroll", this.scrolled, { passive: true });
    this.measure();
  }

  leave() {
    this.watching?.disconnect();
    removeEventListener("scroll", this.scrolled);
  }

  relabel() {
    this.buttons.setAttribute("aria-label", say("zoom"));
    fill(
      this.buttons,
      button("zoom-out", "−", () => this.farther(), "quiet", { "aria-label": say("zoomOut"), title: say("zoomOut") }),
      button("zoom-whole", "⤢", () => this.toWhole(), "quiet", { "aria-label": say("whole"), title: say("whole") }),
      button("zoom-in", "+", () => this.closer(), "quiet", { "aria-label": say("zoomIn"), title: say("zoomIn") }),
    );
    this.tellButtons();
  }

  /** Measures the scale at which the whole hall is visible. If the whole hall was visible, it stays so after a resize. */
  measure() {
    const { view, grid, names } = this;
    if (!grid.offsetWidth || !view.clientWidth) return;
    const style = getComputedStyle(view);
    this.gutter = names.offsetWidth + SIDE_PX;
    this.end = view.clientWidth < NARROW_PX ? SIDE_PX : this.gutter;
    const [width, height] = [view.clientWidth - this.gutter - this.end, parseFloat(style.maxHeight) - 2 * EDGE_PX];
    const whole = Math.min(LARGEST, width / grid.offsetWidth, (height || Infinity) / grid.offsetHeight);
    const seesAll = this.whole === undefined || this.scale <= this.whole + 0.001;
    this.whole = whole;
    this.tops = this.rows.map(({ header }) => header.parentElement?.offsetTop ?? 0);
    this.draw(seesAll ? whole : this.within(this.scale), this.middle);
  }

  /**
   * Gives the scale, or the nearest that is allowed.
   * @param {number} scale
   */
  within(scale) {
    const whole = this.whole ?? 0;
    return Math.min(Math.max(scale, whole), Math.max(CLOSEST, whole));
  }

  get isWhole() {
    return this.whole !== undefined && this.scale <= this.whole + 0.001;
  }

  /** Tells whether two seats are too close to each other for a finger. */
  get isFar() {
    return this.scale * SEAT_PX < FINGER_PX - 2;
  }

  closer() {
    this.draw(this.within(this.scale * STEP), this.middle);
  }

  farther() {
    this.draw(this.within(this.scale / STEP), this.middle);
  }

  get middle() {
    return { x: this.view.clientWidth / 2, y: this.view.clientHeight / 2 };
  }

  toWhole() {
    this.draw(this.within(0), { x: 0, y: 0 });
  }

  /**
   * Zooms in at that place of the window, until the seats are large enough for fingers.
   * @param {{ clientX: number, clientY: number }} place
   */
  closerAt({ clientX, clientY }) {
    this.draw(this.within(FOR_FINGERS), this.inView(clientX, clientY));
  }

  /**
   * @param {number} clientX
   * @param {number} clientY
   */
  inView(clientX, clientY) {
    const { left, top } = this.view.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  /**
   * Draws the hall in that scale. What lies at `anchor`, a place in the window, stays there.
   * @param {number} scale
   * @param {{ x: number, y: number }} anchor
   */
  draw(scale, anchor) {
    const { view, space, grid, gutter } = this;
    const before = this.scale;
    const offset = space.offsetLeft + gutter;
    const [x, y] = [view.scrollLeft + anchor.x - offset, view.scrollTop + anchor.y - EDGE_PX];
    this.scale = scale;
    const [width, height] = [grid.offsetWidth * scale, grid.offsetHeight * scale];
    space.style.width = `${width + gutter + this.end}px`;
    space.style.height = `${height + 2 * EDGE_PX}px`;
    grid.style.transform = `translate(${gutter}px, ${EDGE_PX}px) scale(${scale})`;
    const range = scale * SEAT_PX < LEGIBLE_PX ? "far" : "near";
    if (this.stage && this.stage.dataset.range !== range) this.stage.dataset.range = range;
    this.drawNames(scale);
    view.scrollTo(
      (x * scale) / before + space.offsetLeft + gutter - anchor.x,
      (y * scale) / before + EDGE_PX - anchor.y,
    );
    this.tellButtons();
    this.soon();
  }

  /**
   * Draws as many names as have room below each other.
   * @param {number} scale
   */
  drawNames(scale) {
    const pitch = this.tops.length > 1 ? (this.tops[1] - this.tops[0]) * scale : SEAT_PX;
    const every = Math.max(1, Math.ceil(NAME_PX / pitch));
    this.named.forEach((name, index) => {
      name.hidden = index % every !== 0;
      name.style.top = `${(this.tops[index] + SEAT_PX / 2) * scale + EDGE_PX}px`;
    });
  }

  tellButtons() {
    if (this.whole === undefined) return;
    const large = this.whole * SEAT_PX < FINGER_PX + 6;
    const zoomable = large || !this.isWhole;
    if (this.buttons.hidden === zoomable) this.buttons.hidden = !zoomable;
    this.stage?.toggleAttribute("data-zoomable", zoomable);
    /** @type {Record<string, boolean>} */
    const off = { "zoom-out": this.isWhole, "zoom-whole": this.isWhole, "zoom-in": this.scale >= this.within(CLOSEST) };
    for (const each of /** @type {HTMLCollectionOf<HTMLElement>} */ (this.buttons.children))
      each.setAttribute("aria-disabled", String(off[each.dataset.key ?? ""]));
  }

  /**
   * Zooms by a mouse's wheel and by a trackpad's pinch. Two fingers on a trackpad scroll the map, as usual.
   * @param {WheelEvent} event
   */
  wheeled(event) {
    const notch = event.deltaMode !== 0 || (event.deltaX === 0 && Math.abs(event.deltaY) >= WHEEL_NOTCH);
    const onItsWay = Date.now() - this.pageScrolledAt < FRESH_MS; // the page was being scrolled
    const wanted = event.ctrlKey || (notch && !event.shiftKey && !onItsWay && !this.buttons.hidden);
    const delta = event.deltaMode === 0 ? event.deltaY : event.deltaY * 40;
    const scale = this.within(this.scale * Math.exp(-delta / (event.ctrlKey && !notch ? 100 : 400)));
    if (!wanted || (scale === this.scale && !event.ctrlKey)) return;
    event.preventDefault();
    this.next = { scale, anchor: this.inView(event.clientX, event.clientY) };
    this.soon();
  }

  /** @param {TouchEvent} event */
  touched(event) {
    const [one, other] = event.touches;
    if (!other) {
      this.pinch = undefined;
      return;
    }
    const distance = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    this.pinch ??= { distance, scale: this.scale };
    event.preventDefault();
    const anchor = this.inView((one.clientX + other.clientX) / 2, (one.clientY + other.clientY) / 2);
    this.next = { scale: this.within((this.pinch.scale * distance) / this.pinch.distance), anchor };
    this.soon();
  }

  /** Draws once for each frame, however much happens in it. */
  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      const { next } = this;
      this.next = undefined;
      if (next) this.draw(next.scale, next.anchor);
      this.moved();
    });
  }
}
