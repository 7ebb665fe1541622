// Controls: inspect and drain a pool, switch the policy. Each change requires a confirmation.

import { byId, element, onSubmit, setHidden, setText } from "./dom.js";
import { plural } from "./format.js";
import { columnView, withLiveness } from "./model.js";
import { factsOf } from "./pools.js";
import { changePool, fetchPool, switchPolicy } from "./service.js";
import { announce } from "./status.js";

/** Shows a confirmation dialog; resolves to whether it was accepted. */
export function confirmed(title, text, verb) {
  const dialog = byId("confirm");
  setText(byId("confirm-title"), title);
  setText(byId("confirm-text"), text);
  setText(byId("confirm-yes"), verb);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** The selected pool and its actions. */
export class PoolInspector {
  #view = null;
  #fleet = "";
  #pool = null;
  #answer = {};
  #asking = ""; // id of the pool whose answer is due
  #mayChange = false;

  constructor() {
    this.input = byId("pool");
    this.input.addEventListener("input", () => this.#look());
    this.input.addEventListener("change", () => this.#ask());
    onSubmit(byId("pool-form"), () => this.#ask());
    byId("drain").addEventListener("click", () => this.#change("drain"));
    byId("undrain").addEventListener("click", () => this.#change("undrain"));
  }

  get selected() {
    return this.input.value.trim();
  }

  /** Another fleet, or another key. */
  use(fleet, mayChange) {
    this.#fleet = fleet;
    this.#mayChange = mayChange;
    this.#pool = null;
    this.input.value = "";
  }

  select(poolId) {
    this.input.value = poolId;
    this.#look();
    this.#ask();
  }

  draw(view) {
    this.#view = view;
    drawIds(view);
    this.#look();
  }

  #look() {
    const id = this.selected;
    if (!id || !this.#view) return this.#show(null, "");
    if (!this.#view.hasPools) return this.#lookFar(id);
    const found = this.#view.classes.flatMap((c) => c.columns).find((one) => one.pool_id === id);
    return this.#show(found ?? null, found ? "" : "No such pool.");
  }

  /** Large fleets' streams have no individual pools: fetch the selected one, again with each frame. */
  #lookFar(id) {
    if (this.#pool?.pool_id === id) return this.#ask();
    return this.#show(null, this.#answer.id === id ? this.#answer.problem : "Press Enter to look it up.");
  }

  async #ask() {
    const id = this.selected;
    if (!id || this.#asking === id || this.#view?.hasPools !== false) return;
    this.#asking = id;
    const answer = await this.#fetch(id);
    if (this.#asking !== id) return;
    this.#asking = "";
    this.#answer = answer;
    if (this.selected === id) this.#show(answer.pool, answer.problem);
  }

  async #fetch(id) {
    try {
      return { id, pool: await fetchPool(this.#fleet, id), problem: "" };
    } catch (refusal) {
      return { id, pool: null, problem: refusal.code === "unknown_pool" ? "No such pool." : refusal.message };
    }
  }

  #show(pool, problem) {
    this.#pool = pool;
    const c = pool && this.#view.classes.find((one) => one.name === pool.pool_class);
    setText(byId("pool-facts"), c ? `${c.name}: ${factsOf(columnView(withLiveness(pool), c), c)}` : problem);
    setHidden(byId("drain"), !(pool && this.#mayChange && (pool.stated ?? pool.status) === "active"));
    setHidden(byId("undrain"), !(pool && this.#mayChange && (pool.stated ?? pool.status) !== "active"));
  }

  async #change(verb) {
    const { pool_id: id, occupancy } = this.#pool;
    const [title, text] = {
      drain: ["Drain", `It gets no new sessions. The ${plural(occupancy, "session")} on it stay until they end.`],
      undrain: ["Undrain", "It gets new sessions again."],
    }[verb];
    if (!(await confirmed(`${title} ${id}?`, text, title))) return;
    try {
      const changed = await changePool(this.#fleet, id, verb);
      announce(`${id} is ${changed.status}.`);
    } catch (refusal) {
      announce(refusal.message);
      setText(byId("pool-facts"), refusal.message);
    }
  }
}

function drawIds(view) {
  const ids = (view.hasPools ? view.classes.flatMap((c) => c.columns) : view.away).map((one) => one.pool_id);
  const list = byId("pool-ids");
  const key = ids.join("\n");
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...ids.map((id) => element("option", { value: id })));
}

/** Current policy, and its switch if the key permits. */
export class PolicyControl {
  #fleet = "";
  #shown = "";
  #policies = [];
  #mayChange = false;

  constructor() {
    this.form = byId("policy-form");
    onSubmit(this.form, () => this.#switch());
    this.form.addEventListener("change", () => this.#followChoice());
  }

  use(fleet, mayChange) {
    this.#fleet = fleet;
    this.#shown = "";
    this.#mayChange = mayChange;
    for (const choice of this.#choices) choice.disabled = !mayChange;
    setHidden(byId("switch-policy"), !mayChange);
    setText(byId("rights"), mayChange ? "" : "Switching requires a key with the scope admin.");
  }

  /** Available policies: [{name, title, summary}]. */
  offer(policies) {
    if (JSON.stringify(policies) === JSON.stringify(this.#policies)) return;
    this.#policies = policies;
    this.#shown = "";
    byId("policies").replaceChildren(...policies.map((policy) => createChoice(policy, !this.#mayChange)));
  }

  get #choices() {
    return [...byId("policies").querySelectorAll("input")];
  }

  /** Follows the fleet's policy without overriding a pending selection. */
  draw({ policy }) {
    if (policy.name === this.#shown) return;
    this.#shown = policy.name;
    for (const choice of this.#choices) choice.checked = choice.value === policy.name;
    this.#followChoice();
  }

  get #chosen() {
    const checked = this.#choices.find((choice) => choice.checked);
    return this.#policies.find((policy) => policy.name === checked?.value);
  }

  #followChoice() {
    byId("switch-policy").disabled = !this.#chosen || this.#chosen.name === this.#shown;
  }

  async #switch() {
    const { name, title, summary } = this.#chosen;
    if (!(await confirmed(`Switch to ${title}?`, `Live sessions stay. ${summary}`, "Switch"))) return;
    try {
      await switchPolicy(this.#fleet, name);
      setText(byId("rights"), "");
      announce(`The policy is ${title}.`);
    } catch (refusal) {
      setText(byId("rights"), refusal.message);
      announce(refusal.message);
    }
  }
}

function createChoice({ name, title, summary }, disabled) {
  const choice = element("input", { type: "radio", name: "policy", value: name });
  choice.disabled = disabled;
  return element("label", {}, choice, " ", element("strong", {}, title), ` ${summary}`);
}
