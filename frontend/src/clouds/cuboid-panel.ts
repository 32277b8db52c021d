/** The panel for cuboids beside the scene: buttons, the list of a frame's cuboids, the numbers of the selected one. */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { styleMap } from "lit/directives/style-map.js";
import { keyCap } from "../element";
import { icon } from "../elements/board";
import { boxedOnly } from "../frames/objects";
import { Panels } from "../frames/panels";
import { keys } from "../keys";
import { word } from "../words";
import type { CuboidWork } from "./cuboid-work";
import { type Axis, type Cuboid, isProper, withAxis } from "./space-geometry";
import type { CuboidMark } from "./tracks";
import type { Page } from "./work";

const DEGREE = 180 / Math.PI;
const MAX_ROWS = 100;

export class CuboidPanel {
  readonly #panels: Panels<CuboidMark>;

  constructor(
    private readonly page: Page,
    private readonly work: CuboidWork,
  ) {
    this.#panels = new Panels(page);
  }

  renderTools() {
    const { page, work } = this;
    const caps = keys.of(page.host);
    const act = (id: string, text: string, run: () => unknown, isOff = false) =>
      html`<button type="button" ?disabled=${isOff} @click=${() => page.act(run)}>${text}${keyCap(caps.get(id))}</button>`;
    const none = !work.selected;
    return html`<div class="group paint">
      ${act("add-cuboid", word("add_cuboid"), () => work.add(page.eye.target), work.armed === undefined)}
      ${act("fit-cuboid", word("fit_cuboid"), () => work.fit(), none)}
      ${act("ground-cuboid", word("ground_cuboid"), () => work.ground(), none)}
      ${act("duplicate", word("duplicate"), () => work.duplicate(), none)}
      ${
        page.tracks
          ? html`${act("follow-again", word("follow_again"), () => work.letFollow(), !work.selected?.byHand)}
            <label class="switch"><input type="checkbox" .checked=${live(work.edits.follows)} @change=${(
              event: Event,
            ) => {
              work.edits.follows = (event.target as HTMLInputElement).checked;
            }}>${word("autofill")}</label>`
          : nothing
      }
    </div>`;
  }

  renderObjects() {
    const { page, work } = this;
    const { selected } = work;
    const { marks } = work.edits.labels;
    const chosen = selected ? marks.indexOf(selected) : 0;
    const first = Math.min(Math.max(chosen - MAX_ROWS / 2, 0), Math.max(marks.length - MAX_ROWS, 0));
    const isAnyHidden = marks.some((mark) => work.isHidden(mark));
    return html`
      <h3>${word(page.tracks ? "in_frame" : "cuboids", { count: marks.length })}</h3>
      <div class="acts"><button type="button" ?disabled=${marks.length === 0} @click=${() => work.hide(undefined)}
        >${word(isAnyHidden ? "show_all" : "hide_all")}</button></div>
      <ul>${marks.slice(first, first + MAX_ROWS).map((mark, at) => this.#renderItem(mark, first + at))}</ul>
      ${selected ? this.#renderNumbers(selected) : nothing}
      ${selected ? this.#panels.renderMark(selected) : nothing}
      ${selected && page.tracks && work.isFree ? this.#renderFrames(selected) : nothing}
      ${this.#panels.renderElsewhere(work.going?.object, (labeled) => work.goOn(labeled), boxedOnly(page.sequence))}
      ${this.#panels.renderFrame()}
    `;
  }

  #renderItem(mark: CuboidMark, place: number) {
    const { page, work } = this;
    const isChosen = mark === work.selected;
    const isHidden = work.isHidden(mark);
    const text = `${page.tracks || mark.name !== mark.label ? mark.name : mark.label}${page.tracks && !mark.byHand ? ` · ${word("computed")}` : ""}`;
    const number = place + 1;
    return html`<li class=${isChosen ? "chosen" : ""}>
      <button type="button" class="pick" aria-pressed=${isChosen} @click=${() => work.select(isChosen ? undefined : place)}
      ><i style=${styleMap({ background: page.colorOf(mark.label) })}></i><span dir="auto">${text}</span></button>
      <button type="button" class="icon" aria-label=${word(isHidden ? "show_shape" : "hide_shape", { number })}
        @click=${() => work.hide(mark)}>${icon(isHidden ? "visibility-off" : "visibility")}</button>
      <button type="button" class="icon" aria-label=${word("remove_shape", { number })} @click=${() => {
        work.select(place);
        work.remove();
      }}>${icon("delete")}</button>
    </li>`;
  }

  /** Its nine numbers. */
  #renderNumbers(selected: CuboidMark) {
    const { page, work } = this;
    const cuboid = work.current ?? selected.cuboid;
    const isOff = !work.isFree;
    const field = (
      key: keyof Cuboid,
      axis: Axis,
      name: string,
      unit: string,
      factor: number,
      digits: number,
      isFixed = isOff,
    ) =>
      html`<label>${name} <span class="quiet">${unit}</span>
        <input type="number" step="any" ?disabled=${isFixed} .value=${live(String(Number((cuboid[key][axis] * factor).toFixed(digits))))}
          @change=${(event: Event) => this.#write(key, axis, (event.target as HTMLInputElement).valueAsNumber / factor)}></label>`;
    const count = page.loaded?.grid.count(cuboid);
    return html`<fieldset class="numbers">
      <legend>${page.tracks ? selected.name : selected.label}${count === undefined ? "" : ` · ${word("points", { count })}`}</legend>
      ${field("center", 0, "x", "m", 1, 3)}${field("center", 1, "y", "m", 1, 3)}${field("center", 2, "z", "m", 1, 3)}
      ${field("size", 0, word("length"), "m", 1, 3)}${field("size", 1, word("width"), "m", 1, 3)}${field("size", 2, word("height"), "m", 1, 3)}
      ${field("angles", 2, word("yaw"), "°", DEGREE, 2)}
      ${field("angles", 1, word("pitch"), "°", DEGREE, 2, isOff || page.audits)}
      ${field("angles", 0, word("roll"), "°", DEGREE, 2, isOff || page.audits)}
    </fieldset>`;
  }

  #write(key: keyof Cuboid, axis: Axis, value: number): void {
    const { page, work } = this;
    const { selected } = work;
    if (!selected) return;
    const wanted = { ...selected.cuboid, [key]: withAxis(selected.cuboid[key], axis, value) };
    if (!Number.isFinite(value) || !isProper(wanted)) page.tell(word("no_such_number"));
    else work.set(wanted);
    page.requestUpdate();
  }

  /** Actions on an object in other frames. */
  #renderFrames(selected: CuboidMark) {
    const { page, work } = this;
    const { edits } = work;
    const names = new Map(page.sequence.flatMap(({ marks }) => marks.map((mark) => [mark.object, mark.name] as const)));
    names.delete(selected.object);
    const act = (text: string, run: () => unknown) =>
      html`<button type="button" @click=${() => page.act(run)}>${text}</button>`;
    return html`<div class="acts">
        ${act(word("into_earlier"), () => edits.spread(selected, (place) => place < page.place))}
        ${act(word("into_later"), () => edits.spread(selected, (place) => place > page.place))}
      </div>
      ${
        names.size > 0
          ? html`<label class="relabel">${word("merge_with")}
            <select .value=${live("")} @change=${(event: Event) => {
              const gone = (event.target as HTMLSelectElement).value;
              page.act(() => gone && edits.merge(selected, gone));
            }}>
              <option value=""></option>
              ${[...names].map(([object, name]) => html`<option value=${object}>${name}</option>`)}
            </select></label>`
          : nothing
      }`;
  }
}
