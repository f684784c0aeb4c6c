// @ts-check
/** A small map of the whole hall, shown while only a part of the hall is visible. It shows that part, and can move it. */

import { el } from "../shared/dom.js";

const LOOKS = ["free", "chosen", "asking", "mine", "bought", "held", "sold"];
const LONGEST_PX = 80;

export class Overview {
  width = 0;
  height = 0;
  dirty = true;
  /** @type {Record<string, string> | undefined} */
  colours = undefined;
  /** @type {[seat: string, left: number, top: number, side: number][] | undefined} */
  places = undefined;

  /**
   * @param {{ view: HTMLElement, grid: HTMLElement }} zoom
   * @param {[seat: string, cell: HTMLElement][]} seats
   * @param {(seat: string) => string | undefined} lookOf says how each seat looks
   */
  constructor({ view, grid }, seats, lookOf) {
    this.view = view;
    this.grid = grid;
    this.seats = seats;
    this.lookOf = lookOf;
    this.canvas = el("canvas");
    this.frame = el("div", { class: "overview-frame" });
    this.element = el("div", { class: "overview overview-idle", "aria-hidden": "true" }, this.canvas, this.frame);
    for (const kind of /** @type {const} */ (["pointerdown", "pointermove"]))
      this.element.addEventListener(kind, (event) => event.buttons && this.goTo(event));
  }

  /** Shows where the visible part is. */
  moved() {
    const { view } = this;
    const all = view.scrollWidth <= view.clientWidth + 1 && view.scrollHeight <= view.clientHeight + 1;
    this.element.classList.toggle("overview-idle", all);
    if (this.dirty && !(all && this.places)) this.draw(); // the first time even unseen: it takes its place
    if (all) return;
    const [x, y] = [this.width / view.scrollWidth, this.height / view.scrollHeight];
    const { style } = this.frame;
    style.width = `${view.clientWidth * x}px`;
    style.height = `${view.clientHeight * y}px`;
    style.transform = `translate(${view.scrollLeft * x}px, ${view.scrollTop * y}px)`;
  }

  /** Takes note that a seat looks different, or that the colours are others. */
  changed({ colours = false } = {}) {
    if (colours) this.colours = undefined;
    this.dirty = true;
    if (!this.element.classList.contains("overview-idle")) this.moved();
  }

  draw() {
    const { grid, canvas } = this;
    if (!grid.offsetWidth) return;
    this.dirty = false;
    const scale = LONGEST_PX / Math.max(grid.offsetWidth, grid.offsetHeight);
    [this.width, this.height] = [grid.offsetWidth * scale, grid.offsetHeight * scale];
    [canvas.width, canvas.height] = [this.width * devicePixelRatio, this.height * devicePixelRatio];
    [canvas.style.width, canvas.style.height] = [`${this.width}px`, `${this.height}px`];
    this.colours ??= this.learnColours();
    this.places ??= this.seats.map(([seat, cell]) => [seat, cell.offsetLeft, cell.offsetTop, cell.offsetWidth]);
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.scale(scale * devicePixelRatio, scale * devicePixelRatio);
    for (const [seat, left, top, side] of this.places) {
      context.fillStyle = this.colours[this.lookOf(seat) ?? "free"];
      context.fillRect(left, top, side, side);
    }
  }

  /** Learns the colours from the stylesheet, by asking for each in turn: a canvas knows no light-dark() and no variables. */
  learnColours() {
    /** @type {Record<string, string>} */
    const colours = {};
    for (const look of LOOKS) {
      this.canvas.dataset.look = look;
      colours[look] = getComputedStyle(this.canvas).color;
    }
    delete this.canvas.dataset.look;
    return colours;
  }

  /** @param {PointerEvent} event */
  goTo(event) {
    event.preventDefault();
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const { view } = this;
    view.scrollTo(
      ((event.clientX - left) / width) * view.scrollWidth - view.clientWidth / 2,
      ((event.clientY - top) / height) * view.scrollHeight - view.clientHeight / 2,
    );
  }
}
