// Tiles with the key figures.

import { drawList, element, setAttributes, setText } from "./dom.js";
import { amount, count, percent, plural, rate, worth } from "./format.js";
import { leftOut, rejections } from "./history.js";
import { headlineGap, inactive, isIll, statesOf } from "./model.js";

/** `rates` as returned by History. */
export function drawTiles(list, view, rates) {
  const { state, averages, policy } = view;
  const tiles = [
    placementTile(view),
    poolsTile(state),
    swingTile(averages),
    ...(view.types.length ? [compatibilityTile(averages)] : []),
    utilityTile(view),
    ...(view.types.length ? [] : [rankTile(view)]),
    arrivalsTile(rates),
    sessionsTile(state),
    ...(policy.places ? placingTiles(view, rates) : [differenceTile(view), leftOutTile(state, rates)]),
  ];
  drawList(list, tiles, createTile, updateTile);
}

function createTile() {
  return element("div", {}, element("dt"), element("dd", { class: "value" }), element("dd", { class: "note" }));
}

function updateTile(node, { id, title, value, note, level = null }) {
  setAttributes(node, { id, "data-level": level });
  [title, value, note].forEach((text, index) =>
    setText(node.children[index], text.replaceAll(/(?<=\d) (?=[%a-z])/g, "\u00a0")),
  );
}

const tile = (id, title, value, note) => ({ id, title, value, note });

function placementTile(view) {
  return tile("tile-placement-gap", "Placement gap", percent(headlineGap(view)), placementNote(view));
}

function placementNote({ state, averages, leastConnections }) {
  const others = leastConnections === null ? "" : `; least connections would lose ${percent(leastConnections)}`;
  if (!averages?.mean_pools) return state.pools.active ? "now; no minute to average yet" : "no active pool";
  return `of the best possible, mean of the last minute${others}`;
}

/** In service, of all, and in which state the others are. */
function poolsTile({ pools }) {
  const all = `of ${count(pools.active + inactive(pools))}`;
  const note = statesOf(pools) ? `${all}: ${statesOf(pools)}` : `${all} in service`;
  return { ...tile("tile-pools", "Pools", count(pools.active), note), level: isIll(pools) ? "attention" : null };
}

function swingTile(averages) {
  const value = percent(averages?.relative_swing_gap);
  return tile("tile-swing-gap", "Swing gap", value, "the load's own swings; no policy's fault");
}

function compatibilityTile(averages) {
  const value = percent(averages?.relative_compatibility_gap ?? null);
  return tile("tile-compatibility-gap", "Compatibility gap", value, "more, could every session use every class");
}

function utilityTile({ state, unit }) {
  const perPool = `${amount(state.utility_per_pool)} of ${amount(state.utility_bound_per_pool)} per pool`;
  return tile(
    "tile-utility",
    unit ? `Utility, ${unit}` : "Utility",
    amount(state.utility),
    `bound ${amount(state.utility_bound)}; ${perPool}`,
  );
}

function rankTile({ state, estimate, policy }) {
  const title = policy.has_thresholds ? "Estimate r" : "Next rank";
  return tile("tile-rank", title, count(state.estimate_rank), rankNote(state, estimate));
}

function rankNote({ estimate_rank: rank, optimal_rank: best }, estimate) {
  if (rank === null) return "no active pool";
  if (rank === best) return `= ${count(best)}, its optimum; at level ${estimate.level} of ${estimate.pool_class}`;
  const steps = plural(Math.abs(rank - best), "rank");
  return rank < best ? `▼ ${steps} below its optimum, ${count(best)}` : `▲ ${steps} above its optimum, ${count(best)}`;
}

function arrivalsTile({ arrivals, completions }) {
  return tile("tile-arrivals", "Arrivals", `${rate(arrivals)}/s`, `${rate(completions)}/s completions`);
}

function sessionsTile({ sessions, capacity }) {
  const full = capacity ? `${count((100 * sessions.active) / capacity)} % of room for ${count(capacity)}` : "no room";
  const draining = sessions.draining ? `; ${count(sessions.draining)} more on draining pools` : "";
  return tile("tile-sessions", "Sessions", count(sessions.active), full + draining);
}

/** The differences of both sources, in a fleet to which new sessions are reported too. */
function placingTiles(view, rates) {
  const differences = view.state.difference_at_placing_by_source;
  return [rejectionsTile(view.state, rates), ...(differences?.reported.sessions ? [sourcesTile(view)] : [])];
}

/** Placed sessions beside reported ones: of the last minute, or of all until it has some of both. */
function sourcesTile({ state, averages, unit }) {
  const recent = averages?.difference_at_placing_by_source;
  const isRecent = Boolean(recent?.placed.sessions && recent.reported.sessions);
  const { placed, reported } = isRecent ? recent : state.difference_at_placing_by_source;
  const sources = `placed ${spread(placed)}; reported ${amount(reported.mean)} ${spread(reported)}`;
  const period = isRecent ? "; the last minute's, one in 16" : "; one in 16 of all";
  return tile("tile-difference", "Difference at placing", worth(placed.mean, unit), sources + period);
}

const spread = ({ standard_error: error, sessions }) => `± ${amount(error)} (${count(sessions)})`;

/** A mean over reports, never a sum: the possible gain is the placement gap. */
function differenceTile({ state, averages, unit }) {
  const recent = averages?.difference_at_placing ?? null;
  const value = worth(recent ?? state.difference_at_placing, unit);
  const reports = recent === null ? "all reports" : "the last minute's reports";
  return tile("tile-difference", "Difference at placing", value, `to JLMU's choice, mean of ${reports}`);
}

/** Rejected reports, whose sessions are not counted. */
function leftOutTile({ counters }, { leftOut: recent }) {
  const { left_out_over_capacity: full, left_out_unknown_pool: unknown } = counters;
  const note = `${count(full)} on full pools, ${count(unknown)} on unknown ones; ${count(recent)} in the last minute`;
  return tile("tile-left-out", "Reports left out", count(leftOut(counters)), note);
}

function rejectionsTile({ counters }, { rejected }) {
  const recent = rejected ? `${count(rejected)} in the last minute` : "none in the last minute";
  return tile("tile-rejections", "Rejections", count(rejections(counters)), recent);
}
