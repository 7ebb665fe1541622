// Drawing of individual pools as in figure 4: each pool a column, each session a filled box, tokens below.

import { drawList, setAttributes, setText, shape } from "./dom.js";
import { AXIS, createFrame, drawAxis, drawCuts, drawThresholds, PLOT, RIGHT, scaleOf, star, TOP } from "./figure.js";
import { plural } from "./format.js";
import { tokenWords } from "./model.js";

const TOKEN_ROW = 12;
const NUMBER_ROW = 14;
const NUMBERED_COLUMN = 22;
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
    const rows = chunks(c.columns, perRow);
    while (this.#rows.length > rows.length) this.#rows.pop().svg.remove();
    while (this.#rows.length < rows.length) this.#rows.push(new Row(this.root, this.onSelect));
    rows.forEach((columns, index) => this.#rows[index].draw(c, columns, scale, column, selected));
  }
}

/** One row of columns. */
class Row {
  constructor(root, onSelect) {
    this.svg = shape("svg", { role: "img", class: "pools" });
    this.grounds = shape("g");
    this.filled = shape("g");
    this.svg.append(this.grounds, this.filled);
    this.halos = this.svg.appendChild(shape("path", { class: "star-halo" }));
    this.frame = createFrame(this.svg);
    this.stars = shape("path", { class: "star" });
    this.tokens = shape("g");
    this.numbers = shape("g", { class: "numbers" });
    this.hits = shape("g", { class: "hits" });
    this.svg.append(this.stars, this.tokens, this.numbers, this.hits);
    this.hits.addEventListener("click", (event) => onSelect(event.target.dataset.pool));
    root.append(this.svg);
  }

  draw(c, columns, scale, column, selected) {
    const width = columns.length * column;
    const numbered = column >= NUMBERED_COLUMN;
    const place = { scale, column, gap: column > 4 ? Math.min(2, column / 5) : 0 };
    setAttributes(this.svg, { width: AXIS + width + RIGHT, height: HEIGHT + (numbered ? NUMBER_ROW : 0) });
    setAttributes(this.svg, { "aria-label": describe(c, columns) });
    drawList(
      this.grounds,
      columns,
      () => shape("rect"),
      (node, one, k) => drawGround(node, one, k, place, c),
    );
    drawList(
      this.filled,
      columns,
      () => shape("rect"),
      (node, one, k) => drawFilled(node, one, k, place),
    );
    drawAxis(this.frame.axis, scale, c.threshold);
    drawCuts(this.frame.cuts, scale, c.capacity, width);
    drawThresholds(this.frame, scale, c, width);
    const stars = columns.map((one, k) => starPath(one, k, place)).join("");
    for (const path of [this.halos, this.stars]) setAttributes(path, { d: stars });
    drawList(this.tokens, columns, createTokens, (node, one, k) => drawTokens(node, one, k, column));
    drawList(this.numbers, numbered ? columns : [], createNumber, (node, one, k) => drawNumber(node, one, k, column));
    drawList(this.hits, columns, createHit, (node, one, k) => drawHit(node, one, k, column, selected, c));
  }
}

const left = (k, column) => AXIS + k * column;

function drawGround(node, one, k, { scale, column, gap }, c) {
  const top = scale.y(Math.min(scale.levels, c.capacity));
  const size = { x: left(k, column) + gap / 2, y: top, width: column - gap, height: TOP + PLOT - top };
  setAttributes(node, { ...size, class: `ground ${one.status}` });
}

function drawFilled(node, one, k, { scale, column, gap }) {
  const top = scale.y(one.occupancy);
  const size = { x: left(k, column) + gap / 2, y: top, width: column - gap, height: TOP + PLOT - top };
  const pattern = one.status === "active" ? null : `url(#${one.status})`;
  setAttributes(node, { ...size, fill: pattern, class: pattern ? "marked" : "filled" });
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

const createNumber = () => shape("text", { "text-anchor": "middle" });

function drawNumber(node, one, k, column) {
  setAttributes(node, { x: left(k, column) + column / 2, y: HEIGHT + NUMBER_ROW - 3 });
  setText(node, one.pool_id.match(/[0-9]{1,3}$/)?.[0] ?? "");
}

const createHit = () => shape("rect", {}, shape("title"));

/** Click target and tooltip over the full height of a column. */
function drawHit(node, one, k, column, selected, c) {
  const size = { x: left(k, column), y: TOP - 4, width: column, height: PLOT + 8 + 2 * TOKEN_ROW };
  setAttributes(node, { ...size, "data-pool": one.pool_id, class: one.pool_id === selected ? "selected" : null });
  setText(node.firstChild, `${one.pool_id}: ${factsOf(one, c)}`);
}

export function factsOf(one, c) {
  const held = `${plural(one.occupancy, "session")} of ${c.capacity}`;
  if (one.status !== "active") return `${held}, ${one.status}`;
  const worth = one.isNext ? ", the next session is worth most here" : "";
  return c.tokens ? `${held}, ${tokenWords(one)}${worth}` : `${held}${worth}`;
}

function describe(c, columns) {
  const active = columns.filter((one) => one.status === "active");
  const held = active.map((one) => one.occupancy);
  const others = columns.length - active.length;
  return [
    `${c.name}: ${plural(active.length, "active pool")}`,
    held.length ? `${Math.min(...held)} to ${Math.max(...held)} sessions each` : "",
    others ? `${others} draining or failed` : "",
    c.threshold === null ? "" : `threshold ${c.threshold}`,
    c.tokens
      ? `${active.filter((one) => one.green).length} green and ${active.filter((one) => one.yellow).length} yellow tokens`
      : "",
  ]
    .filter(Boolean)
    .join(", ");
}

/** Chunks of at most `most`, of nearly equal length. */
function chunks(items, most) {
  const size = Math.ceil(items.length / Math.ceil(items.length / most));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, k) => items.slice(k * size, (k + 1) * size));
}
