// Shared parts of both class drawings: level axis, labels, and the threshold line.

import { drawList, setAttributes, setText, shape } from "./dom.js";

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

/** Level labels; the threshold's is always shown, in bold. */
export function drawAxis(group, scale, threshold) {
  const step = roundStep(SMALLEST_LABEL / scale.height);
  const levels = [];
  for (let level = 0; level <= scale.levels; level += step) {
    const near = threshold !== null && Math.abs(scale.y(level) - scale.y(threshold)) < SMALLEST_LABEL;
    if (!near) levels.push(level);
  }
  if (threshold !== null) levels.push(threshold);
  drawList(
    group,
    levels,
    () => shape("text", { "text-anchor": "end" }),
    (node, level) => {
      setAttributes(node, { x: AXIS - 7, y: scale.y(level) + 4, class: level === threshold ? "at-threshold" : null });
      setText(node, String(level));
    },
  );
}

function roundStep(least) {
  for (let power = 1; ; power *= 10) {
    const step = [1, 2, 5].find((factor) => factor * power >= least);
    if (step) return step * power;
  }
}

/** Lines between levels, if they are far enough apart to distinguish. */
export function drawCuts(group, scale, capacity, width) {
  const wanted = scale.height >= SMALLEST_CUT ? Math.min(scale.levels, capacity) : 0;
  const levels = Array.from({ length: wanted }, (_, level) => level);
  drawList(
    group,
    levels,
    () => shape("line"),
    (node, level) => setAttributes(node, { x1: AXIS, x2: AXIS + width, y1: scale.y(level), y2: scale.y(level) }),
  );
}

/** Threshold line, and a dashed one at a differing optimal threshold. */
export function drawThresholds({ thick, dashed }, scale, { threshold, optimal_threshold: optimal }, width) {
  const across = (level) => `M${AXIS - 4} ${scale.y(level)}H${AXIS + width + 4}`;
  setAttributes(thick, { d: threshold === null ? "" : across(threshold) });
  setAttributes(dashed, { d: optimal === null || optimal === threshold ? "" : across(optimal) });
}

export function createFrame(svg) {
  const parts = { axis: shape("g", { class: "axis" }), cuts: shape("g", { class: "cuts" }) };
  parts.dashed = shape("path", { class: "optimal-threshold" });
  parts.thick = shape("path", { class: "threshold" });
  svg.append(parts.axis, parts.cuts, parts.dashed, parts.thick);
  return parts;
}

/** An asterisk centred at x, y. */
export function star(x, y, radius) {
  const [a, b] = [radius * 0.866, radius * 0.5];
  return `M${x} ${y - radius}v${2 * radius}M${x - a} ${y - b}l${2 * a} ${2 * b}M${x - a} ${y + b}l${2 * a} ${-2 * b}`;
}
