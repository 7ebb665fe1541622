// Foot line: version, store, and ways out of the page.

import { byId, element, setHidden, setText } from "./dom.js";
import { heldKey } from "./service.js";

const UNREACHABLE = "store_unavailable";

export class Footer {
  #about = null;

  /** Facts of the service, as of /console/fleets. */
  show(about) {
    this.#about = about;
    byId("foot-links").replaceChildren(...Object.entries(about.links).map(createLink));
    setHidden(byId("foot"), false);
    this.#state("");
  }

  /** A frame: the store's state, as of /readyz. */
  seen(store) {
    this.#state(`, ${store}`);
  }

  /** The code of an error instead of a frame. */
  trouble(code) {
    this.#state(code === UNREACHABLE ? ", not reachable" : ", state unknown");
  }

  #state(words) {
    if (!this.#about) return;
    setText(byId("foot-facts"), `SLTA ${this.#about.version} · store: ${this.#about.store}${words}`);
  }
}

/** A browser sends no key with a link: where keys are required the path is named. */
function createLink([name, url]) {
  if (name !== "Metrics" || !heldKey()) return element("li", {}, element("a", { href: url }, name));
  return element("li", {}, `${name}: `, element("code", {}, url), ", with a key");
}
