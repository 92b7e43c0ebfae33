/** The browser's own speech recognition, where it has one: for avatars that would repeat what they hear. */

const Recognition = globalThis.SpeechRecognition ?? globalThis.webkitSpeechRecognition;

export const recognises = Boolean(Recognition);
export const CANNOT = "This browser recognises no speech, which speaking aloud to this avatar needs: Chrome, Edge and Safari do.";

const REFUSED = {
  "not-allowed": "The microphone is not allowed. Allow it beside the address of this page, then press again.",
  "audio-capture": "No microphone was found. Connect one, then press again.",
  network: "The browser's speech recognition cannot be reached. Please write instead.",
  "language-not-supported": "The browser does not recognise this language. Please write instead.",
};

export class SpeechWords {
  #handlers;
  #running = null;
  #said = "";

  /** `heard(text)` is called as words are recognised, `began()` when somebody is heard to speak, `failed(sentence)` when it cannot go on. */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  get running() {
    return Boolean(this.#running);
  }

  /** Go on, where it runs. */
  begin(language) {
    if (this.#running) return;
    const running = new Recognition();
    this.#running = running;
    this.#said = "";
    Object.assign(running, { continuous: true, interimResults: true, lang: language || navigator.language });
    running.onspeechstart = () => this.#handlers.began();
    running.onresult = ({ results }) => {
      this.#said = Array.from(results, ([best]) => best.transcript).join(" ").replace(/\s+/g, " ").trim();
      this.#handlers.heard(this.#said);
    };
    running.onerror = ({ error }) => error !== "no-speech" && error !== "aborted" && this.#handlers.failed(REFUSED[error] ?? "Speech could not be recognised. Please write instead.");
    running.start();
  }

  /** What was said, once all of it is recognised. */
  end() {
    const running = this.#running;
    this.#running = null;
    if (!running) return Promise.resolve("");
    return new Promise((resolve) => {
      const late = setTimeout(() => running.onend(), 2000);
      running.onend = () => {
        clearTimeout(late);
        resolve(this.#said);
      };
      running.stop();
    });
  }
}
