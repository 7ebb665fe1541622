// Entry point: permissions, one stream, and the views drawn from it.

import { drawAway } from "./away.js";
import { Charts } from "./charts.js";
import { Classes } from "./classes.js";
import { byId, onSubmit, setHidden, setText } from "./dom.js";
import { ALL, FleetChoice } from "./fleets.js";
import { Footer } from "./footer.js";
import { percent } from "./format.js";
import { History } from "./history.js";
import { headlineGap, verdictOf, viewOf } from "./model.js";
import { Overview } from "./overview.js";
import { factsOf } from "./pools.js";
import { fetchRights, forgetKey, heldKey, holdKey, Refused } from "./service.js";
import { Status } from "./status.js";
import { Stream } from "./stream.js";
import { drawTable } from "./tables.js";
import { drawTiles } from "./tiles.js";

const ASK_AGAIN_MS = 3000;
const HIDDEN_MS = 60_000; // a page hidden for this long closes its stream

class Page {
  #stream = null;
  #rights = null;
  #fleet = "";
  #view = null;
  #version = null;
  #selected = ""; // id of a pool
  #history = new History();

  constructor() {
    this.status = new Status();
    this.footer = new Footer();
    this.charts = new Charts();
    this.choice = new FleetChoice(() => this.#follow());
    this.overview = new Overview({
      fleets: (fleets) => this.#seeAll(fleets),
      failed: (failure) => this.#needsKey(failure) || this.#broken(failure),
    });
    const parts = { hint: byId("pools-hint"), legend: byId("legend") };
    this.classes = new Classes(byId("classes"), parts, (poolId) => this.#select(poolId));
    this.#listen();
  }

  #listen() {
    byId("views").addEventListener("change", () => this.#drawPools());
    byId("pool-table-box").addEventListener("toggle", () => this.#drawTables());
    onSubmit(byId("key-form"), () => this.#useKey());
    byId("forget-key").addEventListener("click", forgetKey);
    document.addEventListener("visibilitychange", () => this.#followVisibility());
    new ResizeObserver(() => this.#drawPools()).observe(byId("classes"));
  }

  /** Poll the permitted fleets until there are any. */
  async begin() {
    try {
      this.#rights = await fetchRights();
    } catch (failure) {
      if (this.#needsKey(failure)) return;
      this.status.reset(); // a key that was taken is waited for no longer
      this.status.trouble(failure instanceof Refused ? failure.message : "");
    }
    setHidden(byId("key-form"), true);
    setHidden(byId("forget-key"), !heldKey());
    if (this.#rights) this.footer.show(this.#rights.about);
    setHidden(byId("no-fleet"), !this.#rights || this.#rights.fleets.length > 0);
    this.choice.offer(this.#rights?.fleets ?? []);
    if (this.choice.wanted) return this.#follow();
    if (this.#rights) this.status.reset("a fleet");
    setTimeout(() => this.begin(), ASK_AGAIN_MS);
  }

  /** Show what the address names: a fleet, or all. */
  #follow() {
    const wanted = this.choice.wanted;
    document.body.dataset.view = wanted === ALL ? "all" : "fleet";
    if (wanted !== ALL) return this.#watch(wanted);
    this.#leaveFleet();
    byId("fleet").value = ALL;
    document.title = "All fleets · SLTA live";
    this.overview.show();
  }

  #leaveFleet() {
    this.#stopWatching();
    this.#fleet = "";
    this.status.reset();
    setHidden(byId("live"), true);
  }

  #watch(fleet) {
    if (!fleet || (fleet === this.#fleet && this.#stream)) return;
    this.#stream?.stop();
    this.overview.hide();
    if (fleet !== this.#fleet) this.#forgetFleet(fleet);
    byId("fleet").value = fleet;
    this.#stream = new Stream(fleet, {
      event: (name, value) => this.#take(name, value),
      broken: (failure) => this.#broken(failure),
      refused: (refusal) => this.#needsKey(refusal),
    });
  }

  #forgetFleet(fleet) {
    this.#fleet = fleet;
    this.#history = new History();
    this.#view = null;
    this.status.reset();
    this.#selected = "";
    setHidden(byId("live"), true);
  }

  /** Logs errors of the page, so that they do not cause a reconnect. */
  #take(name, value) {
    try {
      if (name === "beginning") this.#start(value);
      if (name === "history") this.#history.keep(value);
      if (name === "frame") this.#draw(value);
      if (name === "trouble") this.#trouble(value);
      if (name === "closing") this.status.trouble("The service is restarting.");
    } catch (defect) {
      reportError(defect);
      this.status.trouble("This page failed to draw a frame: this is a defect of the page.");
    }
  }

  #trouble({ code, detail }) {
    this.status.trouble(detail);
    this.footer.trouble(code);
  }

  #start(beginning) {
    this.#version ??= beginning.page_version;
    if (this.#version !== beginning.page_version) location.reload();
  }

  #draw(frame) {
    this.#view = viewOf(frame);
    this.#history.add(frame);
    const rates = this.#history.rates();
    setHidden(byId("live"), false);
    setText(byId("policy"), frame.policy.title);
    drawTiles(byId("tiles"), this.#view, rates);
    this.charts.draw(this.#history);
    const doubt = frame.state.pools.unconfirmed ? " Unconfirmed pools get it only if no other has room." : "";
    setText(byId("next-placement"), this.#view.types.length ? "" : frame.next_placement + doubt);
    this.#drawPools();
    this.#drawTables();
    this.status.seen();
    this.footer.seen(frame.store);
    this.status.damage(frame.damage);
    this.status.verdict(verdictOf(this.#view, rates));
    document.title = `${percent(headlineGap(this.#view))} gap · ${this.#fleet} · SLTA live`;
  }

  #drawPools() {
    if (!this.#view) return;
    const { hasPools } = this.#view;
    const mode = hasPools ? byId("views").querySelector(":checked").value : "profile";
    setHidden(byId("views"), !hasPools);
    setHidden(byId("pool-table-box"), mode !== "pools" && !this.#view.away.length);
    const listed = hasPools ? "The pools as a table" : "The pools that are not active, as a table";
    setText(byId("pool-table-box").querySelector("summary"), listed);
    drawAway(byId("away"), this.#view, (poolId) => this.#select(poolId));
    this.classes.draw(this.#view, mode, this.#selected);
    setText(byId("pool-facts"), this.#selectedFacts());
  }

  #drawTables() {
    if (!this.#view) return;
    const open = byId("pool-table-box").open ? ["pool"] : [];
    setHidden(byId("types"), !this.#view.types.length);
    for (const name of ["class", "type", ...open]) drawTable(byId(`${name}-table`), name, this.#view);
  }

  #select(poolId) {
    this.#selected = poolId;
    this.#drawPools();
  }

  #selectedFacts() {
    const { classes, away } = this.#view;
    const isSelected = (one) => one.pool_id === this.#selected;
    const found = classes.flatMap((c) => c.columns ?? []).find(isSelected) ?? away.find(isSelected);
    if (!found) return "";
    return `${found.pool_id}: ${factsOf(
      found,
      classes.find((c) => c.name === found.pool_class),
    )}`;
  }

  #broken(failure) {
    this.#trouble(failure instanceof Refused ? { code: failure.code, detail: failure.message } : { detail: "" });
    if (failure.code === "unknown_fleet") this.#loseFleet();
  }

  /** The fleet was deleted: select another one, or wait. */
  #loseFleet() {
    this.#leaveFleet();
    this.begin();
  }

  #seeAll(fleets) {
    this.choice.offer(fleets);
    this.status.seen();
    this.footer.seen("reachable");
  }

  /** Ask for a key if it is missing or rejected; returns whether. */
  #needsKey(failure) {
    if (!failure.needsKey) return false;
    this.#stopWatching();
    setHidden(byId("live"), true);
    setHidden(byId("key-form"), false);
    setText(byId("key-error"), heldKey() ? failure.message : "");
    setHidden(byId("forget-key"), !heldKey());
    this.status.reset("a key");
    byId("key").focus();
    return true;
  }

  #useKey() {
    holdKey(byId("key").value.trim());
    byId("key").value = "";
    this.#fleet = "";
    this.begin();
  }

  #followVisibility() {
    clearTimeout(this.hiding);
    if (document.visibilityState === "visible") return this.#follow();
    this.hiding = setTimeout(() => this.#stopWatching(), HIDDEN_MS);
  }

  #stopWatching() {
    this.#stream?.stop();
    this.#stream = null;
    this.overview.hide();
  }
}

new Page().begin();
