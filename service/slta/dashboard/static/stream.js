// Event stream of one fleet: reconnects with backoff, and stops only if the key is rejected.

import { eventsPath, request } from "./service.js";

const SILENCE_MS = 8000; // the service sends at least a comment every three seconds
const SHORTEST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

export class Stream {
  #stopped = new AbortController();

  /** `on.event(name, value)`, `on.broken(reason)`, `on.refused(refusal)`. */
  constructor(fleet, on) {
    this.#keepOpen(fleet, on);
  }

  stop() {
    this.#stopped.abort();
  }

  async #keepOpen(fleet, on) {
    let pause = SHORTEST_PAUSE_MS;
    while (!this.#stopped.signal.aborted) {
      const started = performance.now();
      const failure = await this.#readToEnd(fleet, on);
      if (this.#stopped.signal.aborted) return;
      if (failure?.needsKey) return on.refused(failure);
      if (performance.now() - started > LONGEST_PAUSE_MS) pause = SHORTEST_PAUSE_MS;
      if (failure) on.broken(failure);
      await this.#sleep(pause * (0.75 + Math.random() / 2));
      pause = Math.min(pause * 1.6, LONGEST_PAUSE_MS);
    }
  }

  /** The error that broke the stream; null if the service ended it. */
  async #readToEnd(fleet, on) {
    const silence = new Silence();
    const signal = AbortSignal.any([this.#stopped.signal, silence.signal]);
    try {
      const response = await request(eventsPath(fleet), { signal, headers: { Accept: "text/event-stream" } });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      await readEvents(reader, silence, on);
      return null;
    } catch (failure) {
      return failure;
    } finally {
      silence.end();
    }
  }

  #sleep(milliseconds) {
    return new Promise((resolve) => {
      setTimeout(resolve, milliseconds);
      this.#stopped.signal.addEventListener("abort", resolve, { once: true });
    });
  }
}

/** Reads server-sent events to the end. Comments, which have no data, are dropped. */
async function readEvents(reader, silence, on) {
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    silence.broken();
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const { name, data } of blocks.map(readBlock)) if (data) on.event(name, JSON.parse(data));
  }
}

function readBlock(block) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return { name, data: data.join("\n") };
}

/** Read timeout: aborts a silent stream, as a half-open connection raises no error. */
class Silence extends AbortController {
  #timer;

  constructor() {
    super();
    this.broken();
  }

  broken() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.abort(), SILENCE_MS);
  }

  end() {
    clearTimeout(this.#timer);
  }
}
