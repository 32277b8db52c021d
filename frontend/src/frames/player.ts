/** Playback of frames, and the bar for going to any of them. */
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { icon } from "../elements/board";
import { word } from "../words";
import { anchors, type LabeledObject, type SequenceOf } from "./objects";

/** Frames per second during playback. */
const SPEED = 8;

/** A page with frames. */
export interface Shower {
  readonly place: number;
  readonly count: number;
  /** Show a frame; done when it is shown. */
  go(place: number): Promise<void>;
  requestUpdate(): void;
}

export class Player {
  isPlaying = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly shower: Shower) {}

  /** Play, from the beginning if at the end, or stop. */
  toggle(): true {
    if (this.isPlaying) {
      this.stop();
      return true;
    }
    this.isPlaying = true;
    this.shower.requestUpdate();
    if (this.shower.place + 1 >= this.shower.count) {
      void this.shower.go(0).then(() => {
        this.#timer = setTimeout(() => this.#next(), 1000 / SPEED);
      });
    } else void this.#next();
    return true;
  }

  stop(): void {
    this.isPlaying = false;
    clearTimeout(this.#timer);
    this.shower.requestUpdate();
  }

  async #next(): Promise<void> {
    if (!this.isPlaying) return;
    const { place, count } = this.shower;
    const began = performance.now();
    if (place + 1 >= count) {
      this.stop();
      return;
    }
    await this.shower.go(place + 1);
    this.#timer = setTimeout(() => this.#next(), Math.max(1000 / SPEED - (performance.now() - began), 0));
  }
}

/**
 * The bar below what is shown.
 *
 * @param at the frame that is shown, or loading
 * @param numbers of all frames
 * @param isComing whether the frame is loading
 * @param object the object whose frames are marked; without one all that have something
 * @param goTo a person has written the number of a frame
 */
export function framesBar(
  player: Player,
  at: number,
  numbers: readonly number[],
  go: (place: number) => void,
  isComing: boolean,
  marks: { sequence: SequenceOf<LabeledObject>; object: string | undefined },
  goTo: (number: number) => void,
): TemplateResult {
  const count = numbers.length;
  return html`<div class="frames" role="group" aria-label=${word("frames")}>
    <button type="button" class="icon" aria-label=${word(player.isPlaying ? "stop_playing" : "play")} @click=${() => player.toggle()}
      >${icon(player.isPlaying ? "pause-circle-filled" : "play-arrow")}</button>
    <button type="button" class="icon" aria-label=${word("previous_frame")} ?disabled=${at === 0}
      @click=${() => go(at - 1)}>${icon("chevron-left")}</button>
    <button type="button" class="icon" aria-label=${word("next_frame")} ?disabled=${at + 1 >= count}
      @click=${() => go(at + 1)}>${icon("chevron-right")}</button>
    <label>${word("frame")}
      <input class="number" type="number" .value=${live(String(numbers[at] ?? 0))} @change=${(event: Event) =>
        goTo((event.target as HTMLInputElement).valueAsNumber)}></label>
    <span class="quiet">${at + 1} / ${count}</span>
    <input class="bar" type="range" min="0" max=${Math.max(count - 1, 0)} aria-label=${word("frames")}
      .value=${live(String(at))} @input=${(event: Event) => go((event.target as HTMLInputElement).valueAsNumber)}>
    ${barMarks(marks.sequence, marks.object)}
    ${isComing ? html`<span role="status" class="quiet">${word("loading_frame")}</span>` : nothing}
  </div>`;
}

/** The frames that contain an object, or anything: by hand, or not. */
function barMarks(sequence: SequenceOf<LabeledObject>, object: string | undefined): TemplateResult {
  const count = sequence.length;
  const by = object ? new Set(anchors(sequence, object)) : new Set<number>();
  const looks = sequence.map(({ marks }, place) => {
    const is = object ? marks.some((mark) => mark.object === object) : marks.length > 0;
    return by.has(place) ? "hand" : is ? "some" : "";
  });
  // Neighbors alike are one piece.
  const pieces: { from: number; to: number; look: string }[] = [];
  for (const [place, look] of looks.entries()) {
    const last = pieces.at(-1);
    if (last?.look === look) last.to = place + 1;
    else pieces.push({ from: place, to: place + 1, look });
  }
  return html`<div class="marks" aria-hidden="true">${pieces
    .filter(({ look }) => look)
    .map(
      ({ from, to, look }) =>
        html`<i class=${look} style="left: ${(100 * from) / count}%; width: ${(100 * (to - from)) / count}%"></i>`,
    )}</div>`;
}
