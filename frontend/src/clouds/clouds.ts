/** Loads the clouds of frames, and those around the shown one ahead. */
import { freshLink } from "../media";
import { word } from "../words";
import { type Cloud, CloudError, MAX_POINTS, readCloud } from "./cloud";
import { Grid } from "./grid";
import type { Vector } from "./space-geometry";
import type { CloudFile } from "./tracks";

const AHEAD = 3;
const BEHIND = 1;
/** Milliseconds until a cloud that did not load is requested again. */
const PAUSE = 500;
/** Largest file, in bytes: seven numbers for each point, or as many texts of fourteen characters. */
const MAX_BYTES = 100 * MAX_POINTS;

export interface Loaded {
  cloud: Cloud;
  grid: Grid;
}

/** @property value undefined until it has loaded @property trouble why it can't be shown, for the person */
interface CloudLoad {
  value: Loaded | undefined;
  trouble: string;
  ready: Promise<void>;
}

export class Clouds {
  readonly #kept = new Map<number, CloudLoad>();
  /** All clouds of a sequence share it, so that objects at rest don't move on the screen. */
  #origin: Vector | undefined;

  constructor(private readonly files: readonly CloudFile[]) {}

  of(place: number): Loaded | undefined {
    return this.#kept.get(place)?.value;
  }

  trouble(place: number): string {
    return this.#kept.get(place)?.trouble ?? "";
  }

  /** Resolves once a cloud has loaded, or can't be loaded. */
  async ready(place: number): Promise<void> {
    await this.#load(place).ready;
  }

  /** Try a cloud once more. */
  again(place: number): Promise<void> {
    this.#kept.delete(place);
    return this.ready(place);
  }

  /** A person is at a frame: load those around it, one after the other, and forget those far away. */
  async around(place: number): Promise<void> {
    const wanted = [place];
    for (let at = place + 1; at <= Math.min(place + AHEAD, this.files.length - 1); at++) wanted.push(at);
    for (let at = place - 1; at >= Math.max(place - BEHIND, 0); at--) wanted.push(at);
    for (const known of [...this.#kept.keys()]) if (!wanted.includes(known)) this.#kept.delete(known);
    this.#wanted = wanted;
    for (const next of wanted) {
      await this.ready(next);
      // The person has gone on meanwhile.
      if (this.#wanted !== wanted) return;
    }
  }
  #wanted: readonly number[] = [];

  #load(place: number): CloudLoad {
    const known = this.#kept.get(place);
    if (known) return known;
    const loading: CloudLoad = { value: undefined, trouble: "", ready: Promise.resolve() };
    this.#kept.set(place, loading);
    loading.ready = this.#fetch(place).then(
      (value) => {
        loading.value = value;
      },
      (error: unknown) => {
        const name = this.files[place]?.name ?? "";
        const reason = error instanceof CloudError ? error.message : word("not_loaded");
        loading.trouble = word("cloud_trouble", { name, reason });
      },
    );
    return loading;
  }

  async #fetch(place: number): Promise<Loaded | undefined> {
    const file = this.files[place];
    if (!file) return undefined;
    const retry = async (error: unknown) => {
      if (error instanceof CloudError) throw error;
      await new Promise((done) => setTimeout(done, PAUSE));
      return load(file.src);
    };
    const body = await load(file.src)
      .catch(retry)
      .catch(async (error: unknown) => {
        if (error instanceof CloudError) throw error;
        // Its link may have expired.
        const fresh = await freshLink(file.src);
        if (!fresh) throw error;
        file.src = fresh;
        return load(fresh);
      });
    const cloud = readCloud(body, file.format, this.#origin);
    this.#origin ??= cloud.origin;
    return { cloud, grid: new Grid(cloud) };
  }
}

async function load(address: string): Promise<ArrayBuffer> {
  const response = await fetch(address, { credentials: "omit" });
  if (!response.ok) throw new Error(String(response.status));
  if (Number(response.headers.get("content-length")) > MAX_BYTES) {
    await response.body?.cancel();
    throw new CloudError(word("cloud_many", { most: MAX_POINTS }));
  }
  return response.arrayBuffer();
}
