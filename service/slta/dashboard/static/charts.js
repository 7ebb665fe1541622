// Charts: sessions against room, utility beside least connections, and gaps.

import { Chart } from "./chart.js";
import { byId, setText } from "./dom.js";
import { count, duration, fixed, percent } from "./format.js";
import { shortBy } from "./history.js";

/** Decimals that distinguish two ticks. */
const decimals = (step) => Math.max(0, -Math.floor(Math.log10(step) + 1e-9));

const share = (value, step) =>
  step && value !== null ? `${fixed(100 * value, decimals(100 * step))} %` : percent(value);

/** Two decimals, as these shares are near 100 %. */
const nearlyAll = (value, step) => (step || value === null ? share(value, step) : `${fixed(100 * value, 2)} %`);

/** `line` is a CSS class. */
const series = (key, label, line) => ({ key, label, line });
const COMPARED = {
  title: "Utility, of the best possible",
  series: [series("utility", "this placement", "utility"), series("least_connections", "least connections", "bound")],
  format: nearlyAll,
  between: true,
};
const LOAD = {
  title: "Sessions, and the room for them",
  series: [series("room", "room", "bound"), series("sessions", "sessions", "utility")],
  bars: series("rejected", "rejected", "rejected"),
  format: (value, step) => (step && step < 1 ? fixed(value, decimals(step)) : count(value)),
  fromZero: 1,
};

const LEAST_GAP = 1e-4;
const gap = (title, key, line, note) => ({
  title,
  series: [series(key, "of the best possible", line)],
  note,
  format: share,
  fromZero: LEAST_GAP,
});
const PLACEMENT = gap("What placement loses", "placement_gap", "placement", "The dispatcher's own part.");
const SWING = gap(
  "What swings of the load lose",
  "swing_gap",
  "swing",
  "Over the minute before; no policy can win it back.",
);

/** Charts of History over the chosen range. */
export class Charts {
  #history = null;

  constructor() {
    this.charts = [LOAD, COMPARED, PLACEMENT, SWING].map((options) => new Chart(byId("charts"), options));
    byId("ranges").addEventListener("change", () => this.#draw());
  }

  draw(history) {
    this.#history = history;
    this.#draw();
  }

  #draw() {
    if (!this.#history) return;
    const points = this.#history.points(Number(byId("ranges").querySelector(":checked").value));
    for (const chart of this.charts) chart.draw(points);
    setText(byId("charts-note"), noteOf(points));
  }
}

/** What the points are, and since when there are any. */
function noteOf(points) {
  const kept = `Means of ${points.seconds > 300 ? "a minute" : "5 seconds"}, which the store keeps`;
  const since = shortBy(points);
  if (since === null) return `${kept}.`;
  const begin = since ? `for ${duration(since)} so far` : "from now on";
  return `${kept} ${begin}: this fleet, its curves, its capacities or its last repair is no older.`;
}
