// Line chart with a moving time axis. Lines differ by dashes, not only by colour.

import { drawShapes, element, setAttributes, setHidden, setText, shape } from "./dom.js";
import { count, duration } from "./format.js";

const HEIGHT = 132;
const TOP = 8;
const BOTTOM = 20;
const LEFT = 58;
const RIGHT = 8;
const LEAST_SPAN = 1e-4; // of an axis that does not begin at 0
const BAR_HEIGHT = 40; // of the largest
const BREAK_SECONDS = 3; // a longer time that no point covers breaks the line

/**
 * `series`: [{key, label, line}], drawn in order, `line` a CSS class; one without a value is left out; `format` of a
 * value; `note` below the title; `fromZero`: y axis from 0 to at least this, so that noise is not magnified; `bars`: as a
 * series, counts drawn from the bottom on a scale of their own; `between` shades the area between the first two.
 */
export class Chart {
  #points = [];
  #now = 0;

  constructor(root, options) {
    Object.assign(this, { fromZero: null, bars: null, between: false, note: "", ...options });
    this.keyed = this.bars ? [...this.series, this.bars] : this.series;
    this.values = this.keyed.map(() => element("strong"));
    this.readout = element("span", { class: "readout" });
    this.svg = shape("svg", { role: "img", height: HEIGHT });
    this.#build(root);
    this.svg.addEventListener("pointermove", (event) => this.#inspect(event.offsetX));
    this.svg.addEventListener("pointerleave", () => this.#inspect(null));
    new ResizeObserver(() => this.#draw()).observe(this.svg);
  }

  /** Draws points as of History.points. */
  draw({ now, seconds, means }) {
    this.#now = now;
    this.seconds = seconds;
    this.#points = means;
    this.#draw();
  }

  #draw() {
    const width = this.svg.clientWidth;
    if (!width || !this.seconds) return;
    this.#place(width);
    drawShapes(this.grid, this.yTicks, "line", (line, tick) => {
      setAttributes(line, { x1: LEFT, x2: width - RIGHT, y1: this.y(tick), y2: this.y(tick) });
    });
    drawShapes(this.labels, this.#labels(width), "text", drawLabel);
    setAttributes(this.area, { d: this.between ? this.#areaPath() : "" });
    this.series.forEach((one, index) => setAttributes(this.lines[index], { d: this.#linePath(one.key) }));
    if (this.bars) this.#drawBars();
    this.#describe();
  }

  #build(root) {
    this.grid = shape("g", { class: "grid" });
    this.area = shape("path", { class: "between" });
    this.boxes = shape("g", { class: "boxes" });
    this.lines = this.series.map(({ line }) => shape("path", { class: `line ${line}` }));
    this.cursor = shape("line", { class: "cursor", visibility: "hidden", y1: TOP, y2: HEIGHT - BOTTOM });
    this.labels = shape("g", { class: "labels" });
    this.svg.append(this.grid, this.area, this.boxes, ...this.lines, this.cursor, this.labels);
    this.keys = this.keyed.map(({ label, line }, index) =>
      element("li", {}, sample(line), ...(this.series.length > 1 ? [this.values[index], " "] : []), label),
    );
    const note = element("p", { class: "hint" }, this.note);
    const list = element("ul", {}, ...this.keys);
    const caption = element("figcaption", {}, element("h3", {}, this.title), list, note, this.readout);
    root.append(element("figure", { class: "panel chart" }, caption, this.svg));
  }

  #place(width) {
    const values = this.series.flatMap(({ key }) => this.#valuesOf(key));
    this.yTicks = values.length ? ticks(values, this.fromZero) : [];
    const [low, high] = [this.yTicks[0], this.yTicks.at(-1)];
    const scale = (HEIGHT - TOP - BOTTOM) / (high - low || 1);
    this.x = (time) => width - RIGHT - ((this.#now - time) / this.seconds) * (width - LEFT - RIGHT);
    this.y = (value) => HEIGHT - BOTTOM - (value - low) * scale;
  }

  #drawBars() {
    const { key } = this.bars;
    const most = Math.max(...this.#valuesOf(key));
    const counted = this.#points.filter((point) => point[key] > 0);
    drawShapes(this.boxes, counted, "rect", (node, point) => {
      const [x, height] = [this.x(startOf(point)), Math.max((BAR_HEIGHT * point[key]) / most, 2)];
      setAttributes(node, { x, y: HEIGHT - BOTTOM - height, width: Math.max(this.x(point.time) - x, 1), height });
    });
  }

  #valuesOf(key) {
    return this.#points.map((point) => point[key]).filter(isNumber);
  }

  #labels(width) {
    const sides = this.yTicks.map((tick) => ({
      x: LEFT - 6,
      y: this.y(tick) + 4,
      anchor: "end",
      text: this.format(tick, this.yTicks[1] - this.yTicks[0]),
    }));
    const y = HEIGHT - 5;
    const nothing = { x: (LEFT + width) / 2, y: HEIGHT / 2, anchor: "middle", text: "nothing to show yet" };
    return [
      ...(sides.length ? sides : [nothing]),
      { x: LEFT, y, anchor: "start", text: `${duration(this.seconds)} ago` },
      { x: width - RIGHT, y, anchor: "end", text: "now" },
    ];
  }

  #linePath(key) {
    return runs(this.#points, [key])
      .map((run) => this.#runPath(run, key))
      .join("");
  }

  #runPath(run, key) {
    const [x, y] = [(point) => this.x(point.time).toFixed(1), (point) => this.y(point[key]).toFixed(1)];
    const steps = run.map((point) => `L${x(point)} ${y(point)}`);
    return `M${this.x(startOf(run[0])).toFixed(1)} ${y(run[0])}${steps.join("")}`;
  }

  #areaPath() {
    const [upper, lower] = this.series.map(({ key }) => key);
    const corner = (key) => (point) => `${this.x(point.time).toFixed(1)} ${this.y(point[key]).toFixed(1)}`;
    const around = (run) => [...run.map(corner(upper)), ...run.toReversed().map(corner(lower))];
    return runs(this.#points, [upper, lower])
      .map((run) => `M${around(run).join("L")}Z`)
      .join("");
  }

  #describe() {
    const last = this.#points.at(-1);
    const parts = this.series.map(({ key, label }) => `${label} ${this.#range(key)}`);
    this.series.forEach(({ key }, index) => {
      setText(this.values[index], this.format(last?.[key] ?? null));
      setHidden(this.keys[index], this.yTicks.length > 0 && !this.#valuesOf(key).length);
    });
    if (this.bars) parts.push(this.#describeBars());
    setAttributes(this.svg, { "aria-label": `${this.title}, the last ${duration(this.seconds)}: ${parts.join("; ")}` });
  }

  #describeBars() {
    const total = this.#valuesOf(this.bars.key).reduce((sum, value) => sum + value, 0);
    setText(this.values.at(-1), count(total));
    setHidden(this.keys.at(-1), total === 0);
    return `${count(total)} ${this.bars.label}`;
  }

  #range(key) {
    const values = this.#valuesOf(key);
    if (!values.length) return "not known yet";
    const [low, high, last] = [Math.min(...values), Math.max(...values), values.at(-1)];
    return `${this.format(last)} now, between ${this.format(low)} and ${this.format(high)}`;
  }

  #inspect(x) {
    const point = x === null || !this.x ? null : this.#nearest(x);
    setAttributes(this.cursor, { visibility: point ? "visible" : "hidden" });
    if (!point) return setText(this.readout, "");
    setAttributes(this.cursor, { x1: this.x(point.time), x2: this.x(point.time) });
    const ago = duration(this.#now - point.time);
    const values = this.series.map(({ key }) => this.format(point[key])).join(", ");
    const counted = this.bars && point[this.bars.key] ? [`${count(point[this.bars.key])} ${this.bars.label}`] : [];
    setText(this.readout, [`${ago} ago: ${values}`, ...counted].join(" · "));
  }

  #nearest(x) {
    const distance = (point) => Math.abs(this.x(point.time) - x);
    return this.#points.reduce((best, point) => (!best || distance(point) < distance(best) ? point : best), null);
  }
}

/** Runs of consecutive points without a break that have all values. */
function runs(points, keys) {
  const found = [];
  let before = -Infinity;
  for (const point of points) {
    if (!keys.every((key) => isNumber(point[key]))) continue;
    if (startOf(point) - before > BREAK_SECONDS) found.push([]);
    found.at(-1).push(point);
    before = point.time;
  }
  return found;
}

/** A point is the mean of the `seconds` before its time. */
const startOf = ({ time, seconds }) => time - seconds;

const isNumber = (value) => typeof value === "number";

function drawLabel(node, { x, y, anchor, text }) {
  setAttributes(node, { x, y, "text-anchor": anchor });
  setText(node, text);
}

function sample(line) {
  const path = shape("path", { class: `line ${line}`, d: "M1 6H25" });
  return shape("svg", { width: 26, height: 12, "aria-hidden": "true" }, path);
}

/** Three to five round ticks that span the values. */
function ticks(values, fromZero) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (fromZero) [low, high] = [low < -fromZero / 100 ? low : 0, Math.max(high, fromZero)];
  const step = roundStep(Math.max(high - low, fromZero ?? LEAST_SPAN) / 3);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * step);
}

/** The smallest of 1, 2, 5, 10, … that is at least `step`; `whole` for an integer from 1. */
export function roundStep(step, whole) {
  const power = 10 ** Math.floor(Math.log10(step));
  const round = [1, 2, 5, 10].find((factor) => factor * power >= step * 0.999) * power;
  return whole ? Math.max(Math.round(round), 1) : round;
}
