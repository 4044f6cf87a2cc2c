// A stream of the server as this tab gets it. All tabs of a browser share one connection: with HTTP/1.1 a browser opens only six to one
// server, so with six pages open no further page would load.
//
// The tab that holds a lock leads: it has the connection, and hands on what comes through a BroadcastChannel. The others wait for the lock
// and listen. When the leader is closed, crashes or loses its stream, the next tab gets the lock and goes on after the last event that it
// has heard. Each message names the event before it, so a tab notices when it has missed one.

import { canLock, Lock } from "./live-lock.js";
import { Stream } from "./live-stream.js";

// A leader that does not answer for this time is frozen, although it holds the lock. Then the lock is taken from it.
const MUTE_SECONDS = 3;
// So is a leader from which this many signs of life are missing. It notices a silent stream earlier itself (live-stream.js).
const MISSED = 4;
const SLACK_SECONDS = 3;
// How long the tabs count as connected while the next one takes over.
const HANDOVER_SECONDS = 2;
// How long a tab waits for a leader that opens its stream: a little longer than the leader itself.
const OPEN_SECONDS = 12;

const canShare = canLock && "BroadcastChannel" in window;

/**
 * Starts at once. path: the address of the stream. name: tabs with the same name share. onOpen(): what comes from now on is handed on. onBlock({id, event, data}): an event,
 * or only its id; the event `reset` means that events were missed. onEnd(error): the feed is lost; not called after close().
 */
export class Feed {
  isOpen = false;
  #path;
  #name;
  #token;
  #lastId;
  #onOpen;
  #onBlock;
  #onEnd;
  #channel = null;
  #lock = null;
  #stream = null;
  #isLeading = false;
  // When this tab began to wait for the leader, or to lead; when it last heard the leader; when the leader began to open (ms; 0: it is open).
  #since = Date.now();
  #heard = 0;
  #opening = 0;
  #interval = 1;
  #watching = 0;

  constructor({ path, name, token, lastId, onOpen, onBlock, onEnd }) {
    this.#path = path;
    this.#name = name;
    this.#token = token;
    this.#lastId = lastId;
    this.#onOpen = onOpen;
    this.#onBlock = onBlock;
    this.#onEnd = onEnd;
    if (!canShare) {
      this.#lead();
      return;
    }
    this.#channel = new BroadcastChannel(name);
    this.#channel.addEventListener("message", ({ data }) => this.#hear(data));
    this.#watching = setInterval(() => this.#watch(), 250);
    this.#post({ type: "hello" });
    this.#lock = new Lock(name, () => this.#lead(), () => this.#end(new Error("taken over")));
  }

  close() {
    this.#onOpen = this.#onBlock = this.#onEnd = null;
    this.isOpen = false;
    clearInterval(this.#watching);
    this.#stream?.close();
    this.#lock?.release();
    this.#channel?.close();
    this.#channel = null;
  }

  #takeLock() {
    this.#since = this.#heard = Date.now();
    this.#lock.steal();
  }

  #lead() {
    this.#isLeading = true;
    this.#since = Date.now();
    this.#opening = this.#since;
    this.#post({ type: "opening" });
    this.#stream = new Stream({
      path: this.#path,
      lastId: this.#lastId,
      token: this.#token,
      onOpen: (interval) => { this.#interval = interval; },
      onBlock: (block) => this.#handOn(block),
      onEnd: (error) => this.#end(error),
    });
  }

  /** The leader has received a block. */
  #handOn({ id, event, data }) {
    const previous = this.#lastId;
    this.#lastId = id || previous;
    this.#opening = 0;
    const block = { id: this.#lastId, event, data };
    this.#post(event || data ? { type: "block", previous, block } : this.#sign());
    this.#opened();
    this.#onBlock?.(block);
  }

  /** A tab has received a message of the leader, or another tab's question for it. */
  #hear({ type, id, interval, previous, block }) {
    if (type === "hello") {
      if (this.#isLeading) this.#post(this.#opening ? { type: "opening" } : this.#sign());
      return;
    }
    // For a moment there may be two leaders, if the lock was taken from one that was frozen.
    if (this.#isLeading) return;
    this.#heard = Date.now();
    if (type === "opening") {
      this.#opening ||= this.#heard;
      return;
    }
    this.#opening = 0;
    if (type === "alive") {
      this.#interval = interval;
      this.#catchUp(id);
      this.#onBlock?.({ id: this.#lastId, event: "", data: "" });
    } else if (block.event === "reset") {
      this.#lastId = block.id;
      this.#onBlock?.(block);
    } else {
      this.#catchUp(previous);
      // A new leader may begin with events that this tab has heard of the former one.
      if (Number(block.id) > Number(this.#lastId)) {
        this.#lastId = block.id;
        this.#onBlock?.(block);
      }
    }
    this.#opened();
  }

  /** The leader is at this event. If this tab has not heard of it, it has missed some. */
  #catchUp(id) {
    if (this.#lastId && Number(id) > Number(this.#lastId)) this.#onBlock?.({ id, event: "reset", data: "" });
    if (!this.#lastId || Number(id) > Number(this.#lastId)) this.#lastId = id;
  }

  #opened() {
    if (this.isOpen || !this.#onOpen) return;
    this.isOpen = true;
    this.#onOpen();
  }

  #watch() {
    const seconds = (since) => (Date.now() - since) / 1000;
    if (this.isOpen && this.#opening) {
      if (seconds(this.#opening) > HANDOVER_SECONDS) this.#end(new Error("lost"));
    } else if (this.#isLeading) {
      // The stream watches itself.
    } else if (this.isOpen) {
      if (seconds(this.#heard) > MISSED * this.#interval + SLACK_SECONDS) this.#takeLock();
    } else if (this.#heard) {
      if (seconds(this.#since) > OPEN_SECONDS) this.#end(new Error("no answer"));
    } else if (seconds(this.#since) > MUTE_SECONDS) this.#takeLock();
  }

  #sign() {
    return { type: "alive", id: this.#lastId, interval: this.#interval };
  }

  #post(message) {
    this.#channel?.postMessage(message);
  }

  #end(error) {
    const onEnd = this.#onEnd;
    this.close();
    onEnd?.(error);
  }
}

/** Calls onFound() once a tab of this name leads with an open stream. Returns a function that ends the watch. */
export function watchForLeader(name, onFound) {
  if (!canShare) return () => {};
  const channel = new BroadcastChannel(name);
  channel.addEventListener("message", ({ data }) => data.type !== "hello" && data.type !== "opening" && onFound());
  return () => channel.close();
}
