// Drawing of individual pools as in figure 4: each pool a column, each session a filled box, tokens below.

import { drawList, drawShapes, setAttributes, setText, shape } from "./dom.js";
import { AXIS, Figure, PLOT, scaleOf, star, TOP } from "./figure.js";
import { count, plural } from "./format.js";
import { tokenWords } from "./model.js";

const TOKEN_ROW = 12;
const NUMBER_ROW = 14;
const NUMBERED_COLUMN = 22;
const DIGIT = 6.6; // width of a character of a label
const HEIGHT = TOP + PLOT + 4 + 2 * TOKEN_ROW;

/** The pools of a class in rows of at most `perRow` columns, each `column` wide. */
export class PoolsDrawing {
  #rows = [];

  constructor(root, onSelect) {
    this.root = root;
    this.onSelect = onSelect;
  }

  draw(c, levels, { column, perRow }, selected) {
    const scale = scaleOf(levels);
    const labels = labelsOf(c.columns.map((one) => one.pool_id));
    const labelled = c.columns.map((one, k) => ({ ...one, label: labels[k] }));
    const rows = chunks(labelled, perRow);
    while (this.#rows.length > rows.length) this.#rows.pop().figure.svg.remove();
    while (this.#rows.length < rows.length) this.#rows.push(new Row(this.root, this.onSelect));
    rows.forEach((columns, index) => this.#rows[index].draw(c, columns, scale, column, selected));
  }
}

/** One row of columns. */
class Row {
  constructor(root, onSelect) {
    this.grounds = shape("g");
    this.filled = shape("g");
    this.figure = new Figure(root, { class: "pools" }, [this.grounds, this.filled]);
    this.tokens = shape("g");
    this.numbers = shape("g", { class: "numbers", "text-anchor": "middle" });
    this.hits = shape("g", { class: "hits" });
    this.figure.svg.append(this.tokens, this.numbers, this.hits);
    this.hits.addEventListener("click", (event) => onSelect(event.target.dataset.pool));
  }

  draw(c, columns, scale, column, selected) {
    const numbered = column >= NUMBERED_COLUMN;
    const place = { scale, column, gap: column > 4 ? Math.min(2, column / 5) : 0 };
    const height = HEIGHT + (numbered ? NUMBER_ROW : 0);
    setAttributes(this.figure.svg, { height, "aria-label": describe(c, columns) });
    drawShapes(this.grounds, columns, "rect", (node, one, k) => drawGround(node, one, k, place, c));
    drawShapes(this.filled, columns, "rect", (node, one, k) => drawFilled(node, one, k, place));
    this.figure.draw(c, scale, columns.length * column, columns.map((one, k) => starPath(one, k, place)).join(""));
    drawList(this.tokens, columns, createTokens, (node, one, k) => drawTokens(node, one, k, column));
    drawShapes(this.numbers, numbered ? columns : [], "text", (node, one, k) => drawNumber(node, one, k, column));
    drawList(this.hits, columns, createHit, (node, one, k) => drawHit(node, one, k, column, selected, c));
  }
}

const left = (k, column) => AXIS + k * column;

/** Rectangle of a column from level 0 up to `level`. */
function bar(k, level, { scale, column, gap }) {
  const y = scale.y(level);
  return { x: left(k, column) + gap / 2, y, width: column - gap, height: TOP + PLOT - y };
}

function drawGround(node, one, k, place, c) {
  const pattern = one.look === "failed" ? "url(#failed)" : null;
  setAttributes(node, { ...bar(k, c.capacity, place), fill: pattern, class: `ground ${one.look}` });
}

function drawFilled(node, one, k, place) {
  const pattern = one.status === "active" ? null : `url(#${one.status === "draining" ? "draining" : "lost"})`;
  setAttributes(node, { ...bar(k, one.occupancy, place), fill: pattern, class: pattern ? "marked" : "filled" });
}

function starPath(one, k, { scale, column }) {
  if (!one.isNext) return "";
  const radius = Math.min(column * 0.36, Math.max(scale.height * 0.36, 3.2), 6);
  return star(left(k, column) + column / 2, scale.y(one.occupancy + 0.5), radius);
}

const createTokens = () => shape("g", {}, shape("rect", { class: "green" }), shape("circle", { class: "yellow" }));

function drawTokens(node, one, k, column) {
  const size = Math.min(9, column - 1.5);
  const [x, y] = [left(k, column) + column / 2, TOP + PLOT + 4];
  const [square, circle] = node.children;
  const corner = { x: x - size / 2, y: y + (TOKEN_ROW - size) / 2, width: size, height: size };
  setAttributes(square, { ...corner, visibility: one.green ? null : "hidden" });
  const centre = { cx: x, cy: y + TOKEN_ROW * 1.5, r: size / 2 };
  setAttributes(circle, { ...centre, visibility: one.yellow ? null : "hidden" });
}

function drawNumber(node, one, k, column) {
  setAttributes(node, { x: left(k, column) + column / 2, y: HEIGHT + NUMBER_ROW - 3 });
  setText(node, one.label.length * DIGIT <= column ? one.label : "");
}

const createHit = () => shape("rect", {}, shape("title"));

/** Click target and tooltip over the full height of a column. */
function drawHit(node, one, k, column, selected, c) {
  const size = { x: left(k, column), y: TOP - 4, width: column, height: PLOT + 8 + 2 * TOKEN_ROW };
  setAttributes(node, { ...size, "data-pool": one.pool_id, class: one.pool_id === selected ? "selected" : null });
  setText(node.firstChild, `${one.pool_id}: ${factsOf(one, c)}`);
}

export function factsOf(one, c) {
  const at = one.address ? `at ${one.address}, ` : "";
  const held = `${at}${plural(one.occupancy, "session")} of ${count(c.capacity)}`;
  if (one.look !== "active") return `${held}, ${one.look}`;
  const worth = one.isNext ? ", the next session is worth most here" : "";
  return c.tokens ? `${held}, ${tokenWords(one)}${worth}` : `${held}${worth}`;
}

function describe(c, columns) {
  const active = columns.filter((one) => one.status === "active");
  const sessions = active.map((one) => one.occupancy);
  const held = (token) => active.filter((one) => one[token]).length;
  const others = columns.length - active.length;
  return [
    `${c.name}: ${plural(active.length, "active pool")}`,
    active.length ? `${Math.min(...sessions)} to ${Math.max(...sessions)} sessions each` : "",
    others ? `${others} not active` : "",
    c.threshold === null ? "" : `threshold ${c.threshold}`,
    c.tokens ? `${held("green")} green and ${held("yellow")} yellow tokens` : "",
  ]
    .filter(Boolean)
    .join(", ");
}

/** What distinguishes ids: without the words and numbers that all begin and end with; of a single one its number. */
function labelsOf(ids) {
  const parts = ids.map((id) => id.match(/[0-9]+|[a-z]+|[^0-9a-z]+/gi));
  const isShared = (at) => parts.length && parts.every((one) => one.length > 1 && one.at(at) === parts[0].at(at));
  while (isShared(0)) for (const one of parts) one.shift();
  while (isShared(-1)) for (const one of parts) one.pop();
  return parts.map((one) => one.join(""));
}

/** Chunks of at most `most`, of nearly equal length. */
function chunks(items, most) {
  const size = Math.ceil(items.length / Math.ceil(items.length / most));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, k) => items.slice(k * size, (k + 1) * size));
}
