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
