/** Pictures, sounds and films that don't load: tried again, then with a fresh link, then reported. */
import { html, nothing, type TemplateResult } from "lit";
import { word } from "./words";

const PAUSES = [500, 2000];
/** Ground Truth's largest picture: a larger one takes more memory than many phones have. */
const MAX_PIXELS = 100_000_000;
/** The state of a file: being tried again, failed, too large to be shown, or loaded. */
export type LoadState = "again" | "failed" | "large" | "";
type Media = HTMLImageElement | HTMLMediaElement | HTMLSourceElement | SVGImageElement;

/** Asks for a fresh link in place of one that has failed; none if there is none. */
export type Refresher = (url: string) => Promise<string | undefined>;
/** Reports that a file can't be loaded. */
export type Reporter = (message: string, url: string) => void;

let refresh: Refresher = async () => undefined;
let report: Reporter = () => undefined;
/** The last attempt at each file, and whether the next one is on its way. */
const attempts = new WeakMap<Media, { url: string; number: number; isWaiting: boolean }>();

export function mediaHelpers(refresher: Refresher, reporter: Reporter): void {
  refresh = refresher;
  report = reporter;
}

/** A fresh link in place of one that has failed; none if there is none. */
export function freshLink(url: string): Promise<string | undefined> {
  return refresh(url);
}

/** Look after everything that is loaded below a root; a shadow root must be passed separately. */
export function watchMedia(root: Document | ShadowRoot): void {
  root.addEventListener("error", (event) => void failed(event.target), { capture: true });
  root.addEventListener("load", (event) => tooLarge(event) || loaded(event.target), { capture: true });
  root.addEventListener("loadeddata", (event) => loaded(event.target), { capture: true });
}

/** Try a file once more, as if for the first time. */
export function tryAgain(media: Media): void {
  const url = addressOf(media);
  attempts.delete(media);
  setAddress(media, "");
  setAddress(media, url);
}

async function failed(target: EventTarget | null): Promise<void> {
  if (!isMedia(target)) return;
  const url = addressOf(target);
  if (!url || url.startsWith("data:") || url.startsWith("blob:")) return tell(target, url);
  const before = attempts.get(target);
  const isSame = before?.url === url;
  // A browser may load a file twice at first, and both fail.
  if (isSame && before.isWaiting) return;
  const number = isSame ? before.number + 1 : 0;
  const attempt = { url, number, isWaiting: true };
  attempts.set(target, attempt);
  const isCurrent = () => attempts.get(target) === attempt && addressOf(target) === url;
  const pause = PAUSES[number];
  if (pause !== undefined) {
    mark(target, "again");
    await new Promise((done) => setTimeout(done, pause));
    attempt.isWaiting = false;
    if (isCurrent()) again(target, url);
    return;
  }
  if (number === PAUSES.length) {
    const fresh = await refresh(url);
    if (!isCurrent()) return;
    if (fresh && fresh !== url) {
      setAddress(target, fresh);
      attempts.set(target, { url: addressOf(target), number, isWaiting: false });
      return;
    }
  }
  attempt.isWaiting = false;
  tell(target, url);
}

function tell(target: Media, url: string): void {
  mark(target, "failed");
  report(word("not_loaded"), url);
}

/** Remove a picture to be labeled if it is too large, before anything measures it. */
function tooLarge(event: Event): boolean {
  const picture = event.target;
  if (!(picture instanceof HTMLImageElement && picture.classList.contains("subject"))) return false;
  const { naturalWidth: width, naturalHeight: height, src } = picture;
  if (width * height <= MAX_PIXELS) return false;
  event.stopImmediatePropagation();
  picture.removeAttribute("src");
  mark(picture, "large");
  report(word("too_many_pixels", { width, height }), src);
  return true;
}

function loaded(target: EventTarget | null): void {
  if (isMedia(target)) {
    attempts.delete(target);
    mark(target, "");
  }
}

/** Tell elements the state of a file, which they show. */
function mark(target: Media, state: LoadState): void {
  if (state) target.setAttribute("data-crowd-loading", state);
  else target.removeAttribute("data-crowd-loading");
  target.dispatchEvent(new CustomEvent("crowd-loading", { detail: state }));
}

function again(target: Media, url: string): void {
  if (target instanceof HTMLMediaElement) target.load();
  else if (target instanceof HTMLSourceElement) target.closest<HTMLMediaElement>("audio, video")?.load();
  else setAddress(target, url);
}

function isMedia(target: unknown): target is Media {
  return (
    target instanceof HTMLImageElement ||
    target instanceof HTMLMediaElement ||
    target instanceof HTMLSourceElement ||
    target instanceof SVGImageElement
  );
}

function addressOf(target: Media): string {
  return target instanceof SVGImageElement ? target.href.baseVal : target.src;
}

function setAddress(target: Media, url: string): void {
  if (target instanceof SVGImageElement) target.setAttribute("href", url);
  else target.src = url;
  if (target instanceof HTMLSourceElement) target.closest<HTMLMediaElement>("audio, video")?.load();
}

/** What is shown in place of a picture that does not load; nothing once it has. */
export function loadingNote(loading: LoadState, picture: Media | null | undefined): TemplateResult | typeof nothing {
  if (!loading) return nothing;
  const failed = loading === "failed";
  return html`<div class="state" role="status">
    ${loading === "large" ? word("too_large") : word(failed ? "not_loaded" : "loading_again")}
    ${failed ? html`<button type="button" @click=${() => picture && tryAgain(picture)}>${word("try_again")}</button>` : nothing}
  </div>`;
}
