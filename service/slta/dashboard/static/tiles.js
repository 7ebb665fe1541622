// Tiles with the key figures.

import { drawList, element, setText } from "./dom.js";
import { amount, count, fixed, percent, plural, rate } from "./format.js";
import { headlineGap, leftOut, rejections } from "./model.js";

/** `rates` as returned by History. */
export function drawTiles(list, view, rates) {
  const { state, averages, policy } = view;
  const tiles = [
    placementTile(view),
    swingTile(averages),
    utilityTile(state),
    rankTile(view),
    arrivalsTile(rates),
    sessionsTile(state),
    ...(policy.places ? [rejectionsTile(state, rates)] : [differenceTile(view), leftOutTile(state, rates)]),
  ];
  drawList(list, tiles, createTile, updateTile);
}

function createTile() {
  return element("div", {}, element("dt"), element("dd", { class: "value" }), element("dd", { class: "note" }));
}

function updateTile(node, { id, title, value, note }) {
  if (node.id !== id) node.id = id;
  [title, value, note].forEach((text, index) => setText(node.children[index], text));
}

function placementTile(view) {
  return {
    id: "tile-placement-gap",
    title: "Placement gap",
    value: percent(headlineGap(view)),
    note: placementNote(view),
  };
}

function placementNote({ state, averages }) {
  const gap = averages?.placement_gap ?? null;
  if (gap !== null) return `${fixed(gap, 4)} per pool, mean of the last minute`;
  return state.pools.active ? "now; no minute to average yet" : "no active pool";
}

function swingTile(averages) {
  const value = percent(averages?.relative_swing_gap);
  return { id: "tile-swing-gap", title: "Swing gap", value, note: "the load's own swings; no policy's fault" };
}

function utilityTile(state) {
  const perPool = `${amount(state.utility_per_pool)} of ${amount(state.utility_bound_per_pool)} per pool`;
  return {
    id: "tile-utility",
    title: "Utility",
    value: amount(state.utility),
    note: `bound ${amount(state.utility_bound)}; ${perPool}`,
  };
}

function rankTile({ state, estimate, policy }) {
  const title = policy.has_thresholds ? "Estimate r" : "Next rank";
  return { id: "tile-rank", title, value: count(state.estimate_rank), note: rankNote(state, estimate) };
}

function rankNote({ estimate_rank: rank, optimal_rank: best }, estimate) {
  if (rank === null) return "no active pool";
  if (rank === best) return `= ${count(best)}, its optimum; at level ${estimate.level} of ${estimate.pool_class}`;
  const steps = plural(Math.abs(rank - best), "rank");
  return rank < best ? `▼ ${steps} below its optimum, ${count(best)}` : `▲ ${steps} above its optimum, ${count(best)}`;
}

function arrivalsTile({ arrivals, completions }) {
  return {
    id: "tile-arrivals",
    title: "Arrivals",
    value: `${rate(arrivals)}/s`,
    note: `${rate(completions)}/s completions`,
  };
}

function sessionsTile({ sessions, capacity }) {
  const full = capacity ? `${count((100 * sessions.active) / capacity)} % of ${count(capacity)}` : "no capacity";
  const draining = sessions.draining ? `; ${count(sessions.draining)} more on draining pools` : "";
  return { id: "tile-sessions", title: "Sessions", value: count(sessions.active), note: full + draining };
}

/** A mean over reports, never a sum: the possible gain is the placement gap. */
function differenceTile({ state, averages }) {
  const recent = averages?.difference_at_placing ?? null;
  return {
    id: "tile-difference",
    title: "Difference at placing",
    value: amount(recent ?? state.difference_at_placing),
    note: `to JLMU's choice, mean of ${recent === null ? "all reports" : "the last minute's reports"}`,
  };
}

/** Rejected reports, whose sessions are not counted. */
function leftOutTile({ counters }, { leftOut: recent }) {
  const { left_out_over_capacity: full, left_out_unknown_pool: unknown } = counters;
  const note = `${count(full)} on full pools, ${count(unknown)} on unknown ones; ${count(recent)} in the last minute`;
  return { id: "tile-left-out", title: "Reports left out", value: count(leftOut(counters)), note };
}

function rejectionsTile({ counters }, { rejected }) {
  const recent = rejected ? `${count(rejected)} in the last minute` : "none in the last minute";
  return { id: "tile-rejections", title: "Rejections", value: count(rejections(counters)), note: recent };
}
