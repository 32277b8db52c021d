/** A task's page in its sandboxed frame, and the port that leads to it. */

import type { KeyPress } from "./shortcuts";

export interface FrameKey {
  command: string;
  label: string;
  key: string;
}

export type FromFrame =
  | { type: "ready"; keys?: FrameKey[] }
  | { type: "change"; answer: unknown; draft: unknown }
  | { type: "submit"; answer: unknown; draft: unknown }
  | { type: "invalid"; message: string }
  | { type: "activity" }
  | ({ type: "key" } & KeyPress)
  | { type: "trouble"; message: string; url?: string }
  | { type: "refresh"; url: string }
  | { type: "mask"; id: number; asked: unknown };

export interface FrameStart {
  draft: unknown;
  language: string;
  keys: Record<string, string>;
  /** The prompts from which the service makes masks. */
  masks: readonly string[];
}

const SANDBOX = "allow-scripts allow-forms allow-modals";
const MAX_SILENT_MS = 20_000;
const REMOVED_AFTER_MS = 500;
/** How long a loaded page may be silent before it is loaded again; doubled each time. */
const LOAD_AGAIN_MS = 5_000;
const ASK_AGAIN_MS = 2_000;

export class TaskFrame {
  readonly element = document.createElement("iframe");
  keys: FrameKey[] = [];
  isReady = false;
  private isShown = false;
  private readonly hasDraft: boolean;
  onMessage: (message: FromFrame) => void = () => {};
  private port: MessagePort | undefined;
  private unsent: object[] = [];
  private silent: ReturnType<typeof setTimeout> | undefined;

  /** Load the page of a task, unseen at first. */
  constructor(
    readonly task: number,
    address: string,
    title: string,
    start: FrameStart,
    onSilent: () => void,
  ) {
    const { element } = this;
    element.setAttribute("sandbox", SANDBOX);
    element.title = title;
    element.dataset.task = String(task);
    element.inert = true;
    // Until the page is ready, with its draft restored.
    element.ariaBusy = "true";
    this.hasDraft = start.draft !== null;
    this.awaitWord(onSilent);
    let patience = LOAD_AGAIN_MS;
    element.addEventListener("load", () => {
      // The page may be the browser's own, because the service did not answer.
      setTimeout(() => void this.loadAgain(address, onSilent), patience);
      patience *= 2;
      const channel = new MessageChannel();
      this.port?.close();
      this.port = channel.port1;
      this.port.onmessage = (event: MessageEvent) => {
        const message = event.data as FromFrame;
        if (typeof message !== "object" || message === null) return;
        if (message.type === "ready") {
          clearTimeout(this.silent);
          this.isReady = true;
          element.ariaBusy = "false";
          this.open();
          this.keys = Array.isArray(message.keys) ? message.keys.slice(0, 200) : [];
        }
        this.onMessage(message);
      };
      element.contentWindow?.postMessage(
        { labeling: "port", preview: false, theme: "auto", submits: true, ...start },
        "*",
        [channel.port2],
      );
      for (const message of this.unsent.splice(0)) this.port.postMessage(message);
    });
    element.src = address;
  }

  /** Call a function if the page says nothing for too long. */
  private awaitWord(onSilent: () => void): void {
    clearTimeout(this.silent);
    this.silent = setTimeout(() => !this.isReady && onSilent(), MAX_SILENT_MS);
  }

  /** Load the page once more, as soon as the service answers, if there is none yet. */
  private async loadAgain(address: string, onSilent: () => void): Promise<void> {
    while (!this.isReady && this.element.isConnected) {
      const answers = await fetch(address).then(
        (reply) => reply.status < 500,
        () => false,
      );
      // The page may have spoken meanwhile, and somebody may be at work on it.
      if (this.isReady) return;
      if (answers) {
        this.element.src = address;
        return;
      }
      // The task is not to blame, and nobody should decline it.
      this.awaitWord(onSilent);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  send(message: object): void {
    if (this.port) this.port.postMessage(message);
    else this.unsent.push(message);
  }

  show(): void {
    this.isShown = true;
    this.element.classList.add("shown");
    this.open();
  }

  /** Let the person work on it, but not before a draft has arrived, which would replace the work. */
  private open(): void {
    this.element.inert = !this.isShown || (this.hasDraft && !this.isReady);
  }

  /** Give the task the keyboard. */
  focus(): void {
    this.element.focus();
    this.send({ type: "focus" });
  }

  /** Hide the task now, and remove it soon: the key that has submitted it is still to be released in its frame. */
  remove(): void {
    this.port?.close();
    this.element.classList.remove("shown");
    setTimeout(() => this.element.remove(), REMOVED_AFTER_MS);
  }
}
