// Prices of places to a session of a type, in words: why its class is chosen, and why a better one is not.

import { byId, drawList, element, setHidden, setText } from "./dom.js";
import { amount, count, plural, worth } from "./format.js";

const hasPrice = ({ needed }) => needed !== null;

/** The prices of all classes in one line, with those that they are for and R, their sessions per place. */
export function priceList({ next, unit }) {
  const words = ({ pool_class: name, price, needy_types: types, needed }) =>
    `${name} ${worth(price, unit)} for ${types.join(", ")}, R ${amount(needed)}`;
  return next.offers.filter(hasPrice).map(words).join("; ");
}

/** Where the next session goes: `sentence`, or in a fleet with session types a list with a reason for each. */
export function drawNext(sentence, types) {
  setText(byId("next-placement"), types.length ? "" : sentence);
  setHidden(byId("next-by-type"), !types.length);
  drawList(
    byId("next-by-type"),
    types,
    () => element("li", {}, element("b"), element("span")),
    ({ firstChild: name, lastChild: words }, one) => {
      setText(name, one.name);
      setText(words, `: ${[one.next.sentence, ...reasons(one)].join(" ")}`);
    },
  );
}

/** The price of the chosen class, and of the best one if that is another, which its price or reserve sets back. */
function reasons({ next, unit }) {
  const [best] = next.offers;
  const chosen = next.offers.find((offer) => offer.pool_class === next.places[0]?.pool_class);
  if (!chosen) return [];
  const found = [`${chosen.pool_class} ${priceWords(chosen, unit)}.`];
  if (best !== chosen) found.push(setBack(best, unit));
  return found;
}

function setBack(best, unit) {
  const { pool_class: name, kept_for: types } = best;
  if (types.length) return `The last places of ${name} are kept for ${types.join(" and ")}, which have no other.`;
  return `Without its price it would be ${name}, which ${priceWords(best, unit)}.`;
}

function priceWords(offer, unit) {
  if (!hasPrice(offer)) return `adds ${worth(offer.marginal_utility, unit)} and has no price`;
  const { needy_sessions: needy, needy_types: types, room, holes, needed } = offer;
  const left = worth(offer.marginal_utility - offer.price, unit);
  return (
    `adds ${worth(offer.marginal_utility, unit)} less a price of ${worth(offer.price, unit)}, so ${left}: ` +
    `${plural(needy, "session")} of ${types.join(" and ")} would find less elsewhere than this one, ` +
    `R = ${amount(needed)}${needy > room ? " (at most 1)" : ""} of the ${plural(room, "place")} ` +
    "that it prefers here, " +
    `which are ${holes > 1 ? count(holes) : "at most 1"} more than the class has sessions`
  );
}
