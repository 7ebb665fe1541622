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

export const drawClassTable = (table, view) => drawTable(table, CLASS_COLUMNS, view.classes);

export function drawPoolTable(table, view) {
  drawTable(table, POOL_COLUMNS, view.hasPools ? view.classes.flatMap((c) => c.columns) : []);
}

export function drawLevelTable(table, view) {
  drawTable(table, LEVEL_COLUMNS, view.classes.flatMap(levelRows));
}

export function drawEventTable(table, { state, events }) {
  const row = (event) => ({ words: wordsOf(event), ago: Math.max(0, state.time - event.time), by: askedBy(event) });
  drawTable(table, EVENT_COLUMNS, events.map(row));
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

function drawTable(table, columns, rows) {
  if (!table.tBodies.length) {
    const head = columns.map(([title]) => element("th", { scope: "col" }, title));
    table.append(element("thead", {}, element("tr", {}, ...head)), element("tbody"));
  }
  drawList(
    table.tBodies[0],
    rows,
    () => createRow(columns.length),
    (node, row) => columns.forEach(([, read], k) => setText(node.children[k], read(row))),
  );
}

function createRow(cells) {
  const others = Array.from({ length: cells - 1 }, () => element("td"));
  return element("tr", {}, element("th", { scope: "row" }), ...others);
}
