/**
 * A hall of any size in a window of any size: all of it at a glance, then closer.
 *
 *   view      the window: scrolls in both directions
 *   └ space   as large as the hall is by now
 *     ├ names   the rows' letters, which stay at the edge
 *     └ grid    the seats, drawn once in one size and scaled: coming closer lays nothing out anew
 *
 * Pinch, wheel, buttons and the keys + − 0 come closer. A finger that can't tell two seats apart comes closer, too.
 */

import { el, fill } from "./dom.js";
import { button } from "./parts.js";
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

export class Zoom {
  scale = 1;

  /** `rows` are told as {letters, header}; `moved()` after each change of what is to be seen. */
  constructor(grid, rows, moved) {
    Object.assign(this, { grid, rows, moved });
    this.names = el("div", { class: "row-names", "aria-hidden": "true" });
    this.space = el("div", { class: "hall-space" }, this.names, grid);
    this.view = el("div", { class: "hall-view" }, this.space);
    this.buttons = el("div", { class: "zoom", role: "group" });
    this.named = rows.map(({ letters }) => el("span", {}, letters));
    this.names.append(...this.named);
    this.view.addEventListener("scroll", () => this.soon(), { passive: true });
    this.view.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    for (const kind of ["touchstart", "touchmove", "touchend", "touchcancel"])
      this.view.addEventListener(kind, (event) => this.touched(event), { passive: false });
    this.scrolled = () => (this.pageScrolledAt = Date.now());
  }

  /** Once it is on the page. */
  entered() {
    this.stage = this.view.closest(".stage");
    this.watching = new ResizeObserver(() => this.measure());
    this.watching.observe(this.view.parentElement);
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

  /** The scale at which all of it is to be seen. Who sees all of it goes on seeing all of it when the window changes. */
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
    this.tops = this.rows.map(({ header }) => header.parentElement.offsetTop);
    this.draw(seesAll ? whole : this.within(this.scale), this.middle);
  }

  within(scale) {
    return Math.min(Math.max(scale, this.whole), Math.max(CLOSEST, this.whole));
  }

  get isWhole() {
    return this.scale <= this.whole + 0.001;
  }

  /** Whether two seats are too close to each other for a finger. */
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
    this.draw(this.whole, { x: 0, y: 0 });
  }

  /** As close as fingers need it, at that place of the window. */
  closerAt({ clientX, clientY }) {
    this.draw(this.within(FOR_FINGERS), this.inView(clientX, clientY));
  }

  inView(clientX, clientY) {
    const { left, top } = this.view.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  /** What lies at `anchor`, a place in the window, stays there. */
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
    if (this.stage.dataset.range !== range) this.stage.dataset.range = range;
    this.drawNames(scale);
    view.scrollTo((x * scale) / before + space.offsetLeft + gutter - anchor.x, (y * scale) / before + EDGE_PX - anchor.y);
    this.tellButtons();
    this.soon();
  }

  /** As many names as have room below each other. */
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
    this.stage.toggleAttribute("data-zoomable", zoomable);
    const off = { "zoom-out": this.isWhole, "zoom-whole": this.isWhole, "zoom-in": this.scale >= this.within(CLOSEST) };
    for (const each of this.buttons.children) each.setAttribute("aria-disabled", String(off[each.dataset.key]));
  }

  /** A mouse's wheel and a trackpad's pinch come closer; two fingers on a trackpad move the map as they move any. */
  wheeled(event) {
    const notch = event.deltaMode !== 0 || (event.deltaX === 0 && Math.abs(event.deltaY) >= WHEEL_NOTCH);
    const onItsWay = Date.now() - (this.pageScrolledAt ?? 0) < FRESH_MS; // the page was being scrolled
    const wanted = event.ctrlKey || (notch && !event.shiftKey && !onItsWay && !this.buttons.hidden);
    const delta = event.deltaMode === 0 ? event.deltaY : event.deltaY * 40;
    const scale = this.within(this.scale * Math.exp(-delta / (event.ctrlKey && !notch ? 100 : 400)));
    if (!wanted || (scale === this.scale && !event.ctrlKey)) return;
    event.preventDefault();
    this.next = { scale, anchor: this.inView(event.clientX, event.clientY) };
    this.soon();
  }

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

  /** Once for each frame, however much happens in it. */
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
