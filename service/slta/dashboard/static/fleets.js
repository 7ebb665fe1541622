// The fleet that the address names, and the list of those to choose from.

import { byId, element } from "./dom.js";

export const ALL = "/"; // in the address, where fleets have their names; none has this one
const DEFAULT = "default";

export class FleetChoice {
  #fleets = [];

  constructor(onChange) {
    byId("fleet").addEventListener("change", ({ target }) => (location.hash = target.value));
    addEventListener("hashchange", onChange);
  }

  offer(fleets) {
    if (fleets.join() === this.#fleets.join()) return;
    this.#fleets = fleets;
    const all = fleets.length > 1 ? [element("option", { value: ALL }, "All fleets")] : [];
    byId("fleet").replaceChildren(...all, ...fleets.map((name) => element("option", { value: name }, name)));
    byId("fleet").disabled = fleets.length < 2;
    byId("fleet").value = this.wanted;
  }

  /** A fleet, or ALL of several; undefined without any. */
  get wanted() {
    const named = location.hash.slice(1);
    if (this.#fleets.includes(named) || (named === ALL && this.#fleets.length > 1)) return named;
    return this.#fleets.includes(DEFAULT) ? DEFAULT : this.#fleets[0];
  }
}
