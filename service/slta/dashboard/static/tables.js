// Tables of the same numbers, for screen readers and copying.

import { askedBy, wordsOf } from "./changes.js";
import { drawList, element, setText } from "./dom.js";
import { amount, count, duration, NONE } from "./format.js";
import { tokenWords } from "./model.js";

const CLASS_COLUMNS = [
  ["Class", (c) => c.name],
  ["Pools", (c) => count(c.pools.active)],
  ["Draining", (c) => count(c.pools.draining)],
  ["Failed", (c) => count(c.pools.failed)],
  ["Sessions", (c) => count(c.sessions.active)],
  ["Per pool", (c) => (c.pools.active ? amount(c.sessions.active / c.pools.active) : NONE)],
  ["Capacity of a pool", (c) => count(c.capacity)],
  ["Threshold", (c) => count(c.threshold)],
  ["Optimal threshold", (c) => count(c.optimal_threshold)],
  ["Green tokens", (c) => count(c.tokens?.green)],
  ["Yellow tokens", (c) => count(c.tokens?.yellow)],
  ["Worth of one more session", (c) => amount(c.marginal_utility)],
  ["Worth of one more pool", (c) => amount(c.pool_worth)],
];

const POOL_COLUMNS = [
  ["Pool", (one) => one.pool_id],
  ["Class", (one) => one.pool_class],
  ["Status", (one) => one.status],
  ["Sessions", (one) => count(one.occupancy)],
  ["Tokens", (one) => (one.status === "active" ? tokenWords(one) : NONE)],
];

const LEVEL_COLUMNS = [
  ["Class", (row) => row.name],
  ["Sessions, at least", (row) => count(row.level)],
  ["Pools", (row) => count(row.pools)],
  ["Pools in the optimum", (row) => amount(row.optimum)],
];

const EVENT_COLUMNS = [
  ["Change", (row) => row.words],
  ["Ago", (row) => duration(row.ago)],
  ["By", (row) => row.by],
];

function eventRows({ state, events }) {
  return events.map((one) => ({ words: wordsOf(one), ago: Math.max(0, state.time - one.time), by: askedBy(one) }));
}

/** Pools that are not active first; of a large fleet only those. */
function poolRows({ hasPools, classes, away }) {
  const active = hasPools ? classes.flatMap((c) => c.columns.filter((one) => one.status === "active")) : [];
  return [...away, ...active];
}

/** Omits levels that all pools have reached, in the state and in the optimum. */
function levelRows({ name, occupancy, optimal_occupancy: best }) {
  const rows = [];
  for (let level = 1; level < Math.max(occupancy.length, best.length); level += 1) {
    const [pools, optimum] = [occupancy[level] ?? 0, best[level] ?? 0];
    if (pools < occupancy[0] || optimum < best[0]) rows.push({ name, level, pools, optimum });
  }
  return rows;
}

/** Columns and rows of each table. */
const TABLES = {
  class: [CLASS_COLUMNS, (view) => view.classes],
  pool: [POOL_COLUMNS, poolRows],
  level: [LEVEL_COLUMNS, (view) => view.classes.flatMap(levelRows)],
  event: [EVENT_COLUMNS, eventRows],
};

export function drawTable(table, name, view) {
  const [columns, rowsOf] = TABLES[name];
  if (!table.tBodies.length) {
    const head = columns.map(([title]) => element("th", { scope: "col" }, title));
    table.append(element("thead", {}, element("tr", {}, ...head)), element("tbody"));
  }
  const create = () => createRow(columns.length);
  const update = (node, row) => columns.forEach(([, read], k) => setText(node.children[k], read(row)));
  drawList(table.tBodies[0], rowsOf(view), create, update);
}

function createRow(cells) {
  const others = Array.from({ length: cells - 1 }, () => element("td"));
  return element("tr", {}, element("th", { scope: "row" }), ...others);
}
