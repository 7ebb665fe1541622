// Connection status, age of the data, and the verdict.

import { byId, MARKS, setAttributes, setHidden, setText } from "./dom.js";
import { duration } from "./format.js";

const STALE_MS = 3500;
const WORDS = { connecting: "Connecting", live: "Live", stale: "Stale" };
const CONNECTION_MARKS = { connecting: MARKS.waiting, live: MARKS.good, stale: MARKS.attention };

export class Status {
  #seenAt = null;
  #reason = "";
  #awaited = "";
  #announced = "";
  #verdict = "";

  constructor() {
    setInterval(() => this.show(), 500);
    this.show();
  }

  /** A frame was received. */
  seen() {
    this.#seenAt = performance.now();
    this.trouble("");
  }

  /** No frame, with the reason. */
  trouble(reason) {
    this.#reason = reason;
    this.show();
  }

  /** No frame yet, and `awaited` is what has to come first; '' for the service's answer. */
  reset(awaited = "") {
    this.#seenAt = null;
    this.#awaited = awaited;
    this.trouble("");
  }

  verdict({ level, text }) {
    byId("verdict").dataset.level = level;
    setAttributes(byId("verdict-mark"), { d: MARKS[level] });
    setText(byId("verdict-text"), text);
    if (level !== this.#verdict && this.#verdict) announce(text);
    this.#verdict = level;
  }

  /** Findings of the last audit, or null. */
  damage(found) {
    setHidden(byId("damage"), found === null);
    setText(byId("damage"), found === null ? "" : damageText(found));
  }

  show() {
    const age = this.#seenAt === null ? null : performance.now() - this.#seenAt;
    const state = age === null ? "connecting" : age > STALE_MS ? "stale" : "live";
    document.body.dataset.connection = state;
    const isWaiting = state === "connecting" && this.#awaited !== "";
    setText(byId("connection"), isWaiting ? `Waiting for ${this.#awaited}` : WORDS[state]);
    setAttributes(byId("connection-mark"), { d: CONNECTION_MARKS[state] });
    setText(byId("age"), age === null || state === "live" ? "" : `for ${duration(age / 1000)}`);
    const trouble = state === "live" ? "" : this.#explain(state);
    setText(byId("trouble"), trouble);
    setHidden(byId("trouble"), trouble === "");
    this.#announce(state);
  }

  #explain(state) {
    if (state !== "stale") return this.#reason;
    return `${this.#reason || "The service does not respond."} The data is stale; reconnecting.`;
  }

  #announce(state) {
    if (state === this.#announced) return;
    if (state === "stale") announce("The numbers are stale.");
    if (state === "live" && this.#announced === "stale") announce("The numbers are live again.");
    this.#announced = state;
  }
}

function damageText({ findings, first }) {
  const others = findings > 1 ? ` (1 of ${findings} findings)` : "";
  return `The last audit found damage: ${first}${others}. List and repair all with slta audit.`;
}

/** Announces to screen readers: changes of state only, not each second's numbers. */
export function announce(text) {
  byId("announcer").textContent = text;
}
