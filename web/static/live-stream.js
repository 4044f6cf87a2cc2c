// One connection to a stream of the server. It is read with fetch, because EventSource hides three things: the comments that keep the
// connection alive, without which a relay that swallows everything looks like a quiet day; the HTTP status; and when it gives up. Also,
// the token goes into a header and not into the address, where logs would show it.

// A connection that is not open after this time is given up.
const OPEN_SECONDS = 10;
// A stream that has missed two signs of life is lost. The slack is for their own delay.
const MISSED = 2;
const SLACK_SECONDS = 1.5;
// The interval of the signs of life, if something between has removed the header that tells it.
const UNKNOWN_INTERVAL = 15;

// The number of connections to one server that a browser keeps open for further requests, and how long each is tried once one is lost.
const KEPT = 6;
const PROBE_MS = 1500;
const PROBED = "/static/favicon.svg";

/** The server has answered, but not with a stream. */
export class StreamRefused extends Error {
  constructor(status) {
    super(`status ${status}`);
    this.status = status;
  }
}

/**
 * Opens at once. path: the address of the stream. onOpen(interval): the server sends a sign of life after each `interval` seconds of silence. onBlock({id, event, data}):
 * what has come, also a mere sign of life, all of whose members are "". onEnd(error): it is lost, or was refused; not called after close().
 */
export class Stream {
  #onOpen;
  #onBlock;
  #onEnd;
  #abort = new AbortController();
  #interval = 0;
  #heard = Date.now();
  #watching = setInterval(() => this.#watch(), 250);

  constructor({ path, lastId, token, onOpen, onBlock, onEnd }) {
    this.#onOpen = onOpen;
    this.#onBlock = onBlock;
    this.#onEnd = onEnd;
    this.#read(path, lastId, token).then(() => this.#end(new Error("lost")), (error) => this.#end(error));
  }

  close() {
    clearInterval(this.#watching);
    this.#onEnd = null;
    this.#abort.abort();
  }

  async #read(path, lastId, token) {
    const headers = { Accept: "text/event-stream" };
    if (lastId) headers["Last-Event-ID"] = lastId;
    if (token) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(path, { headers, cache: "no-store", signal: this.#abort.signal });
    if (!response.ok) throw new StreamRefused(response.status);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.#heard = Date.now();
      if (!this.#interval) {
        this.#interval = Number(response.headers.get("X-Keep-Alive-Seconds")) || UNKNOWN_INTERVAL;
        this.#onOpen(this.#interval);
      }
      // The server ends lines with LF alone, and a block with an empty line.
      const searched = Math.max(0, text.length - 1);
      text += value;
      if (text.indexOf("\n\n", searched) < 0) continue;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) if (this.#onEnd) this.#onBlock(fields(block));
    }
  }

  #watch() {
    const silent = (Date.now() - this.#heard) / 1000;
    if (silent <= (this.#interval ? MISSED * this.#interval + SLACK_SECONDS : OPEN_SECONDS)) return;
    this.#end(new Error("silent"));
    giveUpKeptConnections();
  }

  #end(error) {
    const onEnd = this.#onEnd;
    this.close();
    onEnd?.(error);
  }
}

/** Whatever has swallowed the stream has swallowed the browser's other connections too, and the next requests would wait on them. A request
    that is given up closes its connection. */
function giveUpKeptConnections() {
  const signal = AbortSignal.timeout(PROBE_MS);
  for (let n = 0; n < KEPT; n += 1) fetch(PROBED, { cache: "no-store", signal }).catch(() => {});
}

function fields(block) {
  const found = { id: "", event: "", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(id|event|data): ?(.*)$/s.exec(line) ?? [];
    if (name) found[name] = value;
  }
  return found;
}
