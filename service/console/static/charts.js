// The charts: what is earned, what is lost to whom, and how well r has learned.

import { Chart } from "./chart.js";
import { amount, count, fixed, percent } from "./format.js";

/** Decimals that tell two ticks apart. */
const decimals = (step) => Math.max(0, -Math.floor(Math.log10(step) + 1e-9));

const perPool = (value, step) => (step && value !== null ? fixed(value, decimals(step)) : amount(value));
const share = (value, step) => (step && value !== null ? `${fixed(100 * value, decimals(100 * step))} %` : percent(value));

const UTILITY = {
  title: "Utility per pool, and its bound",
  series: [
    { key: "utility_bound_per_pool", label: "bound", line: "bound" },
    { key: "utility_per_pool", label: "utility", line: "utility" },
  ],
  format: perPool,
  between: true,
};

const LEAST_GAP = 1e-4;
const gap = (title, key, line) => ({
  title,
  series: [{ key, label: "of the bound", line }],
  format: share,
  fromZero: LEAST_GAP,
});
const PLACEMENT = gap("Placement gap", "placement_gap", "placement");
const SWING = gap("Swing gap", "swing_gap", "swing");

const RANKS = {
  title: "r, and its optimum",
  series: [
    { key: "optimal_rank", label: "optimum", line: "bound" },
    { key: "estimate_rank", label: "r", line: "utility" },
  ],
  format: count,
  whole: true,
};

/** Draws points of History. */
export class Charts {
  constructor(root) {
    this.charts = [PLACEMENT, UTILITY, SWING, RANKS].map((options) => new Chart(root, options));
  }

  draw(points) {
    for (const chart of this.charts) chart.draw(points);
  }
}
