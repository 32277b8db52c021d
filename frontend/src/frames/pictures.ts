/** Loads the pictures of frames ahead, so that going from one to the next shows no blank. */
import { freshLink } from "../media";
import type { FrameFile } from "./sequence";

const AHEAD = 40;
const BEHIND = 12;
const AT_ONCE = 6;

interface PictureLoad {
  image: HTMLImageElement;
  ready: Promise<void>;
}

export class Pictures {
  readonly #kept = new Map<number, PictureLoad>();
  #waiting: number[] = [];
  #running = 0;

  constructor(private readonly files: readonly FrameFile[]) {}

  /** Where the picture of a frame is. */
  address(place: number): string {
    return this.files[place]?.src ?? "";
  }

  isReady(place: number): boolean {
    const image = this.#kept.get(place)?.image;
    return image?.complete === true && image.naturalWidth > 0;
  }

  /** Resolves once a frame's picture can be shown at once, or can't be loaded. */
  ready(place: number): Promise<void> {
    return this.#load(place).ready;
  }

  /** A person is at a frame: keep and load those around it. */
  around(place: number): void {
    const [first, last] = [Math.max(place - BEHIND, 0), Math.min(place + AHEAD, this.files.length - 1)];
    for (const known of [...this.#kept.keys()]) {
      if (known < first || known > last) this.#kept.delete(known);
    }
    this.#waiting = [];
    for (let at = place; at <= last; at++) this.#waiting.push(at);
    for (let at = place - 1; at >= first; at--) this.#waiting.push(at);
    this.#next();
  }

  #next(): void {
    while (this.#running < AT_ONCE) {
      const place = this.#waiting.shift();
      if (place === undefined) return;
      if (this.#kept.has(place)) continue;
      this.#running++;
      void this.#load(place).ready.finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }

  #load(place: number): PictureLoad {
    const known = this.#kept.get(place);
    if (known) return known;
    const image = new Image();
    // As the picture in the page does, so that it uses the cached one.
    image.crossOrigin = "anonymous";
    const loading = { image, ready: this.#fetch(image, place) };
    this.#kept.set(place, loading);
    return loading;
  }

  async #fetch(image: HTMLImageElement, place: number): Promise<void> {
    const file = this.files[place];
    if (!file) return;
    try {
      image.src = file.src;
      await image.decode();
    } catch {
      // Its link may have expired.
      const fresh = await freshLink(file.src);
      if (!fresh || fresh === file.src) return;
      file.src = fresh;
      image.src = fresh;
      await image.decode().catch(() => undefined);
    }
  }
}
