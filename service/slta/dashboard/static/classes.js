// Layout of the classes side by side, each with its figures and its drawing.

import { element, setHidden, setText, shape } from "./dom.js";
import { AXIS, RIGHT } from "./figure.js";
import { count, plural, worth } from "./format.js";
import { levelsInUse, statesOf } from "./model.js";
import { PoolsDrawing } from "./pools.js";
import { ProfileDrawing } from "./profile.js";

const NARROWEST_COLUMN = 5.5;
const WIDEST_COLUMN = 80;
const NARROWEST_BLOCK = 264;
const NARROW_PAGE = 560;
const GAP = 20;
const SIDE = AXIS + RIGHT;
const SHRINK_FRAMES = 20;

const THRESHOLDS = [
  ["threshold", "threshold"],
  ["optimal-threshold", "optimal threshold, where it differs"],
];
const TOKENS = [
  ["green", "green token: comes first"],
  ["yellow", "yellow token: comes next"],
];
const STAR = ["star", "where one more session adds most"];
const STATES = [
  ["gone", "gone pool: not heard for long, its sessions ended"],
  ["lost", "lost pool: not heard, its sessions stay, no new ones"],
  ["unconfirmed", "unconfirmed pool: not heard, as many others; new sessions only if no other has room"],
  ["failed", "failed pool: no sessions"],
  ["draining", "draining pool: its sessions stay, no new ones"],
];
const PROFILE = [
  ["filled", "sessions as the optimum has them"],
  ["surplus", "sessions beyond it"],
  ["optimal-outline", "the optimal assignment"],
];
const HINTS = {
  pools:
    "Each column is a pool, each filled box a session. Classes rightly differ in height: one more session should be worth about the same everywhere.",
  profile:
    "The active pools of each class from the fullest to the emptiest: level j is filled as far as there are pools with at least j sessions.",
};

/** Draws views of the model into `root`. */
export class Classes {
  #blocks = new Map();
  #levels = { shown: 0, unused: 0 };

  constructor(root, { hint, legend }, onSelect) {
    Object.assign(this, { root, hint, legend, onSelect });
  }

  /** `mode` is `pools` or `profile`. */
  draw(view, mode, selected) {
    setText(this.hint, HINTS[mode]);
    drawLegend(this.legend, legendOf(mode, view));
    this.#followClasses(view.classes, mode);
    const levels = this.#steady(levelsInUse(view.classes));
    const layout = layOut(view.classes, this.root.clientWidth, mode);
    for (const c of view.classes) this.#blocks.get(c.name).draw(c, levels, layout, selected);
  }

  #followClasses(classes, mode) {
    const names = classes.map((c) => `${mode} ${c.name}`).join("\n");
    if (names === this.names) return;
    this.names = names;
    this.#levels = { shown: 0, unused: 0 };
    this.root.replaceChildren();
    this.#blocks = new Map(classes.map((c) => [c.name, new Block(this.root, c.name, mode, this.onSelect)]));
  }

  /** Grows at once, shrinks with delay: a jumping scale is unreadable. */
  #steady(needed) {
    const { shown, unused } = this.#levels;
    const lower = needed < shown ? unused + 1 : 0;
    if (needed > shown || lower > SHRINK_FRAMES) this.#levels = { shown: needed, unused: 0 };
    else this.#levels.unused = lower;
    return this.#levels.shown;
  }
}

/** One class. */
class Block {
  constructor(root, name, mode, onSelect) {
    this.facts = element("p", { class: "facts" });
    this.tokens = element("p", { class: "facts tokens" });
    this.plot = element("div", { class: "plot" });
    const title = element("h3", {}, name);
    this.section = element("section", { class: "pool-class" }, title, this.facts, this.tokens, this.plot);
    root.append(this.section);
    this.mode = mode;
    this.drawing = mode === "pools" ? new PoolsDrawing(this.plot, onSelect) : new ProfileDrawing(this.plot);
    this.tokens.append(sign("green"), element("span"), sign("yellow"), element("span"));
  }

  draw(c, levels, layout, selected) {
    this.#drawFacts(c);
    const width = layout.widthOf(c);
    this.section.style.width = `${width}px`;
    if (this.mode === "pools") this.drawing.draw(c, levels, layout.columnsOf(c), selected);
    else this.drawing.draw(c, levels, width - SIDE);
  }

  #drawFacts(c) {
    const pools = [plural(c.pools.active, "active pool"), statesOf(c.pools)].filter(Boolean);
    const parts = [pools.join(", "), plural(c.sessions.active, "session")];
    if (c.marginal_utility !== null) parts.push(`next worth ${worth(c.marginal_utility, c.unit)}`);
    else if (c.pools.active) parts.push("full");
    setText(this.facts, parts.join(" · "));
    setHidden(this.tokens, !c.tokens);
    if (!c.tokens) return;
    setText(this.tokens.children[1], `${count(c.tokens.green)} green`);
    setText(this.tokens.children[3], `${count(c.tokens.yellow)} yellow`);
  }
}

/** Widths of columns and classes: classes fill rows, long classes have several rows of columns. */
function layOut(classes, width, mode) {
  if (mode === "profile") return layOutProfiles(classes, width);
  if (width < NARROW_PAGE)
    return { widthOf: () => width, columnsOf: (c) => fit(width - SIDE, c.columns.length, width) };
  const total = classes.reduce((sum, c) => sum + c.columns.length, 0);
  const longest = Math.max(...classes.map((c) => c.columns.length));
  const inOneRow = fit(width - classes.length * (SIDE + GAP), total, width);
  const inBlocks = fit(NARROWEST_BLOCK - SIDE, longest, width);
  const columns = inOneRow.column > inBlocks.column ? inOneRow : inBlocks;
  const wide = (c) => SIDE + Math.min(c.columns.length, columns.perRow) * columns.column;
  return { widthOf: (c) => Math.min(Math.max(wide(c), NARROWEST_BLOCK), width), columnsOf: () => columns };
}

/** Column width that fits side by side, with a minimum, below which columns wrap into rows. */
function fit(room, pools, width) {
  const column = Math.min(Math.max(Math.floor((2 * room) / (pools || 1)) / 2, NARROWEST_COLUMN), WIDEST_COLUMN);
  return { column, perRow: Math.max(Math.floor((width - SIDE) / column), 1) };
}

function layOutProfiles(classes, width) {
  const inRow = Math.max(Math.min(classes.length, Math.floor((width + GAP) / (260 + GAP))), 1);
  return { widthOf: () => Math.floor((width - (inRow - 1) * GAP) / inRow) };
}

/** Only what the drawing has, of the states of pools as well. */
function legendOf(mode, { policy, types, state }) {
  const lines = [...(types.length ? [] : THRESHOLDS), STAR];
  if (mode === "profile") return [...PROFILE, ...lines];
  const tokens = policy.has_thresholds ? TOKENS : [];
  return [["filled", "session"], ...lines, ...tokens, ...STATES.filter(([name]) => state.pools[name])];
}

function drawLegend(list, entries) {
  const key = entries.map(([name]) => name).join();
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...entries.map(([name, text]) => element("li", {}, sign(name), text)));
}

const halfFull = (look) =>
  shape(
    "g",
    {},
    shape("rect", { class: `ground ${look}`, x: 1, y: 1, width: 12, height: 12 }),
    shape("rect", { fill: `url(#${look})`, class: "marked", x: 1, y: 6, width: 12, height: 7 }),
  );

const SIGNS = {
  filled: () => shape("rect", { class: "filled", x: 1, y: 1, width: 12, height: 12 }),
  surplus: () => shape("rect", { fill: "url(#surplus)", class: "surplus", x: 1, y: 1, width: 12, height: 12 }),
  draining: () => halfFull("draining"),
  lost: () => halfFull("lost"),
  gone: () => shape("rect", { class: "ground gone", x: 1, y: 1, width: 12, height: 12 }),
  unconfirmed: () => shape("rect", { class: "ground unconfirmed", x: 1, y: 1, width: 12, height: 12 }),
  failed: () => shape("rect", { fill: "url(#failed)", class: "ground failed", x: 1, y: 1, width: 12, height: 12 }),
  green: () => shape("rect", { class: "green", x: 2, y: 2, width: 10, height: 10 }),
  yellow: () => shape("circle", { class: "yellow", cx: 7, cy: 7, r: 5 }),
  threshold: () => shape("path", { class: "threshold", d: "M0 7H14" }),
  "optimal-threshold": () => shape("path", { class: "optimal-threshold", d: "M0 7H14" }),
  "optimal-outline": () => shape("path", { class: "optimal-outline", d: "M0 11H7V3H14" }),
  star: () => shape("path", { class: "star", d: "M7 2v10M2.670 4.500l8.660 5M2.670 9.500l8.660-5" }),
};

const SIGN = { class: "sign", viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true" };
const sign = (name) => shape("svg", SIGN, SIGNS[name]());
