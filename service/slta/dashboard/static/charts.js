// Charts: utility and bound, gaps, and estimate r.

import { Chart } from "./chart.js";
import { byId, setText } from "./dom.js";
import { amount, count, duration, fixed, percent } from "./format.js";
import { shortBy } from "./history.js";

/** Decimals that distinguish two ticks. */
const decimals = (step) => Math.max(0, -Math.floor(Math.log10(step) + 1e-9));

const perPool = (value, step) => (step && value !== null ? fixed(value, decimals(step)) : amount(value));
const share = (value, step) =>
  step && value !== null ? `${fixed(100 * value, decimals(100 * step))} %` : percent(value);

/** `line` is a CSS class. */
const series = (key, label, line) => ({ key, label, line });
const UTILITY = {
  title: "Utility per pool, and its bound",
  series: [series("utility_bound_per_pool", "bound", "bound"), series("utility_per_pool", "utility", "utility")],
  format: perPool,
  between: true,
};
const RANKS = {
  title: "r, and its optimum",
  series: [series("optimal_rank", "optimum", "bound"), series("estimate_rank", "r", "utility")],
  points: "ranks",
  note: "Not kept: drawn since this page was opened.",
  format: count,
  whole: true,
};

const LEAST_GAP = 1e-4;
const gap = (title, key, line) => ({
  title,
  series: [series(key, "of the bound", line)],
  format: share,
  fromZero: LEAST_GAP,
});
const PLACEMENT = gap("Placement gap", "placement_gap", "placement");
const SWING = gap("Swing gap", "swing_gap", "swing");

/** Charts of History over the chosen range. */
export class Charts {
  #history = null;
  #marks = [];

  constructor() {
    this.charts = [PLACEMENT, UTILITY, SWING, RANKS].map((options) => new Chart(byId("charts"), options));
    byId("ranges").addEventListener("change", () => this.#draw());
  }

  draw(history, marks) {
    this.#history = history;
    this.#marks = marks;
    this.#draw();
  }

  #draw() {
    if (!this.#history) return;
    const points = this.#history.points(Number(byId("ranges").querySelector(":checked").value));
    for (const chart of this.charts) chart.draw(points, this.#marks);
    setText(byId("charts-note"), noteOf(points));
  }
}

/** What the points are, and since when there are any. */
function noteOf(points) {
  const kept = `Means of ${points.seconds > 300 ? "a minute" : "5 seconds"}, which the store keeps`;
  const since = shortBy(points);
  if (since === null) return `${kept}.`;
  const begin = since ? `for ${duration(since)} so far` : "from now on";
  return `${kept} ${begin}: this fleet, its curves or its capacities are no older.`;
}
