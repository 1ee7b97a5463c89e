// <kava-scan>: the camera as a scanner, with the browser's own BarcodeDetector. It runs while it stands in the page and is
// seen; the camera's light is never on for nothing. Events: `kavacode` (detail: the text), `kavaend` (detail: why).
const FORMATS = ["qr_code", "code_128"];
const LOOKS_A_SECOND = 8;
// The same code within this time is the same gesture.
const REPEAT_MS = 2500;

class KavaScan extends HTMLElement {
  #stream;
  #timer;
  #alive = false;
  #last = { text: "", at: 0 };
  #hide = () => document.hidden && this.#end("hidden");

  connectedCallback() {
    this.#alive = true;
    document.addEventListener("visibilitychange", this.#hide);
    this.#start().catch((error) => this.#end(error.name === "NotAllowedError" ? "denied" : "no-camera"));
  }

  disconnectedCallback() {
    this.#stop();
  }

  async #start() {
    const known = await BarcodeDetector.getSupportedFormats();
    const detector = new BarcodeDetector({ formats: FORMATS.filter((format) => known.includes(format)) });
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
    });
    // It may have been taken out of the page while the question was open.
    if (!this.#alive) return stream.getTracks().forEach((track) => track.stop());
    this.#stream = stream;
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    this.replaceChildren(video);
    await video.play();
    const look = async () => {
      if (!this.#alive) return;
      try {
        const [code] = await detector.detect(video);
        if (code) this.#seen(code.rawValue);
      } catch {
        // A frame that cannot be read is followed by the next one.
      }
      this.#timer = setTimeout(look, 1000 / LOOKS_A_SECOND);
    };
    look();
  }

  #seen(text) {
    const at = performance.now();
    const again = text === this.#last.text && at - this.#last.at < REPEAT_MS;
    this.#last = { text, at };
    if (again || !text || !this.#alive) return;
    navigator.vibrate?.(40);
    this.dispatchEvent(new CustomEvent("kavacode", { detail: text }));
  }

  #end(why) {
    if (!this.#alive) return;
    this.#stop();
    this.dispatchEvent(new CustomEvent("kavaend", { detail: why }));
  }

  #stop() {
    this.#alive = false;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#hide);
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = undefined;
    this.replaceChildren();
  }
}

customElements.define("kava-scan", KavaScan);
