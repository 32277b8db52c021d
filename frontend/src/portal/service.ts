/** Talking to the service: JSON, with the page's token; failed requests are tried again. */

export interface TaskInHand {
  id: number;
  frame: string;
  seconds_left: number;
  active: number;
  draft: unknown;
}

/** Reasons for which no further task comes. */
const IS_OVER = ["over", "stopped", "failed"] as const;

export interface Handed {
  task: TaskInHand | null;
  ahead?: { id: number; frame: string } | null;
  /** Without a task: why there is none. */
  waiting?: "starting" | "others" | "answers" | "arrivals" | "objects" | (typeof IS_OVER)[number];
}

/** Whether no further task comes. */
export function isOver(handed: Handed): boolean {
  return IS_OVER.some((why) => why === handed.waiting);
}

/** The service has refused, and would refuse again. */
export class Refused extends Error {
  constructor(
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 8000;
const PATIENCE_MS = 40_000;

export class Service {
  /** Called with what keeps the service from answering, and with null when it answers again. */
  onTrouble: (reason: "not_saved" | "signed_out" | null) => void = () => {};

  constructor(
    private readonly path: string,
    private readonly token: string,
  ) {}

  /** Ask until there is an answer. Throws Refused if the service refuses. */
  async ask<T>(address: string, body: object, isWanted: () => boolean = () => true): Promise<T> {
    let pause = FIRST_PAUSE_MS;
    let hadTrouble = false;
    for (;;) {
      const trouble = await this.once<T>(address, body);
      if ("answer" in trouble) {
        if (hadTrouble) this.onTrouble(null);
        return trouble.answer;
      }
      if (!isWanted()) throw new Refused("given_up", "");
      hadTrouble = true;
      this.onTrouble(trouble.reason);
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, MAX_PAUSE_MS);
    }
  }

  private async once<T>(
    address: string,
    body: object,
  ): Promise<{ answer: T } | { reason: "not_saved" | "signed_out" }> {
    let response: Response;
    try {
      response = await fetch(`${this.path}/api${address}`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-labeling-portal": this.token },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (response.ok) return { answer: (await response.json()) as T };
      if (response.status === 401) return { reason: "signed_out" };
      if (response.status >= 500) return { reason: "not_saved" };
    } catch {
      return { reason: "not_saved" };
    }
    const refusal = (await response.json().catch(() => ({}))) as { refused?: string; message?: string };
    throw new Refused(refusal.refused ?? "invalid", refusal.message ?? `${response.status}`);
  }
}
