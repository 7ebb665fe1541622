// Profile of a class with thousands of pools: active pools by occupancy, against the optimal assignment.

import { setAttributes, setText, shape } from "./dom.js";
import { AXIS, createFrame, drawAxis, drawCuts, drawThresholds, PLOT, RIGHT, scaleOf, star, TOP } from "./figure.js";
import { count, plural } from "./format.js";

const HEIGHT = TOP + PLOT + 18;
const MAX_STEPS = 256;

/** Level j is a bar whose width is the number of pools with at least j sessions. */
export class ProfileDrawing {
  constructor(root) {
    this.svg = shape("svg", { role: "img", class: "profile", height: HEIGHT });
    this.ground = shape("rect", { class: "ground active" });
    this.filled = shape("path", { class: "filled" });
    this.surplus = shape("path", { class: "surplus", fill: "url(#surplus)" });
    this.svg.append(this.ground, this.filled, this.surplus);
    this.halo = this.svg.appendChild(shape("path", { class: "star-halo" }));
    this.frame = createFrame(this.svg);
    this.optimum = shape("path", { class: "optimal-outline" });
    this.star = shape("path", { class: "star" });
    this.left = shape("text", { class: "numbers", x: AXIS, y: HEIGHT - 4 });
    this.right = shape("text", { class: "numbers", y: HEIGHT - 4, "text-anchor": "end" });
    this.svg.append(this.optimum, this.star, this.left, this.right);
    root.append(this.svg);
  }

  draw(c, levels, width) {
    const scale = scaleOf(levels);
    const pools = c.occupancy[0];
    const place = { scale, width, x: (k) => AXIS + (pools ? (k / pools) * width : 0) };
    const top = scale.y(Math.min(levels, c.capacity));
    setAttributes(this.svg, { width: AXIS + width + RIGHT, "aria-label": describe(c) });
    setAttributes(this.ground, { x: AXIS, y: top, width, height: TOP + PLOT - top });
    const steps = stepsOf(levels);
    const held = (level) => c.occupancy[level] ?? 0;
    const best = (level) => c.optimal_occupancy[level] ?? 0;
    setAttributes(this.filled, {
      d: bars(
        steps,
        place,
        () => 0,
        (j) => Math.min(held(j), best(j)),
      ),
    });
    setAttributes(this.surplus, { d: bars(steps, place, (j) => Math.min(held(j), best(j)), held) });
    setAttributes(this.optimum, { d: outline(steps, place, best) });
    drawAxis(this.frame.axis, scale, c.threshold);
    drawCuts(this.frame.cuts, scale, c.capacity, width);
    drawThresholds(this.frame, scale, c, width);
    for (const path of [this.halo, this.star]) setAttributes(path, { d: starPath(c, place) });
    setAttributes(this.right, { x: AXIS + width });
    setText(this.left, "fullest");
    setText(this.right, `emptiest of ${count(pools)}`);
  }
}

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
  return star(
    Math.min(middle, x(c.occupancy[0]) - 6),
    scale.y(c.nextLevel - 0.5),
    Math.max(3, Math.min(6, scale.height * 0.4)),
  );
}

function describe(c) {
  const lowest = c.occupancy.filter((pools) => pools === c.occupancy[0]).length - 1;
  const tokens = c.tokens
    ? `, ${plural(c.tokens.green, "green token")}, ${plural(c.tokens.yellow, "yellow token")}`
    : "";
  const line = c.threshold === null ? "" : `, threshold ${c.threshold}, optimal ${c.optimal_threshold}`;
  return `${c.name}: ${plural(c.occupancy[0], "active pool")} with ${lowest} to ${c.occupancy.length - 1} sessions${line}${tokens}`;
}
