// Number formatting.

const formats = new Map();

function format(decimals) {
  if (!formats.has(decimals)) {
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    formats.set(decimals, new Intl.NumberFormat("en", digits));
  }
  return formats.get(decimals);
}

export const NONE = "–";

/** A true minus sign, and no negative zero. */
export function fixed(value, decimals) {
  if (value === null || value === undefined) return NONE;
  const text = format(decimals).format(value).replace("-", "−");
  return /^−[0.,]*$/.test(text) ? text.slice(1) : text;
}

/** Of pools, sessions or tokens: a negative count is wrong, whatever else is. */
export const count = (value) => fixed(value, 0) + (value < 0 ? " (damaged: audit)" : "");

/** About four digits: 9.173, 91.73, 917.3, 9,173. */
export function amount(value) {
  const size = Math.abs(value);
  return fixed(value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3);
}

/** An amount of utility in the fleet's unit, if it names one. */
export const worth = (value, unit) => (unit && value !== null ? `${amount(value)} ${unit}` : amount(value));

/** A fraction as percent, with enough digits to distinguish a small gap from 0. */
export function percent(fraction) {
  if (fraction === null || fraction === undefined) return NONE;
  const value = Math.abs(fraction) < 1e-9 ? 0 : fraction * 100;
  if (value === 0) return "0 %";
  if (value > 0 && value < 0.0005) return "< 0.001 %";
  return `${fixed(value, Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3)} %`;
}

export const rate = (perSecond) => fixed(perSecond, perSecond === null || perSecond >= 100 ? 0 : 1);

export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
