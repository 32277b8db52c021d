/** The page as a whole: when it is ready, what is saved, undone, sent, and what the portal hears. */
import { type Answer, Control } from "./control";
import { CrowdElement } from "./element";
import { CrowdForm, catchNativeForms, receive } from "./elements/crowd-form";
import { capture, collect, controls, type Detail, type Draft, firstProblem, rememberHidden, restore } from "./form";
import { History } from "./history";
import { isWriting, keys } from "./keys";
import { hearMask, offerMasks } from "./mask-helper";
import { mediaHelpers, watchMedia } from "./media";
import { connect, type FromPortal, type Init, isConnected, send } from "./port";
import { showAnswer, showNotice } from "./standalone";
import { speak, word } from "./words";

const CHANGE_PAUSE = 250;
const TYPING_PAUSE = 300;
const MAX_UNTOLD = 1000;
const ACTIVITY_PAUSE = 1000;
const MAX_URL = 8192;
/** Longest draft, in characters of JSON; browsers keep five million for a site. */
const MAX_DRAFT = 4_000_000;
/** A portal sends the state of the task as soon as the page has loaded; after this long without it, there is no portal. */
const PORTAL_SILENT_MS = 2000;

const history = new History();
const links = new Map<string, ((fresh: string | undefined) => void)[]>();
let init: Init | undefined;
let before: Answer = {};
let isReady = false;
/** Whether the page is ready and the portal, if there is one, has sent the state of the task. */
let hasBegun = false;
/** What the person did before that. */
const early: (() => void)[] = [];
let restoring = false;
let hasTold = false;
/** The change that is still to be noted as a step. */
let noting: "typing" | "change" | undefined;
let sent = false;
let changeTimer: ReturnType<typeof setTimeout> | undefined;
let changedSince: number | undefined;
let noteTimer: ReturnType<typeof setTimeout> | undefined;

/** Start everything; to be called once, while the page is still being read. */
export function start(): void {
  catchNativeForms();
  watchMedia(document);
  mediaHelpers(freshLink, (message, url) =>
    whenBegun(() =>
      send(url && url.length < MAX_URL ? { type: "trouble", message, url } : { type: "trouble", message }),
    ),
  );
  receive({ submitted, invalid: (message) => send({ type: "invalid", message }) });
  keys.page = [
    { id: "submit", label: word("submit"), key: "Ctrl+Enter", writing: true, run: submit },
    { id: "undo", label: word("undo"), key: "Ctrl+z", run: () => undo(-1) },
    { id: "redo", label: word("redo"), key: "Ctrl+Shift+z", run: () => undo(1) },
  ];
  for (const type of ["input", "change", "reset"])
    window.addEventListener(type, () => noteSoon(type), { capture: true });
  // Continuing somewhere else ends a step.
  window.addEventListener("pointerdown", () => noting && note(), { capture: true });
  window.addEventListener("keydown", (event) => noting && (event.key === "Tab" || !isWriting(event)) && note(), {
    capture: true,
  });
  // Dictated or pasted text comes without a key, and is not part of the choice before it.
  window.addEventListener("beforeinput", () => noting === "change" && note(), { capture: true });
  listenToKeys();
  listenToActivity();
  keepLinksInside();
  const connected = connect(hear).then((given) => {
    init = given;
    speak(given.language);
    for (const command of keys.page) command.label = word(command.id as "submit" | "undo" | "redo");
    keys.custom = given.keys;
    setTheme(given.theme);
    offerMasks(given.masks);
    for (const control of controls(document)) if (control instanceof Control) control.requestUpdate();
    if (given.submits) document.documentElement.style.setProperty("--crowd-own-submit", "none");
  });
  const isStanding = ready();
  const met = Promise.all([isStanding, connected]).then(meetPortal);
  void begin(isStanding, met);
}

/** Nothing that a person does while the page loads is lost: it is done once the page has begun. */
async function begin(isStanding: Promise<void>, met: Promise<void>): Promise<void> {
  await isStanding;
  if (window.parent !== window) await Promise.race([met, loaded().then(() => pause(PORTAL_SILENT_MS))]);
  hasBegun = true;
  for (const act of early.splice(0)) act();
}

function whenBegun(act: () => void): void {
  if (hasBegun) act();
  else early.push(act);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

async function loaded(): Promise<void> {
  if (document.readyState === "complete") return;
  await new Promise((done) => window.addEventListener("load", done, { once: true }));
}

/** Once everything on the page is ready, notify scripts; what they do is part of the initial page. */
async function ready(): Promise<void> {
  if (document.readyState === "loading") {
    await new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
  }
  await allUpdated();
  followOwnColors();
  document.dispatchEvent(new CustomEvent("all-crowd-elements-ready", { bubbles: true }));
  await allUpdated();
  rememberHidden(controls(document));
  history.begin(capture(document, "mark"));
  isReady = true;
}

async function allUpdated(): Promise<void> {
  await Promise.all(
    [...document.querySelectorAll("*")].map((element) =>
      element instanceof CrowdElement ? element.updateComplete : null,
    ),
  );
}

async function meetPortal(): Promise<void> {
  tellBefore();
  if (init?.draft) {
    apply(init.draft);
    await allUpdated();
    history.begin(capture(document, "mark"));
  }
  const elements = [...document.querySelectorAll("*")].map((element) => element.localName);
  const crowd = [...new Set(elements)].filter((name) => name.startsWith("crowd-")).sort();
  send({ type: "ready", keys: keys.list(), elements: crowd });
}

function form(): CrowdForm | undefined {
  for (const element of document.querySelectorAll("*")) {
    if (element instanceof CrowdForm) return element;
    if (element instanceof Control && element.innerForm instanceof CrowdForm) return element.innerForm;
  }
  return undefined;
}

function submit(): void {
  const crowdForm = form();
  if (crowdForm) {
    crowdForm.requestSubmit();
    return;
  }
  // A page of plain controls alone.
  const inputs = controls(document);
  const wrong = firstProblem(inputs);
  if (wrong) {
    wrong.control.focus();
    send({ type: "invalid", message: wrong.message });
  } else {
    submitted(undefined, collect(inputs));
  }
}

function submitted(crowdForm: CrowdForm | undefined, answer: Answer): void {
  whenBegun(() => deliver(crowdForm, answer));
}

function deliver(crowdForm: CrowdForm | undefined, answer: Answer): void {
  note();
  clearTimeout(changeTimer);
  send({ type: "submit", answer, draft: draft() });
  sent = isConnected() && !init?.preview;
  if (sent) return;
  showAnswer(answer);
  crowdForm?.reopen();
}

function draft(): Draft | null {
  const captured = capture(document);
  const fits = JSON.stringify(captured).length <= MAX_DRAFT;
  if (!fits && !hasTold) {
    hasTold = true;
    send({ type: "trouble", message: word("too_big_draft") });
  }
  return fits ? captured : null;
}

function apply(wanted: Draft, detail: Detail = "state"): void {
  restoring = true;
  try {
    restore(document, wanted, detail);
  } finally {
    restoring = false;
  }
  changeSoon();
}

/** A step back or forth; what has been typed just now is a step of its own. */
function undo(step: -1 | 1): boolean {
  note();
  const wanted = history.go(step);
  if (wanted) {
    apply(wanted, "mark");
    history.arrive(capture(document, "mark"));
  }
  return wanted !== undefined;
}

function noteSoon(type: string): void {
  if (!isReady || restoring) return;
  clearTimeout(noteTimer);
  noting = type === "input" ? "typing" : "change";
  // The listeners of the template come first: what they do belongs to the same step.
  noteTimer = setTimeout(note, noting === "typing" ? TYPING_PAUSE : 0);
  // A step ends when the typing does; typed text is reported and saved before that.
  if (type === "input") changeSoon();
}

function note(): void {
  clearTimeout(noteTimer);
  noting = undefined;
  if (!isReady || !history.note(capture(document, "mark"))) return;
  form()?.recheck();
  changeSoon();
}

function changeSoon(): void {
  // What comes after the answer is not part of it.
  if (sent) return;
  const now = performance.now();
  changedSince ??= now;
  clearTimeout(changeTimer);
  changeTimer = setTimeout(
    () => {
      changedSince = undefined;
      send({ type: "change", answer: form()?.answer ?? collect(controls(document)), draft: draft() });
    },
    Math.max(Math.min(CHANGE_PAUSE, changedSince + MAX_UNTOLD - now), 0),
  );
}

function hear(message: FromPortal): void {
  switch (message.type) {
    case "submit":
      submit();
      break;
    case "undo":
      undo(-1);
      break;
    case "redo":
      undo(1);
      break;
    case "focus":
      controls(document).find(isUsable)?.focus();
      break;
    case "keys":
      keys.custom = message.keys;
      break;
    case "before":
      before = message.answer;
      if (isReady) tellBefore();
      break;
    case "refused":
      refused(word("refused", { message: message.message }));
      break;
    case "press":
      // Whatever has the focus in a page without focus, the person doesn't write there.
      whenBegun(() => document.body.dispatchEvent(new KeyboardEvent("keydown", { ...message.pressed, bubbles: true })));
      break;
    case "mask":
      hearMask(message.id, message.result);
      break;
    case "link": {
      const waiting = links.get(message.url) ?? [];
      links.delete(message.url);
      for (const answer of waiting) answer(message.fresh ?? undefined);
    }
  }
}

function tellBefore(): void {
  for (const control of controls(document)) {
    if (control instanceof Control && Object.hasOwn(before, control.name)) control.remember(before[control.name]);
  }
}

/** The answer was not accepted: the work goes on. */
function refused(message: string): void {
  sent = false;
  const crowdForm = form();
  if (crowdForm) crowdForm.reopen(message);
  else showNotice(message);
  changeSoon();
}

/** A fresh link from the portal; several pictures with one link share the request. */
function freshLink(url: string): Promise<string | undefined> {
  if (!isConnected()) return Promise.resolve(undefined);
  return new Promise((done) => {
    const waiting = links.get(url);
    if (waiting) {
      waiting.push(done);
      return;
    }
    links.set(url, [done]);
    send({ type: "refresh", url });
  });
}

function isUsable(control: HTMLElement): boolean {
  return !control.matches(":disabled, [type=hidden]") && control.checkVisibility();
}

function listenToKeys(): void {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.composedPath().some((target) => target instanceof HTMLDialogElement)) return;
    const writing = isWriting(event);
    whenBegun(() => pressed(event, writing));
  });
}

function pressed(event: KeyboardEvent, writing: boolean): void {
  if (keys.press(event, writing)) {
    event.preventDefault();
    return;
  }
  const { key, code, ctrlKey, altKey, shiftKey, metaKey } = event;
  if (/^(Control|Shift|Alt|Meta)$/.test(key)) return;
  if (!writing || ctrlKey || altKey || metaKey) send({ type: "key", key, code, ctrlKey, altKey, shiftKey, metaKey });
}

function listenToActivity(): void {
  let last = Number.NEGATIVE_INFINITY;
  for (const type of ["pointerdown", "pointermove", "keydown", "wheel", "scroll", "touchstart"]) {
    window.addEventListener(
      type,
      (event) => {
        if (type === "pointerdown") keys.touched(event.composedPath());
        if (!event.isTrusted) return;
        if (!hasBegun && /^(pointer|key)down$/.test(type) && early.length === 0) early.push(changeSoon);
        if (event.timeStamp - last < ACTIVITY_PAUSE) return;
        last = event.timeStamp;
        send({ type: "activity" });
      },
      { capture: true, passive: true },
    );
  }
}

/** A link that would replace the page, and the work on it, stays closed. */
function keepLinksInside(): void {
  window.addEventListener("click", (event) => {
    const link = event
      .composedPath()
      .find((target): target is HTMLAnchorElement => target instanceof HTMLAnchorElement);
    const href = link?.getAttribute("href");
    if (event.defaultPrevented || !link || !href || href.startsWith("#") || /^(javascript|blob|data):/i.test(href))
      return;
    event.preventDefault();
    showNotice(word("link_kept", { url: link.href }));
  });
}

function setTheme(theme: Init["theme"]): void {
  const { classList } = document.documentElement;
  if (classList.contains("crowd-own-colors")) return;
  classList.toggle("light", theme === "light");
  classList.toggle("dark", theme === "dark");
}

/** A template with colors of its own was made for a white page, and stays on one. */
function followOwnColors(): void {
  const colors = /(^|[\s;{"'])(color|background(-color)?)\s*:/i;
  const styled = [...document.querySelectorAll("style")].some((element) => colors.test(element.textContent ?? ""));
  const inline = [...document.querySelectorAll("[style]")].some((element) =>
    colors.test(element.getAttribute("style") ?? ""),
  );
  if (!styled && !inline && !document.querySelector("[bgcolor], font[color], body[text]")) return;
  const { classList } = document.documentElement;
  classList.remove("dark");
  classList.add("light", "crowd-own-colors");
}
