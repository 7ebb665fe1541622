// What the charts and rates are drawn from: the store's history, and what this page has seen itself. Pure: no DOM, no clock.

const RATE_SECONDS = 10;
const LATELY_SECONDS = 60;
const FINEST_SECONDS = 300;
const NEARLY = 0.95; // a history that covers less of its range is said to be shorter

export class History {
  #windows = {};
  #counters = [];
  #epoch = null;

  /** The store's history: pieces by window, oldest first. */
  keep({ windows }) {
    this.#windows = windows;
  }

  /** A frame: its counters, and the rejections of each session type. */
  add({ state }) {
    this.#follow(state);
    const { time } = state;
    if (this.#counters.at(-1)?.time === time) return;
    const byType = Object.fromEntries(state.session_types.map((one) => [one.name, rejectionsOf(one)]));
    this.#counters.push({ time, byType, ...state.counters });
    this.#counters = this.#counters.filter((one) => one.time >= time - LATELY_SECONDS);
  }

  /** Means of the last `seconds`. */
  points(seconds) {
    const now = this.#counters.at(-1).time;
    const inRange = (one) => one.time - one.seconds >= now - seconds && one.time <= now;
    return { now, seconds, means: (this.#windows[seconds] ?? []).filter(inRange) };
  }

  /**
   * Arrivals and completions per second, null before the second frame; rejections of the last minute, also kept ones, and
   * the session type that has most of those seen.
   */
  rates() {
    const last = this.#counters.at(-1);
    const first = this.#counters.find((counters) => counters.time >= last?.time - RATE_SECONDS);
    const elapsed = last ? last.time - first.time : 0;
    const perSecond = (sum) => (elapsed > 0 ? (sum(last) - sum(first)) / elapsed : null);
    const lately = (sum) => (last ? sum(last) - sum(this.#counters[0]) : 0);
    const kept = last ? this.points(FINEST_SECONDS).means.filter((one) => one.time > last.time - LATELY_SECONDS) : [];
    const before = kept.reduce((sum, one) => sum + one.rejected, 0);
    return {
      arrivals: perSecond(arrivals),
      completions: perSecond(completions),
      rejected: Math.max(lately(rejections), before),
      mostRejected: last && largestRise(this.#counters[0].byType, last.byType),
      leftOut: lately(leftOut),
    };
  }

  /** Clear what was seen of a fleet that was created anew or restored from an older state. */
  #follow({ store_epoch: epoch, time }) {
    const backwards = time < this.#counters.at(-1)?.time;
    if (epoch === this.#epoch && !backwards) return;
    this.#counters = [];
    this.#epoch = epoch;
  }
}

/** Seconds since the first piece of a history that does not cover its range, 0 without one; null if it does. */
export function shortBy({ now, seconds, means }) {
  const [first] = means;
  const covered = first ? now - first.time + first.seconds : 0;
  return covered < NEARLY * seconds ? covered : null;
}

export const arrivals = (c) => c.assigned + c.adopted;
const completions = (c) => c.completed + c.expired + c.failed + c.reported_ended + c.pool_gone;
export const leftOut = (c) => c.left_out_over_capacity + c.left_out_unknown_pool;
export const rejections = (c) => c.rejected_no_capacity + c.rejected_no_active_pool;

/** Sessions of a type that found no place. */
export const rejectionsOf = ({ refused }) => refused.no_capacity + refused.no_active_pool;

/** The name whose count has risen most; undefined if none has. */
function largestRise(before, now) {
  const rise = (name) => now[name] - (before[name] ?? 0);
  const [name] = Object.keys(now).toSorted((one, other) => rise(other) - rise(one));
  return rise(name) > 0 ? name : undefined;
}
