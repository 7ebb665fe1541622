// Shared parts of both class drawings: level axis, labels, and the threshold line.

import { roundStep } from "./chart.js";
import { drawShapes, setAttributes, setText, shape } from "./dom.js";
import { count } from "./format.js";

export const PLOT = 196;
export const TOP = 10;
export const AXIS = 30;
export const RIGHT = 8;
const SMALLEST_LABEL = 13;
const SMALLEST_CUT = 4;

/** y of the upper edge of a level; `height` of each. */
export function scaleOf(levels) {
  const height = PLOT / levels;
  return { levels, height, y: (level) => TOP + PLOT - Math.min(level, levels) * height };
}

/** What both drawings have: level axis, cuts, thresholds and stars. `ground` shapes lie below them, `outline` between. */
export class Figure {
  constructor(root, attributes, ground, outline = []) {
    this.halo = shape("path", { class: "star-halo" });
    this.axis = shape("g", { class: "axis", "text-anchor": "end" });
    this.cuts = shape("g", { class: "cuts" });
    this.dashed = shape("path", { class: "optimal-threshold" });
    this.thick = shape("path", { class: "threshold" });
    this.star = shape("path", { class: "star" });
    const frame = [this.halo, this.axis, this.cuts, this.dashed, this.thick];
    this.svg = root.appendChild(
      shape("svg", { role: "img", ...attributes }, ...ground, ...frame, ...outline, this.star),
    );
  }

  /** `stars` is the path of the places where one more session adds most. */
  draw(c, scale, width, stars) {
    setAttributes(this.svg, { width: AXIS + width + RIGHT });
    drawAxis(this.axis, scale, c.threshold);
    drawCuts(this.cuts, scale, c.capacity, width);
    drawThresholds(this, scale, c, width);
    for (const path of [this.halo, this.star]) setAttributes(path, { d: stars });
  }
}

/** Level labels; the threshold's is always shown, in bold. */
function drawAxis(group, scale, threshold) {
  const step = roundStep(SMALLEST_LABEL / scale.height, true);
  const levels = [];
  for (let level = 0; level <= scale.levels; level += step) {
    const near = threshold !== null && Math.abs(scale.y(level) - scale.y(threshold)) < SMALLEST_LABEL;
    if (!near) levels.push(level);
  }
  if (threshold !== null) levels.push(threshold);
  drawShapes(group, levels, "text", (node, level) => {
    setAttributes(node, { x: AXIS - 7, y: scale.y(level) + 4, class: level === threshold ? "at-threshold" : null });
    setText(node, count(level));
  });
}

/** Lines between levels, if they are far enough apart to distinguish. */
function drawCuts(group, scale, capacity, width) {
  const wanted = scale.height >= SMALLEST_CUT ? Math.min(scale.levels, capacity) : 0;
  const levels = Array.from({ length: wanted }, (_, level) => level);
  drawShapes(group, levels, "line", (node, level) => {
    setAttributes(node, { x1: AXIS, x2: AXIS + width, y1: scale.y(level), y2: scale.y(level) });
  });
}

/** Threshold line, and a dashed one at a differing optimal threshold. */
function drawThresholds({ thick, dashed }, scale, { threshold, optimal_threshold: optimal }, width) {
  const across = (level) => `M${AXIS - 4} ${scale.y(level)}H${AXIS + width + 4}`;
  setAttributes(thick, { d: threshold === null ? "" : across(threshold) });
  setAttributes(dashed, { d: optimal === null || optimal === threshold ? "" : across(optimal) });
}

/** An asterisk centred at x, y. */
export function star(x, y, radius) {
  const [a, b] = [radius * 0.866, radius * 0.5];
  return `M${x} ${y - radius}v${2 * radius}M${x - a} ${y - b}l${2 * a} ${2 * b}M${x - a} ${y + b}l${2 * a} ${-2 * b}`;
}
