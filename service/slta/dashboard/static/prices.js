// Prices of places to a session of a type: of the class that it goes to, and of a better one that its price sets back.

import { amount, NONE, worth } from "./format.js";

/** The offer of the class that the next session goes to; undefined if it goes nowhere. */
export const chosenOf = ({ offers, places }) => offers.find((offer) => offer.pool_class === places[0]?.pool_class);

/** The price of an offer, the types that it is for and R, their sessions per place. */
export function priceOf(offer, unit) {
  if (!offer || offer.needed === null) return NONE;
  return `${worth(offer.price, unit)} for ${offer.needy_types.join(", ")}, R ${amount(offer.needed)}`;
}

/** The class that would be chosen without its price or reserve, if that is another one. */
export function setBackOf(next, unit) {
  const [best] = next.offers;
  if (!chosenOf(next) || best === chosenOf(next)) return NONE;
  if (best.kept_for.length) return `${best.pool_class}: its last places are kept for ${best.kept_for.join(", ")}`;
  return `${best.pool_class}: adds ${worth(best.marginal_utility, unit)}, less ${priceOf(best, unit)}`;
}
