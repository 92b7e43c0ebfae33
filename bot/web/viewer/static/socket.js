/** A WebSocket that comes back by itself: soon at first, then more patiently. */

const FIRST_WAIT = 250;
const LONGEST_WAIT = 5000;
const SILENCE = 12_000; // a handshake that takes longer has failed

/**
 * `opened()` is called on every (re)connection, `received(frame)` for every JSON frame, `streamed(buffer)` for every binary one,
 * `lost(code)` when it breaks; a handler that calls `close()` ends it.
 */
export class Socket {
  #address;
  #handlers;
  #socket = null;
  #wait = FIRST_WAIT;
  #timer = 0;
  #over = false;

  constructor(path, handlers) {
    this.#address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    this.#handlers = handlers;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
    this.#connect();
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Send a frame if there is a connection; whether there was. */
  send(frame) {
    if (this.open) this.#socket.send(JSON.stringify(frame));
    return this.open;
  }

  /** Send 20 ms of a voice if there is a connection. */
  stream(buffer) {
    if (this.open) this.#socket.send(buffer);
  }

  close() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#address);
    const slow = setTimeout(() => socket.close(), SILENCE);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      clearTimeout(slow);
      this.#handlers.opened();
    };
    socket.onmessage = (event) => {
      this.#wait = FIRST_WAIT;
      if (typeof event.data === "string") this.#handlers.received(JSON.parse(event.data));
      else this.#handlers.streamed(event.data);
    };
    socket.onclose = (event) => {
      clearTimeout(slow);
      if (this.#socket === socket && !this.#over) this.#lost(event.code);
    };
  }

  #lost(code) {
    this.#handlers.lost(code);
    if (this.#over) return;
    this.#timer = setTimeout(() => this.#connect(), this.#wait * (0.75 + Math.random() / 2));
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  #hurry() {
    if (this.#over || this.#socket.readyState !== WebSocket.CLOSED) return;
    this.#wait = FIRST_WAIT;
    this.#connect();
  }
}
