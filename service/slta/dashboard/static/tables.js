// Tables of the same numbers, for screen readers and copying.

import { drawList, element, setAttributes, setText } from "./dom.js";
import { amount, count, NONE, worth } from "./format.js";
import { rejectionsOf } from "./history.js";
import { statesOf, tokenWords } from "./model.js";
import { chosenOf, priceOf, setBackOf } from "./prices.js";

const CLASS_COLUMNS = [
  ["Class", (c) => c.name],
  ["Active pools", (c) => count(c.pools.active)],
  ["Other states", (c) => statesOf(c.pools) || NONE],
  ["Sessions", (c) => count(c.sessions.active)],
  ["Per pool", (c) => (c.pools.active ? amount(c.sessions.active / c.pools.active) : NONE)],
  ["Capacity of a pool", (c) => count(c.capacity)],
  ["Threshold", (c) => count(c.threshold)],
  ["Optimal threshold", (c) => count(c.optimal_threshold)],
  ["Green tokens", (c) => count(c.tokens?.green)],
  ["Yellow tokens", (c) => count(c.tokens?.yellow)],
  ["Worth of one more session", (c) => worth(c.marginal_utility, c.unit)],
  ["Worth of one more pool", (c) => worth(c.pool_worth, c.unit)],
];

const POOL_COLUMNS = [
  ["Pool", (one) => one.pool_id],
  ["Class", (one) => one.pool_class],
  ["Status", (one) => one.look],
  ["Sessions", (one) => count(one.occupancy)],
  ["Tokens", (one) => (one.status === "active" ? tokenWords(one) : NONE)],
  ["Address", (one) => one.address ?? NONE],
];

const some = (number) => (number ? count(number) : NONE);

const TYPE_COLUMNS = [
  ["Type", (one) => one.name],
  ["Classes", (one) => one.pool_classes.join(", ")],
  ["Sessions", (one) => count(one.sessions.active)],
  ["On other pools", (one) => some(one.sessions.draining)],
  ["Assigned", (one) => count(one.assigned)],
  ["Rejected", (one) => count(rejectionsOf(one))],
  ["Reports in other classes", (one) => some(one.refused.incompatible)],
  ["Next goes to", ({ next }) => next.places[0]?.pool_class ?? (next.refused ? "no place" : NONE)],
  ["There it adds", ({ next, unit }) => worth(chosenOf(next)?.marginal_utility ?? null, unit)],
  ["Less a price of", ({ next, unit }) => priceOf(chosenOf(next), unit)],
  ["Set back by its price", ({ next, unit }) => setBackOf(next, unit)],
];

/** Pools that are not active first; of a large fleet only those. */
function poolRows({ hasPools, classes, away }) {
  const active = hasPools ? classes.flatMap((c) => c.columns.filter((one) => one.status === "active")) : [];
  return [...away, ...active];
}

/** Columns and rows of each table. */
const TABLES = {
  class: [CLASS_COLUMNS, (view) => view.classes],
  pool: [POOL_COLUMNS, poolRows],
  type: [TYPE_COLUMNS, (view) => view.types],
};

export function drawTable(table, name, view) {
  const [columns, rowsOf] = TABLES[name];
  fillTable(table, columns, rowsOf(view));
}

/**
 * Rows of `all` columns: [title, text of a row], the first a row's head, with a link if the row has one. A column
 * without a value is left out.
 */
export function fillTable(table, all, rows) {
  const columns = all.filter(([, read]) => !rows.length || rows.some((row) => read(row) !== NONE));
  const titles = columns.map(([title]) => title);
  if (table.dataset.titles !== titles.join()) {
    table.dataset.titles = titles.join();
    const head = titles.map((title) => element("th", { scope: "col" }, title));
    table.replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody"));
  }
  drawList(
    table.tBodies[0],
    rows,
    () => createRow(columns, Boolean(rows[0].link)),
    (node, row) => updateRow(node, columns, row),
  );
}

/** Narrow pages draw a row as a list of titles and values. Roles stay what they are without the style of tables. */
function createRow([, ...columns], hasLink) {
  const others = columns.map(([title]) => element("td", { role: "cell", "data-title": title }));
  const head = element("th", { scope: "row", role: "rowheader" }, ...(hasLink ? [element("a")] : []));
  return element("tr", { role: "row" }, head, ...others);
}

function updateRow(node, columns, row) {
  columns.forEach(([, read], k) => setText(node.children[k].firstElementChild ?? node.children[k], read(row)));
  if (row.link) setAttributes(node.firstChild.firstChild, { href: row.link });
}
