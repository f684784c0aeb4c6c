// @ts-check
/**
 * Lines over time, drawn as SVG in the width that there is, with a table of the same numbers behind them.
 *
 * A series is told by colour, dash and mark, so that it can be told without colours. A value of undefined is a gap.
 */

import { el, fill } from "../shared/dom.js";
import { part } from "../shared/zone.js";
import { clock, say } from "./words.js";

const HEIGHT = 190;
const TOP = 10;
const BOTTOM = 24;
const SIDE = 8;
const DIGIT = 7.5;
const LABEL_EVERY_PX = 64;
const DASHES = [undefined, "7 4", "2 4"];

const open = new Set(); // titles of the tables that the reader has opened: they stay so when the numbers change

let made = 0;

/** @typedef {{ name: string, kind: string, values: (number | undefined)[] }} Series */

/**
 * @typedef {object} Drawn what a chart shows
 * @property {string} title
 * @property {string} hint
 * @property {string[]} times moments, one for each value of a series
 * @property {Series[]} series
 * @property {(value: number) => string} written puts a value into words
 * @property {number} [most] the top of the axis, where it is not to be found from the values
 */

/**
 * Draws a chart.
 * @param {Drawn} drawn
 */
export function chart({ title, hint, times, series, written, most }) {
  const id = `chart-${(made += 1)}`;
  const plot = el("div", { class: "plot" });
  const readout = el("p", { class: "readout", "aria-hidden": "true" });
  const facts = { id, title, times, series, written, top: most ?? ceiling(series.flatMap(({ values }) => values)) };
  new ResizeObserver(() => draw(plot, readout, facts)).observe(plot);
  return el(
    "figure",
    { class: "chart card-like" },
    el("figcaption", {}, el("h3", {}, title), el("p", { class: "hint" }, hint)),
    series.length > 1 && legend(series),
    plot,
    readout,
    table(title, times, series, written),
  );
}

/**
 * @param {HTMLElement} plot
 * @param {HTMLElement} readout
 * @param {Omit<Drawn, "hint" | "most"> & { id: string, top: number }} facts
 */
function draw(plot, readout, { id, title, times, series, written, top }) {
  const width = plot.clientWidth;
  if (!width) return;
  const left = SIDE + DIGIT * Math.max(...[0, top].map((value) => written(value).length));
  const x = (index) => left + (index * (width - left - SIDE)) / Math.max(1, times.length - 1);
  const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const drawing = svg(
    "svg",
    { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-labelledby": `${id}-t ${id}-d` },
    svg("title", { id: `${id}-t` }, title),
    svg("desc", { id: `${id}-d` }, series.map((each) => summary(each, times, written)).join(". ")),
    [0, top / 2, top].map((value) => line(left, width, y(value), written(value))),
    hours(times, x, width),
    series.flatMap((each, index) => drawnSeries(each, index, x, y)),
  );
  const indexAt = (clientX) => {
    const at = (clientX - plot.getBoundingClientRect().left - left) / (width - left - SIDE);
    return Math.min(times.length - 1, Math.max(0, Math.round(at * (times.length - 1))));
  };
  const readingAt = (index) => {
    const readings = series.map(({ name, values }) => `${name} ${writtenOrDash(values[index], written)}`);
    return [clock(times[index]), ...readings].join(" · ");
  };
  followPointer(drawing, readout, { indexAt, readingAt, x });
  fill(plot, drawing);
}

/**
 * Shows a line where the pointer is, and reads the values there out.
 * @param {Element} drawing
 * @param {HTMLElement} readout
 * @param {{ indexAt: (clientX: number) => number, readingAt: (index: number) => string, x: (index: number) => number }} axis
 */
function followPointer(drawing, readout, { indexAt, readingAt, x }) {
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  drawing.append(cursor);
  const show = (event) => {
    const index = indexAt(event.clientX);
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, String(x(index)));
    cursor.setAttribute("visibility", "visible");
    readout.textContent = readingAt(index);
  };
  const hide = () => {
    cursor.setAttribute("visibility", "hidden");
    readout.textContent = "";
  };
  drawing.addEventListener("pointermove", show);
  drawing.addEventListener("pointerdown", show);
  drawing.addEventListener("pointerleave", hide);
}

/**
 * Writes a value, or a dash for a gap.
 * @param {number | undefined} value
 * @param {Drawn["written"]} written
 */
const writtenOrDash = (value, written) => (value === undefined ? "–" : written(value));

function line(left, width, at, text) {
  return [
    svg("line", { class: "grid", x1: left, x2: width - SIDE, y1: at, y2: at }),
    svg("text", { class: "tick", x: left - 6, y: at + 4, "text-anchor": "end" }, text),
  ];
}

/**
 * Writes times under the axis: on the hour or half hour, as many as there is room for.
 * @param {string[]} times
 * @param {(index: number) => number} x
 * @param {number} width
 */
function hours(times, x, width) {
  const halfHours = [...times.keys()].filter(
    (index) => Number(part("minute", times[index], { hour: "numeric", minute: "2-digit" })) % 30 === 0,
  );
  const step = Math.max(1, Math.ceil((halfHours.length * LABEL_EVERY_PX) / width));
  return halfHours
    .filter((_, position) => position % step === 0)
    .map((index) => {
      const at = Math.min(width - 20, Math.max(20, x(index)));
      return svg("text", { class: "tick", x: at, y: HEIGHT - 6, "text-anchor": "middle" }, clock(times[index]));
    });
}

/**
 * @param {Series} series
 * @param {number} order
 * @param {(index: number) => number} x
 * @param {(value: number) => number} y
 */
function drawnSeries({ values, kind }, order, x, y) {
  const points = [...values.entries()].flatMap(([index, value]) => (value === undefined ? [] : [{ index, value }]));
  const lonely = points.filter(({ index }) => values[index - 1] === undefined && values[index + 1] === undefined);
  const path = points.map(({ index, value }) => {
    const first = values[index - 1] === undefined;
    return `${first ? "M" : "L"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  const last = points.filter(({ value }) => value > 0).slice(-1);
  return [
    svg("path", { class: `series ${kind}`, d: path.join(""), "stroke-dasharray": DASHES[order] }),
    ...[...new Set([...lonely, ...last])].map(({ index, value }) => mark(kind, order, x(index), y(value))),
  ];
}

function mark(kind, order, x, y) {
  if (order === 1) return svg("rect", { class: `mark ${kind}`, x: x - 3.5, y: y - 3.5, width: 7, height: 7 });
  if (order === 2) {
    const points = `${x},${y - 5} ${x + 5},${y + 4} ${x - 5},${y + 4}`;
    return svg("polygon", { class: `mark ${kind}`, points });
  }
  return svg("circle", { class: `mark ${kind}`, cx: x, cy: y, r: 4 });
}

/** @param {Series[]} series */
function legend(series) {
  return el(
    "ul",
    { class: "legend" },
    series.map(({ name, kind }, order) =>
      el(
        "li",
        {},
        svg(
          "svg",
          { width: 30, height: 12, "aria-hidden": "true" },
          svg("line", { class: `series ${kind}`, x1: 0, x2: 30, y1: 6, y2: 6, "stroke-dasharray": DASHES[order] }),
          mark(kind, order, 15, 6),
        ),
        name,
      ),
    ),
  );
}

/**
 * @param {string} title
 * @param {string[]} times
 * @param {Series[]} series
 * @param {Drawn["written"]} written
 */
function table(title, times, series, written) {
  const shown = [...times.keys()].filter((index) => series.some(({ values }) => values[index]));
  const rows = shown.map((index) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, clock(times[index])),
      series.map(({ values }) => el("td", {}, writtenOrDash(values[index], written))),
    ),
  );
  const head = el(
    "tr",
    {},
    [say("from"), ...series.map(({ name }) => name)].map((name) => el("th", { scope: "col" }, name)),
  );
  const details = el(
    "details",
    { open: open.has(title) },
    el("summary", { "data-key": `table-${title}` }, say("asTable")),
    rows.length
      ? el(
          "table",
          { class: "numbers" },
          el("caption", { class: "unseen" }, title),
          el("thead", {}, head),
          el("tbody", {}, rows),
        )
      : el("p", { class: "hint" }, say("nothingYet")),
  );
  details.addEventListener("toggle", () => (details.open ? open.add(title) : open.delete(title)));
  return details;
}

/**
 * @param {Series} series
 * @param {string[]} times
 * @param {Drawn["written"]} written
 */
function summary({ name, values }, times, written) {
  const most = Math.max(0, ...values.map((value) => value ?? 0));
  return most ? say("peak", name, written(most), clock(times[values.indexOf(most)])) : say("never", name);
}

/**
 * Chooses the top of the axis: the next of 2, 4, 10, 20, 40, 100, … so that its half is a whole number.
 * @param {(number | undefined)[]} values
 */
function ceiling(values) {
  const most = Math.max(2, ...values.map((value) => value ?? 0));
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 6, 10].map((step) => step * power).find((top) => top >= most && top % 2 === 0) ?? most;
}

/**
 * Makes an element of SVG. Attributes that are undefined are left out.
 * @param {string} tag
 * @param {Record<string, any>} attributes
 * @param {...any} children
 */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(name, value);
  node.append(...children.flat(3));
  return node;
}
