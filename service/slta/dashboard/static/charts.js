// Charts: utility and bound, gaps, and estimate r.

import { Chart } from "./chart.js";
import { amount, count, fixed, percent } from "./format.js";

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

/** Charts of the points of History. */
export const createCharts = (root) => [PLACEMENT, UTILITY, SWING, RANKS].map((options) => new Chart(root, options));
