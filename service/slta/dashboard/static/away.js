// Pools that are not active: what somebody looks for first in a large fleet.

import { drawList, element, setHidden, setText } from "./dom.js";
import { count, plural } from "./format.js";
import { inactive } from "./model.js";

const MOST = 12;

/** Buttons that select a pool; `onSelect` gets its id. */
export function drawAway(root, { away, state }, onSelect) {
  setHidden(root, !away.length);
  if (!root.children.length) {
    const list = element("div", { class: "away" });
    list.addEventListener("click", ({ target }) => target.dataset.pool && onSelect(target.dataset.pool));
    root.append(element("strong", {}, "Not active:"), list, element("span", { class: "hint" }));
  }
  const [, list, more] = root.children;
  drawList(list, away.slice(0, MOST), () => element("button", { type: "button" }), drawButton);
  const others = inactive(state.pools) - Math.min(away.length, MOST);
  setText(more, others > 0 ? `and ${count(others)} more` : "");
}

function drawButton(node, { pool_id: id, status, occupancy }) {
  node.dataset.pool = id;
  setText(node, occupancy ? `${id} · ${status}, ${plural(occupancy, "session")}` : `${id} · ${status}`);
}
