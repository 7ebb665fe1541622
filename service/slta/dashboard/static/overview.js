// All fleets that the key sees, one a row.

import { byId, setHidden } from "./dom.js";
import { count, NONE, percent } from "./format.js";
import { levelOf } from "./model.js";
import { fetchOverview } from "./service.js";
import { fillTable } from "./tables.js";

const POLL_MS = 2000;
const COLUMNS = [
  ["Fleet", (row) => row.fleet],
  ["Active pools", (row) => count(row.pools)],
  ["Not active", (row) => count(row.draining_pools + row.failed_pools + row.lost_pools)],
  ["Sessions", (row) => count(row.sessions)],
  ["Used", (row) => (row.capacity ? `${count((100 * row.sessions) / row.capacity)} %` : NONE)],
  ["Placement gap", (row) => percent(row.placement_gap)],
  ["State", (row) => row.problem ?? levelOf(row)],
];

export class Overview {
  #timer = null;

  /** `on.fleets(names)` after each answer, `on.failed(failure)` instead. */
  constructor(on) {
    this.on = on;
  }

  show() {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => this.#read(), POLL_MS);
    this.#read();
  }

  hide() {
    clearInterval(this.#timer);
    this.#timer = null;
    setHidden(byId("overview"), true);
  }

  async #read() {
    try {
      const rows = await fetchOverview();
      if (this.#timer === null) return;
      const linked = rows.map((row) => ({ ...row, link: `#${row.fleet}` }));
      fillTable(byId("overview-table"), COLUMNS, linked);
      setHidden(byId("overview"), false);
      this.on.fleets(rows.map((row) => row.fleet));
    } catch (failure) {
      if (this.#timer !== null) this.on.failed(failure);
    }
  }
}
