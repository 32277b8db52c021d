/** The task page: one task after the other, the next one loaded ahead; whatever happens, no work is lost. */

import { askFor, showKeys } from "./dialogs";
import { type FromFrame, TaskFrame } from "./frame";
import { type Handed, isOver, Refused, Service, type TaskInHand } from "./service";
import { commandOf, type KeyPress } from "./shortcuts";

export interface Start {
  job: number;
  path: string;
  token: string;
  language: string;
  /** Of the page's own commands; what the person has changed is in `keys`. */
  page_keys: Record<string, string>;
  keys: Record<string, string>;
  words: Record<string, string>;
  person: string;
  /** The prompts from which the service makes masks. */
  masks: readonly string[];
}

const SAVE_AFTER_MS = 300;
const IDLE_AFTER_MS = 60_000;
const WAIT_SECONDS = 25;
const LOOK_AFTER_MS = 15_000;
/** The message for a task that has ended, by the service's reason. */
const ENDS: Record<string, string> = {
  late: "time_over",
  done: "answered_before",
  expired: "task_expired",
  stopped: "job_over",
  gone: "job_over",
};
const MOVES = ["report", "release", "decline", "submit"] as const;

/** A task as this page works on it. */
interface TaskWork {
  task: TaskInHand;
  frame: TaskFrame;
  deadline: number;
  /** Seconds of active work. */
  active: number;
  draft: unknown;
  /** How many changes there were, and how many of them the service has. */
  changes: number;
  saved: number;
  isOver: boolean;
  isJobOver: boolean;
  isSubmitting: boolean;
}

export class TaskPage {
  private readonly service: Service;
  private readonly words: Record<string, string>;
  private work: TaskWork | undefined;
  private ahead: TaskFrame | undefined;
  private isSaving = false;
  /** The last answer that this page has submitted. */
  private last: unknown;
  private lastInput = performance.now();
  private lastTick = performance.now();
  private lastLook = performance.now();
  private readonly frames = element("frames");
  private readonly waiting = element("waiting");
  private readonly state = element("state");
  private readonly clock = element("clock");
  private readonly dialog = element("dialog") as HTMLDialogElement;

  constructor(private readonly start: Start) {
    this.words = start.words;
    this.service = new Service(start.path, start.token);
    this.service.onTrouble = (reason) => this.say(reason ? this.word(reason) : this.word("saved"), reason !== null);
  }

  async run(): Promise<void> {
    for (const type of ["pointerdown", "keydown", "wheel", "touchstart"]) {
      document.addEventListener(type, () => this.noteInput(), { passive: true, capture: true });
    }
    document.addEventListener("keydown", (event) => {
      if (this.dialog.open || isField(event.target)) return;
      if (this.press(event)) event.preventDefault();
      else this.pass(event);
    });
    for (const command of ["undo", "redo", "shortcuts", ...MOVES]) {
      element(command).addEventListener("click", () => this.do(command));
    }
    element("stop").addEventListener("click", (event) => {
      event.preventDefault();
      this.do("stop");
    });
    // Keys are for the task again.
    this.dialog.addEventListener("close", () => this.work?.frame.focus());
    addEventListener("pagehide", () => this.keep());
    setInterval(() => this.tick(), 1000);
    await this.fetchNext(0);
  }

  // What comes next

  private async fetchNext(wait: number): Promise<void> {
    for (let seconds = wait; ; seconds = WAIT_SECONDS) {
      let handed: Handed;
      try {
        handed = await this.service.ask<Handed>(`/jobs/${this.start.job}/next`, { wait: seconds });
      } catch (error) {
        this.say(error instanceof Refused ? error.message : String(error), true);
        return;
      }
      if (this.take(handed) || isOver(handed)) return;
    }
  }

  /** Show what was handed out; returns whether there is a task. */
  private take(handed: Handed): boolean {
    this.work?.frame.remove();
    this.work = undefined;
    const { task } = handed;
    this.enable(task !== null);
    element("stop").textContent = this.word(task ? "stop" : "back_to_jobs");
    if (!task) {
      this.dropAhead();
      this.waiting.textContent = this.word(`wait_${handed.waiting ?? "objects"}`);
      this.waiting.hidden = false;
      this.clock.textContent = "";
      this.say("");
      return false;
    }
    const recalled = this.recall(task.id);
    // A killed browser may have lost its last steps, so the service may have a later draft.
    const kept = versionOf(recalled) >= versionOf(task.draft) ? recalled : null;
    const draft = kept ?? task.draft;
    const loaded = this.ahead?.task === task.id && draft === null ? this.ahead : undefined;
    if (loaded) this.ahead = undefined;
    else this.dropAhead();
    const frame = loaded ?? this.load(task.id, task.frame, draft);
    this.work = {
      task,
      frame,
      deadline: performance.now() + task.seconds_left * 1000,
      active: task.active,
      draft,
      changes: kept === null ? 0 : 1,
      saved: 0,
      isOver: false,
      isJobOver: false,
      isSubmitting: false,
    };
    frame.onMessage = (message) => this.hear(frame, message);
    frame.show();
    if (this.last !== undefined) frame.send({ type: "before", answer: this.last });
    this.waiting.hidden = true;
    this.say("");
    frame.focus();
    this.tick();
    if (kept !== null) this.saveSoon();
    const { ahead } = handed;
    if (ahead && ahead.id !== task.id) this.ahead = this.load(ahead.id, ahead.frame, null);
    return true;
  }

  private load(task: number, address: string, draft: unknown): TaskFrame {
    const { language, keys, masks } = this.start;
    const start = { draft, language, keys, masks };
    const frame = new TaskFrame(task, address, this.word("task"), start, () => {
      if (this.work?.frame === frame) this.say(this.word("frame_failed"), true);
    });
    this.frames.append(frame.element);
    return frame;
  }

  private dropAhead(): void {
    this.ahead?.remove();
    this.ahead = undefined;
  }

  // What the person does

  private hear(frame: TaskFrame, message: FromFrame): void {
    const { work } = this;
    if (!work || work.frame !== frame) return;
    switch (message.type) {
      case "ready":
        if (this.state.textContent === this.word("frame_failed")) this.say("");
        // While the frame was loading, it could have lost the keyboard.
        if (!this.dialog.open) frame.focus();
        break;
      case "activity":
        this.noteInput();
        break;
      case "key":
        this.noteInput();
        this.press(message);
        break;
      case "change":
        work.draft = numbered(message.draft, versionOf(work.draft) + 1);
        work.changes += 1;
        this.remember(work);
        // The message about its end stays.
        if (!work.isOver) this.say("");
        this.saveSoon();
        break;
      case "submit":
        work.draft = numbered(message.draft, versionOf(work.draft) + 1);
        void this.submit(work, message.answer);
        break;
      case "invalid":
        this.say(message.message, true);
        break;
      case "trouble":
        this.say(this.word("broken_file"), true);
        break;
      case "refresh":
        void this.refreshLink(work, message.url);
        break;
      case "mask":
        void this.makeMask(work, message.id, message.asked);
        break;
      default:
        break;
    }
  }

  private press(pressed: KeyPress): boolean {
    const command = commandOf(pressed, this.pageKeys());
    if (command) this.do(command);
    return command !== undefined;
  }

  /** Pass keys that are not this page's to the task, wherever the focus is; but Enter and Space press a button. */
  private pass(event: KeyboardEvent): void {
    const isButtons = event.target instanceof Element && event.target.matches("button, a, summary");
    if (event.isComposing || (isButtons && /^(Enter| )$/.test(event.key))) return;
    const { key, code, ctrlKey, altKey, shiftKey, metaKey } = event;
    this.work?.frame.send({ type: "press", pressed: { key, code, ctrlKey, altKey, shiftKey, metaKey } });
  }

  private do(command: string): void {
    const { work } = this;
    if (command === "stop") void this.stop();
    else if (command === "shortcuts") this.showKeys();
    else if (!work) return;
    else if (command === "submit") work.isOver ? this.goOn(work) : work.frame.send({ type: "submit" });
    else if (command === "undo" || command === "redo") work.frame.send({ type: command });
    else if (command === "decline") void this.decline(work);
    else if (command === "release") void this.release(work);
    else if (command === "report") void this.report(work);
  }

  private async submit(work: TaskWork, answer: unknown): Promise<void> {
    if (work.isSubmitting || work.isOver) return;
    work.isSubmitting = true;
    this.enable(false);
    this.remember(work);
    try {
      const handed = await this.service.ask<Handed>(
        `/tasks/${work.task.id}/submit`,
        { answer, active: work.active, job: this.start.job },
        () => this.work === work,
      );
      this.forget(work);
      this.last = answer;
      if (!this.take(handed) && !isOver(handed)) await this.fetchNext(WAIT_SECONDS);
    } catch (error) {
      work.isSubmitting = false;
      this.enable(true);
      this.refused(work, error);
    }
  }

  private async decline(work: TaskWork): Promise<void> {
    const reason = await askFor(this.dialog, this.words, {
      title: this.word("decline_title"),
      text: this.word("decline_text"),
      field: this.word("decline_reason"),
      yes: this.word("decline"),
    });
    if (reason === null || this.work !== work) return;
    try {
      const handed = await this.service.ask<Handed>(`/tasks/${work.task.id}/decline`, {
        reason,
        job: this.start.job,
      });
      this.forget(work);
      if (!this.take(handed) && !isOver(handed)) await this.fetchNext(WAIT_SECONDS);
    } catch (error) {
      this.refused(work, error);
    }
  }

  private async release(work: TaskWork): Promise<void> {
    const sure = await askFor(this.dialog, this.words, {
      title: this.word("release_title"),
      text: this.word("release_text"),
      yes: this.word("release"),
    });
    if (sure === null || this.work !== work) return;
    try {
      await this.service.ask(`/tasks/${work.task.id}/release`, {});
      this.forget(work);
      location.assign(`${this.start.path}/`);
    } catch (error) {
      this.refused(work, error);
    }
  }

  private async report(work: TaskWork): Promise<void> {
    const text = await askFor(this.dialog, this.words, {
      title: this.word("report_title"),
      text: this.word("report_text"),
      field: this.word("report_field"),
      yes: this.word("send"),
      required: true,
    });
    if (text === null) return;
    try {
      await this.service.ask(`/tasks/${work.task.id}/remark`, { text });
      this.say(this.word("sent"));
    } catch (error) {
      this.refused(work, error);
    }
  }

  /** Leave; the task stays the person's until its time is over. */
  private async stop(): Promise<void> {
    if (this.work && this.work.changes > this.work.saved) await this.save(this.work);
    location.assign(`${this.start.path}/`);
  }

  private refused(work: TaskWork, error: unknown): void {
    if (!(error instanceof Refused)) throw error;
    const end = ENDS[error.reason];
    if (end) this.end(work, end);
    else if (error.reason !== "given_up") {
      const message = error.reason === "too_large" ? this.word("too_large") : error.message;
      this.say(`${this.word("refused")} ${message}`, true);
      work.frame.send({ type: "refused", message });
    }
  }

  /** End a task: the work stays visible, and a button leads to the next task. */
  private end(work: TaskWork, why: string): void {
    work.isOver = true;
    work.isJobOver = why === "job_over";
    this.enable(false);
    if (why !== "time_over") this.clock.textContent = "";
    const submit = element("submit") as HTMLButtonElement;
    submit.textContent = this.word(work.isJobOver ? "back_to_jobs" : "next_task");
    submit.disabled = false;
    this.say(this.word(why), true);
  }

  private goOn(work: TaskWork): void {
    if (work.isJobOver) location.assign(`${this.start.path}/`);
    else void this.fetchNext(0);
  }

  private async refreshLink(work: TaskWork, url: string): Promise<void> {
    try {
      const answer = await this.service.ask<{ fresh: string | null }>(`/tasks/${work.task.id}/link`, { url });
      work.frame.send({ type: "link", url, fresh: answer.fresh });
    } catch {
      work.frame.send({ type: "link", url, fresh: null });
    }
  }

  /** Ask for the mask of an object that a person has marked. */
  private async makeMask(work: TaskWork, id: number, given: unknown): Promise<void> {
    const asked = typeof given === "object" && given !== null ? given : {};
    try {
      const mask = await this.service.ask<object>(`/tasks/${work.task.id}/mask`, asked, () => this.work === work);
      work.frame.send({ type: "mask", id, result: mask });
    } catch (error) {
      work.frame.send({ type: "mask", id, result: error instanceof Refused ? error.message : String(error) });
    }
  }

  // Keeping the work

  /** Not delayed by further changes, so that continuous typing is saved, too. One at a time: the last one has to win. */
  private saveSoon(): void {
    if (this.isSaving) return;
    this.isSaving = true;
    setTimeout(() => void this.saveNow(), SAVE_AFTER_MS);
  }

  private async saveNow(): Promise<void> {
    const { work } = this;
    const changes = work?.changes ?? 0;
    try {
      if (work) await this.save(work);
    } finally {
      this.isSaving = false;
    }
    if (this.work && (this.work !== work || work.changes > changes)) this.saveSoon();
  }

  private async save(work: TaskWork): Promise<void> {
    const { changes } = work;
    if (work.isOver || work.isSubmitting) return;
    try {
      await this.service.ask(
        `/tasks/${work.task.id}/save`,
        { draft: work.draft, active: work.active },
        () => this.work === work && work.changes === changes && !work.isSubmitting,
      );
      work.saved = changes;
      if (work.changes === changes) {
        this.forget(work);
        if (this.work === work && !work.isOver) this.say(this.word("saved"));
      }
    } catch (error) {
      if (this.work === work) this.refused(work, error);
    }
  }

  /** Send the service, at the last moment, what it does not have yet. */
  private keep(): void {
    const { work } = this;
    if (!work || work.isOver || work.changes === work.saved) return;
    void fetch(`${this.start.path}/api/tasks/${work.task.id}/save`, {
      method: "POST",
      keepalive: true,
      headers: { "content-type": "application/json", "x-labeling-portal": this.start.token },
      body: JSON.stringify({ draft: work.draft, active: work.active }),
    }).catch(() => {});
  }

  private place(task: number): string {
    return `labeling:${this.start.person}:${task}`;
  }

  private remember(work: TaskWork): void {
    try {
      localStorage.setItem(this.place(work.task.id), JSON.stringify(work.draft));
    } catch {
      // If the browser has no room, there is still the service.
    }
  }

  /** What this browser has of a task and the service does not; null if nothing. */
  private recall(task: number): unknown {
    try {
      return JSON.parse(localStorage.getItem(this.place(task)) ?? "null");
    } catch {
      return null;
    }
  }

  private forget(work: TaskWork): void {
    try {
      localStorage.removeItem(this.place(work.task.id));
    } catch {
      // It was not there either.
    }
  }

  // What is shown

  private noteInput(): void {
    this.lastInput = performance.now();
  }

  private tick(): void {
    const now = performance.now();
    const passed = (now - this.lastTick) / 1000;
    this.lastTick = now;
    const { work } = this;
    if (!work || work.isOver) return;
    const isActive = document.visibilityState === "visible" && now - this.lastInput < IDLE_AFTER_MS;
    if (isActive) work.active += Math.min(passed, 2);
    const left = Math.max(Math.round((work.deadline - now) / 1000), 0);
    const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
    const shown = (parts[0] ? parts : parts.slice(1)).map((part, place) => String(part).padStart(place ? 2 : 1, "0"));
    this.clock.textContent = shown.join(":");
    this.clock.classList.toggle("urgent", left < 60);
    if (left === 0) this.end(work, "time_over");
    else if (now - this.lastLook > LOOK_AFTER_MS && document.visibilityState === "visible") void this.look(work);
  }

  /** Check early whether the task is still this person's, before all the work on it is done. */
  private async look(work: TaskWork): Promise<void> {
    this.lastLook = Number.POSITIVE_INFINITY;
    try {
      await this.service.ask(`/tasks/${work.task.id}/held`, {}, () => this.work === work && !work.isOver);
    } catch (error) {
      if (this.work === work && !work.isSubmitting && !work.isOver) this.refused(work, error);
    } finally {
      this.lastLook = performance.now();
    }
  }

  private showKeys(): void {
    const keys = this.pageKeys();
    const page = Object.keys(keys).map((command) => ({
      command,
      label: this.word(command),
      key: keys[command] ?? "",
    }));
    const task = (this.work?.frame.keys ?? [])
      .filter((entry) => !(entry.command in keys))
      .map((entry) => ({ ...entry }));
    showKeys(this.dialog, this.words, page, task, (command, key) => {
      if (command === undefined || key === undefined) this.start.keys = {};
      else this.start.keys[command] = key;
      for (const frame of [this.work?.frame, this.ahead]) frame?.send({ type: "keys", keys: this.start.keys });
      void this.service.ask("/settings", { keys: this.start.keys });
    });
  }

  private pageKeys(): Record<string, string> {
    const { page_keys: own, keys } = this.start;
    return Object.fromEntries(Object.keys(own).map((command) => [command, keys[command] ?? own[command] ?? ""]));
  }

  private enable(isOn: boolean): void {
    for (const command of ["undo", "redo", ...MOVES]) (element(command) as HTMLButtonElement).disabled = !isOn;
    element("submit").textContent = this.word("submit");
  }

  private say(text: string, isTrouble = false): void {
    this.state.textContent = text;
    this.state.classList.toggle("trouble", isTrouble);
  }

  private word(key: string): string {
    return this.words[key] ?? key;
  }
}

/** A draft says how many changes led to it. */
function numbered(draft: unknown, version: number): unknown {
  return typeof draft === "object" && draft !== null ? { ...draft, version } : draft;
}

function versionOf(draft: unknown): number {
  const { version } = (draft ?? {}) as { version?: unknown };
  return typeof version === "number" ? version : 0;
}

function element(id: string): HTMLElement {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page has no ${id}`);
  return node;
}

function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
