// A chime, such as for new invoices. The user switches it on or off, and the device remembers that. A browser plays sound only after the user has
// clicked or pressed a key on the page, so after a reload the chime starts working with the first such event.

import { find, recall, remember } from "./live-format.js";

// There is at most one chime in this time, however many invoices arrive.
const PAUSE_MS = 1500;
// The frequency in Hz and the start in seconds of each note.
const CHIME = [[880, 0], [1174.7, 0.12]];
const LOUDNESS = 0.18;
const RINGS_SECONDS = 0.35;

export class Sound {
  #button;
  #notes;
  #context = null;
  #last = 0;

  /** name: of the button and of the setting. isOn: whether it is on until the user switches it. */
  constructor({ name = "sound", notes = CHIME, isOn = false } = {}) {
    this.#button = find(name);
    this.#notes = notes;
    this.#set((recall(name) || (isOn ? "on" : "off")) === "on");
    this.#button.addEventListener("click", () => {
      this.#set(!this.#isOn);
      remember(name, this.#isOn ? "on" : "off");
      this.#wake();
      this.ring();
    });
    for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, () => this.#wake());
  }

  ring() {
    if (!this.#isOn || this.#context?.state !== "running" || Date.now() - this.#last < PAUSE_MS) return;
    this.#last = Date.now();
    for (const [pitch, delay] of this.#notes) this.#play(pitch, this.#context.currentTime + delay);
  }

  get #isOn() {
    return this.#button.getAttribute("aria-pressed") === "true";
  }

  #set(isOn) {
    this.#button.setAttribute("aria-pressed", String(isOn));
  }

  #wake() {
    if (!this.#isOn) return;
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") this.#context.resume();
  }

  #play(pitch, start) {
    const note = new OscillatorNode(this.#context, { frequency: pitch });
    const volume = new GainNode(this.#context, { gain: 0 });
    volume.gain.setValueAtTime(LOUDNESS, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + RINGS_SECONDS);
    note.connect(volume).connect(this.#context.destination);
    note.start(start);
    note.stop(start + RINGS_SECONDS);
  }
}
