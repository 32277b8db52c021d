/** The way to the portal around the frame: one port, handed over once by the parent. */
import type { Answer } from "./control";
import type { Draft } from "./form";
import type { KeyEntry } from "./keys";
import type { FoundMask, MaskRequest, PromptKind } from "./mask-helper";

export interface Init {
  draft: Draft | null;
  language: string;
  keys: Record<string, string>;
  preview: boolean;
  theme: "light" | "dark" | "auto";
  /** Whether there is a submit button around the frame. */
  submits: boolean;
  /** The prompts from which the service makes masks. */
  masks: readonly PromptKind[];
}

interface PressedKey {
  key: string;
  code: string;
  ctrlKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  metaKey: boolean;
}

export type ToPortal =
  | { type: "ready"; keys: KeyEntry[]; elements: string[] }
  | { type: "change" | "submit"; answer: Answer; draft: Draft | null }
  | { type: "invalid"; message: string }
  | { type: "activity" }
  | ({ type: "key" } & PressedKey)
  | { type: "trouble"; message: string; url?: string }
  | { type: "refresh"; url: string }
  | { type: "mask"; id: number; asked: MaskRequest };

export type FromPortal =
  | { type: "submit" | "undo" | "redo" | "focus" }
  /** A key that was pressed while the portal had the keyboard. */
  | { type: "press"; pressed: PressedKey }
  | { type: "link"; url: string; fresh: string | null }
  | { type: "refused"; message: string }
  /** The mask of an object, or why there is none. */
  | { type: "mask"; id: number; result: FoundMask | string }
  /** The answer to the task before. */
  | { type: "before"; answer: Answer }
  | { type: "keys"; keys: Record<string, string> };

let port: MessagePort | undefined;

/** Resolves when the parent hands over the port; listens from now on, and to the parent alone. */
export function connect(hear: (message: FromPortal) => void): Promise<Init> {
  return new Promise((done) => {
    const listen = (event: MessageEvent) => {
      const [given] = event.ports;
      if (event.source !== window.parent || window.parent === window || event.data?.labeling !== "port" || !given)
        return;
      window.removeEventListener("message", listen);
      // Nobody else on the page is to have it.
      event.stopImmediatePropagation();
      port = given;
      given.addEventListener("message", ({ data }) => hear(data));
      given.start();
      const { draft = null, language = "", keys = {}, preview = false, theme = "auto" } = event.data;
      const { submits = false, masks = [] } = event.data;
      done({ draft, language, keys, preview, theme, submits, masks });
    };
    window.addEventListener("message", listen);
  });
}

export function send(message: ToPortal): void {
  port?.postMessage(message);
}

export function isConnected(): boolean {
  return port !== undefined;
}
