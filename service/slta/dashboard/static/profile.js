// Profile of a class with thousands of pools: active pools by occupancy, against the optimal assignment.

import { setAttributes, setText, shape } from "./dom.js";
import { AXIS, Figure, PLOT, scaleOf, star, TOP } from "./figure.js";
import { count, plural } from "./format.js";

const HEIGHT = TOP + PLOT + 18;
const MAX_STEPS = 256;

/** Level j is a bar whose width is the number of pools with at least j sessions. */
export class ProfileDrawing {
  constructor(root) {
    this.ground = shape("rect", { class: "ground active" });
    this.filled = shape("path", { class: "filled" });
    this.surplus = shape("path", { class: "surplus", fill: "url(#surplus)" });
    this.optimum = shape("path", { class: "optimal-outline" });
    const ground = [this.ground, this.filled, this.surplus];
    this.figure = new Figure(root, { class: "profile", height: HEIGHT }, ground, [this.optimum]);
    const fullest = shape("text", { class: "numbers", x: AXIS, y: HEIGHT - 4 }, "fullest");
    this.emptiest = shape("text", { class: "numbers", y: HEIGHT - 4, "text-anchor": "end" });
    this.figure.svg.append(fullest, this.emptiest);
  }

  draw(c, levels, width) {
    const scale = scaleOf(levels);
    const pools = c.occupancy[0];
    const place = { scale, width, x: (k) => AXIS + (pools ? (k / pools) * width : 0) };
    const top = scale.y(c.capacity);
    setAttributes(this.figure.svg, { "aria-label": describe(c) });
    setAttributes(this.ground, { x: AXIS, y: top, width, height: TOP + PLOT - top });
    const steps = stepsOf(levels);
    const held = (level) => c.occupancy[level] ?? 0;
    const best = (level) => c.optimal_occupancy[level] ?? 0;
    const common = (level) => Math.min(held(level), best(level));
    setAttributes(this.filled, { d: bars(steps, place, nothing, common) });
    setAttributes(this.surplus, { d: bars(steps, place, common, held) });
    setAttributes(this.optimum, { d: outline(steps, place, best) });
    this.figure.draw(c, scale, width, starPath(c, place));
    setAttributes(this.emptiest, { x: AXIS + width });
    setText(this.emptiest, `emptiest of ${count(pools)}`);
  }
}

const nothing = () => 0;

/** Levels, thinned if there are too many to distinguish. */
function stepsOf(levels) {
  const size = Math.ceil(levels / MAX_STEPS);
  return Array.from({ length: Math.ceil(levels / size) }, (_, k) => ({ from: k * size, to: (k + 1) * size }));
}

function bars(steps, { scale, x }, begin, end) {
  let path = "";
  for (const { from, to } of steps) {
    const [left, right] = [x(begin(to)), x(end(to))];
    if (right - left > 0.01) path += `M${left} ${scale.y(from)}V${scale.y(to)}H${right}V${scale.y(from)}Z`;
  }
  return path;
}

function outline(steps, { scale, x }, best) {
  const filled = steps.filter(({ to }) => best(to) > 0);
  const corners = filled.map(({ from, to }) => `L${x(best(to))} ${scale.y(from)}V${scale.y(to)}`);
  return `M${x(best(0))} ${scale.y(0)}${corners.join("")}H${x(0)}`;
}

/** Mark at the next level of the emptiest pools. */
function starPath(c, { scale, x }) {
  if (c.nextLevel === null) return "";
  const middle = x(c.occupancy[0] - c.nextPools / 2);
  const radius = Math.max(3, Math.min(6, scale.height * 0.4));
  return star(Math.min(middle, x(c.occupancy[0]) - 6), scale.y(c.nextLevel - 0.5), radius);
}

function describe(c) {
  const tokens = c.tokens
    ? `, ${plural(c.tokens.green, "green token")}, ${plural(c.tokens.yellow, "yellow token")}`
    : "";
  const optimal = c.optimal_threshold === null ? "" : `, optimal ${c.optimal_threshold}`;
  const line = c.threshold === null ? "" : `, threshold ${c.threshold}${optimal}`;
  return `${c.name}: ${plural(c.occupancy[0], "active pool")} with ${c.lowest} to ${c.occupancy.length - 1} sessions${line}${tokens}`;
}
