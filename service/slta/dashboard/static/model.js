// View model of a frame. Pure: no DOM, no clock.

import { count, percent, plural } from "./format.js";
import { arrivals } from "./history.js";

const WENT_BACK_SECONDS = 900;
const NEARLY_FULL = 0.95;
const LARGE_GAP = 0.01;
const FAR_RANKS = 3;

/** View of a frame: classes with pools as columns, tokens, and the level with the largest marginal utility. */
export function viewOf(frame) {
  const { state, averages, estimate, policy } = frame;
  const pools = frame.pools?.map(withLiveness);
  const next = bestClass(state.classes);
  const unit = state.utility_unit ?? "";
  const bare = state.session_types.length ? { threshold: null, optimal_threshold: null } : {}; // prices decide
  const classes = state.classes.map((c) => ({ ...classView(c, c === next, estimate, policy), unit, ...bare }));
  const columnsOf = (c) =>
    pools
      .filter((pool) => pool.pool_class === c.name)
      .toSorted(byStatus)
      .map((pool) => columnView(pool, c));
  for (const c of pools ? classes : []) c.columns = columnsOf(c);
  const away = frame.away.map(withLiveness).toSorted(byStatus);
  const leastConnections = frame.least_connections_gap;
  const types = state.session_types.map((one, k) => ({ ...one, next: frame.next_by_type[k], unit }));
  const seen = { state, unit, averages, leastConnections, estimate, policy, classes, types, away };
  return { ...seen, hasPools: Boolean(pools) };
}

const ILL = ["gone", "lost", "unconfirmed"];
const OUT = ["gone", "lost", "failed", "draining"];
const LOOKS = [...OUT, "unconfirmed", "active"];

/**
 * A pool with `status` lost or gone if it is; `look` also tells unconfirmed ones among the active.
 */
export function withLiveness(pool) {
  const look = pool.status === "active" && ILL.includes(pool.liveness) ? pool.liveness : pool.status;
  return { ...pool, status: look === "unconfirmed" ? "active" : look, look };
}

/** Those that somebody may look for come first. */
const byStatus = (one, other) => LOOKS.indexOf(one.look) - LOOKS.indexOf(other.look);

function classView(c, isNext, estimate, policy) {
  const lowest = c.occupancy.filter((pools) => pools === c.occupancy[0]).length - 1;
  const isEstimate = policy.has_thresholds && estimate?.pool_class === c.name;
  return {
    ...c,
    lowest,
    greenBelow: policy.has_thresholds ? (c.threshold ?? 0) : 0,
    yellowBelow: isEstimate ? estimate.level : 0,
    nextLevel: isNext ? lowest + 1 : null,
    nextPools: isNext ? c.occupancy[lowest] - (c.occupancy[lowest + 1] ?? 0) : 0,
    columns: null,
  };
}

/** The class with the largest marginal utility; ties: the first, as in the paper. */
function bestClass(classes) {
  const open = classes.filter((c) => c.marginal_utility !== null);
  return open.reduce((best, c) => (!best || c.marginal_utility > best.marginal_utility ? c : best), null);
}

/** Section 3.2: green iff x < ℓ_i(r), yellow iff the class is i_r and x < j_r; active pools only. */
export function columnView(pool, c) {
  const active = pool.status === "active";
  return {
    ...pool,
    green: active && pool.occupancy < c.greenBelow,
    yellow: active && pool.occupancy < c.yellowBelow,
    isNext: active && pool.occupancy + 1 === c.nextLevel,
  };
}

export function tokenWords(column) {
  if (column.green && column.yellow) return "green and yellow token";
  if (column.green) return "green token";
  return column.yellow ? "yellow token" : "no token";
}

/** Number of levels to draw. */
export function levelsInUse(classes) {
  const used = classes.flatMap(({ occupancy, optimal_occupancy: optimal, threshold, columns }) => [
    Math.max(occupancy.length, optimal.length, (threshold ?? 0) + 2) - 1,
    ...(columns ?? []).map((column) => column.occupancy),
  ]);
  const capacity = Math.max(...classes.map((c) => c.capacity));
  return Math.max(Math.min(Math.max(...used) + 1, capacity), 1);
}

/** Relative placement gap of the last minute, or of now before the first minute. */
export function headlineGap({ state, averages }) {
  return averages?.relative_placement_gap ?? state.relative_gap;
}

/** State of a row of the overview in a word or two, by the same limits as the sentence. */
export function levelOf({ is_damaged: damaged, pools, lost_pools: lost, unconfirmed_pools: doubted, ...row }) {
  const { sessions, capacity, placement_gap: gap } = row;
  if (damaged) return "damaged";
  if (pools === 0) return "no active pool";
  if (lost + doubted > 0) return `${plural(lost + doubted, "pool")} not heard`;
  if (sessions >= NEARLY_FULL * capacity) return "nearly full";
  if (gap > LARGE_GAP) return "placement could be better";
  return sessions === 0 ? "no session" : "good";
}

/** Number of pools that get no sessions. */
export const inactive = (pools) => OUT.reduce((sum, status) => sum + pools[status], 0);

const statesIn = (pools, states) =>
  states.filter((state) => pools[state]).map((state) => `${count(pools[state])} ${state}`);

/** Numbers of pools that are not simply active, in words: "3 gone, 1 draining"; empty without any. */
export const statesOf = (pools) => statesIn(pools, LOOKS.slice(0, -1)).join(", ");

/** Whether pools are away or in doubt that nobody drained or failed. */
export const isIll = (pools) => ILL.some((status) => pools[status] > 0);

/** Status in a sentence or two: the most urgent condition, and pools that are ill. */
export function verdictOf(view, rates) {
  const { level, text } = conditionOf(view, rates);
  const { pools } = view.state;
  if (!isIll(pools)) return { level, text };
  const ill = `${statesIn(pools, ILL).join(", ")} of ${plural(pools.active + inactive(pools), "pool")}.`;
  return level === "bad" ? bad(`${text} ${ill}`) : attention(`${ill} ${text}`);
}

/** The most urgent condition. */
function conditionOf(view, rates) {
  const { state, classes, policy } = view;
  const emptied = classes.find((c) => c.pools.active === 0 && inactive(c.pools) > 0);
  const gap = headlineGap(view);
  const off = Math.abs(state.estimate_rank - state.optimal_rank);
  const blocked = state.repair_blocked;
  if (blocked)
    return bad(`The fleet is damaged and its automatic repair is blocked: ${blocked}. Run slta audit --repair.`);
  if (state.suspect)
    return bad("The store's data is inconsistent: do not trust these numbers until the fleet is repaired.");
  if (state.went_back_seconds !== null && state.went_back_seconds < WENT_BACK_SECONDS)
    return bad("The store may have lost acknowledged sessions: let the pools report their sessions.");
  if (state.utility > state.utility_bound + 1e-9 * Math.abs(state.utility_bound)) {
    return bad("Utility exceeds its proven bound: this is a defect of the service.");
  }
  if (state.pools.active === 0) return bad("No active pool: every new session is rejected.");
  if (rates.leftOut > 0) return attention(`${count(rates.leftOut)} reports of the last minute were rejected.`);
  if (rates.rejected > 0)
    return bad(`${count(rates.rejected)} sessions were rejected in the last minute${mostOf(rates)}.`);
  if (state.sessions.active >= NEARLY_FULL * state.capacity) return attention("The fleet is nearly full.");
  if (emptied) return attention(`Class ${emptied.name} has no active pool.`);
  if (state.pools.unconfirmed)
    return attention("Gaps say little: bounds count unconfirmed pools, which get few sessions.");
  if (policy.has_thresholds && off > FAR_RANKS)
    return attention(`r is ${count(off)} ranks from its optimum, and learns with each arrival.`);
  if (gap > LARGE_GAP) return attention(`A better placement would win ${percent(gap)} of the best possible.`);
  if (state.sessions.active === 0) {
    const when = arrivals(state.counters) ? "at present" : "yet";
    return { level: "good", text: `No session ${when}: the fleet is empty.` };
  }
  return { level: "good", text: `Placement is within ${percent(Math.max(gap, 1e-5))} of the best possible.` };
}

/** Suffix with the session type that was rejected most; empty without types. */
const mostOf = ({ mostRejected }) => (mostRejected ? `; most often those of type ${mostRejected}` : "");

const bad = (text) => ({ level: "bad", text });
const attention = (text) => ({ level: "attention", text });
