// API client: key, requests, and error messages.

const KEY = "slta-key";
const TIMEOUT_MS = 10_000; // of a request without its own signal

export const heldKey = () => sessionStorage.getItem(KEY);
export const holdKey = (key) => sessionStorage.setItem(KEY, key);
export function forgetKey() {
  sessionStorage.removeItem(KEY);
  location.reload();
}

/** HTTP error response; `code` as in the problem document. */
export class Refused extends Error {
  constructor(status, { code, detail }) {
    super(detail ?? `The service answered ${status}.`);
    this.code = code;
    this.needsKey = status === 401 || status === 403;
  }
}

/** Also used for the stream, as EventSource cannot send a key. */
export async function request(path, { method = "GET", headers = {}, ...options } = {}) {
  const key = heldKey();
  const all = key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const init = { method, headers: all, cache: "no-store", credentials: "omit", signal, ...options };
  const response = await fetch(path, init);
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
  return response;
}

export const fetchRights = async () => (await request("/console/fleets")).json();
export const fetchOverview = async () => (await request("/console/overview")).json();
export const eventsPath = (fleet) => `/console/${fleet}/events`;

const poolPath = (fleet, poolId) => `/v1/fleets/${fleet}/pools/${encodeURIComponent(poolId)}`;

export const fetchPool = async (fleet, poolId) => (await request(poolPath(fleet, poolId))).json();

/** `verb` is drain or undrain. */
export const changePool = async (fleet, poolId, verb) =>
  (await request(`${poolPath(fleet, poolId)}/${verb}`, { method: "POST" })).json();

/** Changes only the policy; If-Match rejects concurrent changes of the fleet. */
export async function switchPolicy(fleet, policy) {
  const path = `/v1/fleets/${fleet}`;
  const current = await request(path);
  const body = JSON.stringify(withPolicy(readExactly(await current.text()), policy));
  const headers = { "Content-Type": "application/json", "If-Match": current.headers.get("ETag") };
  return (await request(path, { method: "PUT", headers, body })).json();
}

/** Omits pool counts, which would recreate removed pools. */
function withPolicy(document, policy) {
  const classes = document.classes.map(({ pools, ...others }) => others);
  return { ...document, policy, classes };
}

/** Keeps the source text of numbers: rounding would change a curve. */
function readExactly(text) {
  if (!JSON.rawJSON) return JSON.parse(text);
  return JSON.parse(text, (_, value, { source }) => (typeof value === "number" ? JSON.rawJSON(source) : value));
}
