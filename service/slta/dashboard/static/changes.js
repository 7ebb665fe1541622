// Descriptions of change events, for chart marks and their table.

const STATUS_WORDS = { active: "returned", draining: "drained", failed: "failed" };

/** Descriptions of applied changes by action. */
const DONE = {
  put_fleet: configured,
  delete_fleet: () => "fleet deleted",
  repair: () => "fleet rebuilt",
  add_pools: ({ pool_id, pools }) => (pool_id ? `${pool_id} created` : `${pools} pools created`),
  move_pool: moved,
  remove_pool: ({ pool_id }) => `${pool_id} removed`,
  set_status: ({ pool_id, pools, after }) =>
    `${pool_id ?? `${pools} pools`} ${STATUS_WORDS[after.status] ?? after.status}`,
  drain_ended: ({ pool_id, pools, sessions }) =>
    `drain of ${pool_id ?? `${pools} pools`} ended, ${sessions} sessions left`,
  begin_guard: ({ pools }) => `mass loss: ${pools} pools unconfirmed`,
  end_guard: () => "mass-loss guard ended",
  forget_pools: ({ pool_id, pools }) => `${pool_id ?? `${pools} pools`} forgotten`,
};

/** Descriptions of rejected changes by action. */
const REFUSED = {
  put_fleet: "change of the configuration",
  delete_fleet: "deletion of the fleet",
  add_pools: "new pools",
  move_pool: "move",
  remove_pool: "removal",
};

function moved({ pool_id: id, before, after }) {
  if (before.pool_class !== after.pool_class) return `${id} moved from ${before.pool_class} to ${after.pool_class}`;
  return after.pool_address ? `${id} has the address ${after.pool_address}` : `${id} has no address`;
}

function configured({ before, after }) {
  if (!before) return "fleet created";
  if (before.policy !== after.policy) return `policy ${before.policy} became ${after.policy}`;
  return `configuration ${before.config_version} became ${after.config_version}`;
}

export function wordsOf(event) {
  if (event.outcome === "done") return (DONE[event.action] ?? (() => event.action))(event);
  const what = REFUSED[event.action] ?? event.action;
  const often = event.times > 1 ? `, ${event.times} times` : "";
  return `${what}${event.pool_id ? ` of ${event.pool_id}` : ""} refused: ${event.outcome}${often}`;
}

/** Author: a key and its address, an address if no key is required, or the service itself. */
export const askedBy = ({ key_id: key, address }) => [key, address].filter(Boolean).join(", ") || "the service";

export const marksOf = (events) =>
  events.map((event) => ({ time: event.time, text: wordsOf(event), refused: event.outcome !== "done" }));
