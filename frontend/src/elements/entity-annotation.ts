/** `crowd-entity-annotation`: passages of a text get labels. */
import { css, html, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { Annotator, unwrapped } from "../annotator";
import { asList, isRecord, json5, labelText } from "../attributes";
import { colorOf } from "../colors";
import { element, findField, keyCap } from "../element";
import { OWN } from "../form";
import { type Command, keys } from "../keys";
import {
  Characters,
  crosses,
  occurrences,
  type Passage,
  toWords,
  trimmed,
  wordAfter,
  wordAt,
  wordBefore,
} from "../passages";
import { onSelection, TextView, textStyle } from "../text-view";
import { word } from "../words";
import type { CrowdForm } from "./crowd-form";

/** Most passages that one action can label. */
const MAX_OCCURRENCES = 5000;

interface Label {
  label: string;
  short: string;
  full: string;
  color: string;
}
interface Entity extends Passage {
  label: string;
}

@element("crowd-entity-annotation")
export class CrowdEntityAnnotation extends Annotator {
  static override styles = [
    ...Annotator.styles,
    textStyle,
    css`
      .labels { display: flex; flex-wrap: wrap; gap: .4rem; margin: 0 0 .6rem; max-height: 30vh; overflow: auto; padding: 3px; }
      .labels button { display: inline-flex; align-items: center; gap: .45rem; min-height: 2.3rem; }
      .labels button[aria-pressed=true] { background: var(--crowd-chosen); border-color: var(--labeling-accent); box-shadow: inset 0 0 0 1px var(--labeling-accent); }
      .labels i { width: .9rem; height: .9rem; border-radius: .25rem; flex: none; }
      .tools { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; margin: .5rem 0; font-size: .92rem; }
      .tools label { display: flex; gap: .35rem; align-items: center; min-height: 2rem; }
      .find { width: min(100%, 20rem); margin-bottom: .5rem; }
      .help { font-size: .9rem; margin: .3rem 0; }
      [role=status] { min-height: 1.5em; }
    `,
  ];

  @property({ converter: json5, hasChanged: () => true }) labels: unknown;
  @property() text = "";
  @state() private active: string | undefined;
  @state() private wholeWords = true;
  @state() private allOccurrences = false;
  @state() private filter = "";
  @state() private status = "";
  @query(".text") private readonly area!: HTMLElement;
  @query("crowd-form") private readonly ownForm!: CrowdForm | null;
  #view: TextView | undefined;
  #entities: Entity[] | undefined;
  /** The selection, kept while the focus is elsewhere. */
  #passage: Passage | undefined;
  /** How many clicks of the mouse have come one right after the other, and what was labeled before the first. */
  #clicks = 0;
  #beforeClicks: Entity[] | undefined;
  /** The other end of what the keyboard selects. */
  #backwards = false;
  /** What has been made of the labels and of what the template gives, until these change. */
  #known: Label[] | undefined;
  #given: { value: unknown; text: string; entities: Entity[]; outside: number } | undefined;
  /** Where the keyboard goes on when nothing is selected. */
  #cursor: number | undefined;
  #characters: { text: string; map: Characters } | undefined;
  #pointer = "";

  override get innerForm(): ParentNode | undefined {
    return this.ownForm ?? undefined;
  }

  override commands(): Command[] {
    return [
      ...this.#labels().map(({ label, full }) => ({
        id: `label:${label}`,
        label: full,
        run: () => this.#choose(label),
      })),
      { id: "next-passage", label: word("next_passage"), key: "]", run: () => this.#goTo(1) },
      { id: "previous-passage", label: word("previous_passage"), key: "[", run: () => this.#goTo(-1) },
      { id: "remove-label", label: word("remove"), key: "Delete", run: () => this.#removeSelected() },
    ];
  }

  protected override get result(): Record<string, unknown> {
    const map = this.#map();
    const entities = this.#all()
      .map(({ label, start, end }) => ({ label, startOffset: map.before(start), endOffset: map.before(end) }))
      .sort((first, second) => first.startOffset - second.startOffset || first.endOffset - second.endOffset);
    return { entities };
  }

  override get state(): unknown {
    if (!this.#entities) return undefined;
    const list = (entities: Entity[]) =>
      JSON.stringify(entities.map((entity) => [entity.start, entity.end, entity.label]).sort(byNumbers));
    return list(this.#entities) === list(this.#initial().entities) ? undefined : this.#entities;
  }
  override set state(state: unknown) {
    this.#entities = Array.isArray(state) ? (state as Entity[]).filter((entity) => this.#isInside(entity)) : undefined;
    this.#passage = undefined;
    this.changed(false);
  }

  protected override take(value: unknown): void {
    this.#entities = this.#read(value).entities;
    this.#passage = undefined;
  }

  protected override problem(): string {
    return "";
  }

  override focus(options?: FocusOptions): void {
    this.area?.focus(options);
  }

  #labels(): Label[] {
    this.#known ??= this.#readLabels();
    return this.#known;
  }

  #readLabels(): Label[] {
    const seen = new Set<string>();
    return asList(this.labels).flatMap((entry) => {
      const label = labelText(entry);
      if (seen.has(label)) return [];
      seen.add(label);
      const given = isRecord(entry) ? entry : {};
      const name = (key: string) => (typeof given[key] === "string" && given[key] ? given[key] : label);
      return [{ label, short: name("shortDisplayName"), full: name("fullDisplayName"), color: colorOf(seen.size - 1) }];
    });
  }

  #all(): Entity[] {
    return this.#entities ?? this.#initial().entities;
  }

  /** The entities that the template gives; those that are not inside the text are only counted. */
  #initial(): { entities: Entity[]; outside: number } {
    const [value, text] = [this.initialValue, this.text];
    const known = this.#given;
    if (known && known.value === value && known.text === text) return known;
    const given = { value, text, ...this.#read(value) };
    this.#given = given;
    return given;
  }

  #read(value: unknown): { entities: Entity[]; outside: number } {
    const map = this.#map();
    let outside = 0;
    const entities = asList(unwrapped(value, "entities")).flatMap((entry) => {
      if (!isRecord(entry)) return [];
      const [first, last] = [Number(entry.startOffset), Number(entry.endOffset)];
      const entity = { label: labelText(entry.label ?? ""), start: map.offset(first), end: map.offset(last) };
      if (Number.isInteger(first) && Number.isInteger(last) && first >= 0 && this.#isInside(entity)) return [entity];
      outside++;
      return [];
    });
    return { entities, outside };
  }

  #isInside({ start, end }: Passage): boolean {
    return start >= 0 && start < end && end <= this.text.length;
  }

  #map(): Characters {
    if (this.#characters?.text !== this.text) this.#characters = { text: this.text, map: new Characters(this.text) };
    return this.#characters.map;
  }

  /** A label has been chosen: for what is selected, or for all that will be. */
  #choose(label: string): void {
    if (this.#passage) this.#label(this.#passage, label);
    else this.active = this.active === label ? undefined : label;
  }

  #label(wanted: Passage, label: string): void {
    const passage = this.#fitting(wanted);
    if (!passage) return;
    const entities = this.#all();
    const places = this.allOccurrences ? occurrences(this.text, passage, this.wholeWords, MAX_OCCURRENCES) : [passage];
    const known = new Set(entities.map(({ start, end }) => `${start}-${end}`));
    const fresh = places.filter(
      (place) =>
        same(place, passage) ||
        (!known.has(`${place.start}-${place.end}`) && !entities.some((entity) => crosses(place, entity))),
    );
    const replaced = new Set(fresh.map(({ start, end }) => `${start}-${end}`));
    this.#entities = [
      ...entities.filter(({ start, end }) => !replaced.has(`${start}-${end}`)),
      ...fresh.map(({ start, end }) => ({ label, start, end })),
    ];
    const full = this.#labels().find((entry) => entry.label === label)?.full ?? label;
    this.status =
      fresh.length > 1
        ? word("marked_all", { count: fresh.length, label: full })
        : word("marked", { text: this.#quote(passage), label: full });
    this.#passage = undefined;
    window.getSelection()?.removeAllRanges();
    this.#cursor = passage.end;
    this.changed();
  }

  /** A passage as it may be marked: trimmed, whole words, and never only a part of one that is marked. */
  #fitting(wanted: Passage): Passage | undefined {
    const entities = this.#all();
    let passage = trimmed(this.text, wanted);
    if (!passage || entities.some((entity) => same(entity, wanted))) return passage ? wanted : undefined;
    if (this.wholeWords) passage = toWords(this.text, passage, this.#language);
    const around = entities.filter((entity) => entity.start <= wanted.start && wanted.end <= entity.end);
    const inner = around.sort((first, second) => first.end - first.start - (second.end - second.start))[0];
    if (inner) return { start: inner.start, end: inner.end };
    for (let changed = true; changed; ) {
      changed = false;
      for (const entity of entities) {
        if (!crosses(entity, passage)) continue;
        passage = { start: Math.min(entity.start, passage.start), end: Math.max(entity.end, passage.end) };
        changed = true;
      }
    }
    return passage;
  }

  #remove(removed: Entity | undefined): boolean {
    if (!removed) return false;
    this.#entities = this.#all().filter((entity) => entity !== removed);
    this.status = word("removed", { text: this.#quote(removed) });
    this.#passage = undefined;
    this.changed();
    return true;
  }

  #removeSelected(): boolean {
    return this.#remove(this.#selectedEntity());
  }

  /** Select the next or previous labeled passage. */
  #goTo(step: number): boolean {
    const sorted = [...this.#all()].sort((first, second) => first.start - second.start || first.end - second.end);
    if (sorted.length === 0) return false;
    const from = this.#passage ?? this.#caretPassage();
    const at = from ? sorted.findIndex((entity) => same(entity, from)) : -1;
    const next =
      at >= 0
        ? sorted.at((at + step) % sorted.length)
        : step > 0
          ? (sorted.find((entity) => entity.start >= (from?.start ?? 0)) ?? sorted[0])
          : (sorted.findLast((entity) => entity.end <= (from?.end ?? this.text.length)) ?? sorted.at(-1));
    if (next) this.#select({ start: next.start, end: next.end });
    this.area.focus();
    return true;
  }

  #select(passage: Passage, backwards = false): void {
    this.#passage = passage;
    this.#backwards = backwards;
    this.#view?.select(passage, backwards);
    const full = new Map(this.#labels().map((label) => [label.label, label.full]));
    const labels = this.#all()
      .filter((entity) => same(entity, passage))
      .map((entity) => full.get(entity.label) ?? entity.label);
    this.status = `“${this.#quote(passage)}”${labels.length > 0 ? `: ${labels.join(", ")}` : ""}`;
    this.requestUpdate();
  }

  #caretPassage(): Passage | undefined {
    return this.#cursor === undefined ? undefined : { start: this.#cursor, end: this.#cursor };
  }

  get #language(): string {
    return this.closest("[lang]")?.getAttribute("lang") ?? "";
  }

  #quote({ start, end }: Passage): string {
    const text = this.text.slice(start, end).replace(/\s+/g, " ");
    return text.length > 60 ? `${text.slice(0, 59)}…` : text;
  }

  /** Move by word; with Shift the selected passage grows or shrinks, with Alt by single characters. */
  #keydown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey) return;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && this.#passage) {
      this.#cursor = this.#passage.end;
      this.#passage = undefined;
      window.getSelection()?.removeAllRanges();
      this.requestUpdate();
    } else if (event.key === "Enter") {
      if (!this.#passage || this.active === undefined) return;
      this.#label(this.#passage, this.active);
    } else if (event.key === "Backspace") {
      if (!this.#removeSelected()) return;
    } else if (step === undefined) {
      return;
    } else if (event.altKey && event.shiftKey && this.#passage) {
      this.#stretch(this.#passage, (offset) => this.#characterStep(offset, step));
    } else if (event.shiftKey && this.#passage) {
      this.#stretch(this.#passage, (offset) => this.#wordStep(offset, step));
    } else {
      this.#moveByWord(step);
    }
    event.preventDefault();
  }

  #stretch({ start, end }: Passage, moved: (offset: number) => number): void {
    const [anchor, focus] = this.#backwards ? [end, moved(start)] : [start, moved(end)];
    if (anchor === focus) return;
    this.#select({ start: Math.min(anchor, focus), end: Math.max(anchor, focus) }, focus < anchor);
  }

  /** The new border of a passage that grows or shrinks by one word. */
  #wordStep(offset: number, step: number): number {
    if (step > 0)
      return this.#backwards
        ? (wordAfter(this.text, offset + 1, this.#language)?.start ?? offset)
        : (wordAfter(this.text, offset, this.#language)?.end ?? offset);
    if (this.#backwards) return wordBefore(this.text, offset, this.#language)?.start ?? offset;
    return wordBefore(this.text, offset - 1, this.#language)?.end ?? offset;
  }

  #characterStep(offset: number, step: number): number {
    const next = offset + step;
    const wide = /[\udc00-\udfff]/.test(this.text[next] ?? "") && /[\ud800-\udbff]/.test(this.text[next - 1] ?? "");
    return Math.min(Math.max(wide ? next + step : next, 0), this.text.length);
  }

  #moveByWord(step: number): void {
    const from = this.#passage ?? this.#caretPassage();
    const next = !from
      ? wordAfter(this.text, 0, this.#language)
      : step > 0
        ? wordAfter(this.text, from.end, this.#language)
        : wordBefore(this.text, from.start, this.#language);
    if (next) this.#select(next);
  }

  constructor() {
    super();
    onSelection(this, () => this.#selectionChanged());
  }

  #selectionChanged(): void {
    const selected = this.#view?.selected();
    if (!selected) return;
    const before = this.#selectedEntity();
    this.#passage = selected;
    if (this.#selectedEntity() !== before) this.requestUpdate();
  }

  /** The entity whose passage is selected. */
  #selectedEntity(): Entity | undefined {
    const passage = this.#passage;
    return passage && this.#all().find((entity) => same(entity, passage));
  }

  #pointerDown(event: PointerEvent): void {
    this.#pointer = event.pointerType;
    if (onChip(event)) return;
    this.#passage = undefined;
    // The button may be let go outside the text.
    window.addEventListener("pointerup", (up) => this.#pointerUp(up), { once: true });
  }

  #mouseDown(event: MouseEvent): void {
    this.#clicks = event.detail;
    if (onChip(event)) this.#beforeClicks = undefined;
    else if (event.detail === 1) this.#beforeClicks = this.#all();
  }

  /** By mouse, what has been selected is labeled at once if a label is active. By touch its ends can still be moved. */
  #pointerUp(event: PointerEvent): void {
    const at = { x: event.clientX, y: event.clientY };
    // The browser ends the selection after this event; by then the next click may have begun.
    setTimeout(() => {
      const selected = this.#view?.selected();
      if (selected && this.#pointer !== "touch") {
        if (this.active !== undefined && this.#clicks > 2) this.#markLines(selected, this.active);
        else if (this.active !== undefined) this.#label(selected, this.active);
        else this.#settle(selected);
      } else if (!selected) {
        this.#clicked(this.#view?.offsetAt(at.x, at.y));
      }
    });
  }

  /** A third click means the line, not the word that the second one has labeled and whose chip ends the selection. */
  #markLines({ start, end }: Passage, label: string): void {
    if (this.#beforeClicks) this.#entities = this.#beforeClicks;
    const lineEnd = this.text.indexOf("\n", Math.max(start, end - 1));
    const first = start === 0 ? 0 : this.text.lastIndexOf("\n", start - 1) + 1;
    this.#label({ start: first, end: lineEnd < 0 ? this.text.length : lineEnd }, label);
  }

  /** What will be labeled is what is shown as selected. */
  #settle(selected: Passage): void {
    const fitting = this.#fitting(selected);
    if (fitting) this.#select(fitting);
  }

  /** A click selects the labeled passage under it; a tap also a word, and labels it if a label is active. */
  #clicked(offset: number | undefined): void {
    if (offset === undefined) return;
    const under = this.#all().filter((entity) => entity.start <= offset && offset < entity.end);
    const inner = under.sort((first, second) => first.end - first.start - (second.end - second.start))[0];
    if (inner) {
      this.#select({ start: inner.start, end: inner.end });
      return;
    }
    this.#cursor = offset;
    const tapped = this.#pointer === "touch" ? wordAt(this.text, offset, this.#language) : undefined;
    if (tapped && this.active !== undefined) this.#label(tapped, this.active);
    else if (tapped) this.#select(tapped);
    else this.requestUpdate();
  }

  protected override willUpdate(changes: PropertyValues): void {
    if (changes.has("labels")) this.#known = undefined;
  }

  protected override firstUpdated(): void {
    this.#view = new TextView(this.area, (number) => this.#remove(this.#all()[number]));
    const form = this.ownForm;
    if (form) {
      form.owner = this;
      form.requestUpdate();
    }
  }

  protected override async getUpdateComplete(): Promise<boolean> {
    const done = await super.getUpdateComplete();
    await this.ownForm?.updateComplete;
    return done;
  }

  protected override updated(changes?: PropertyValues): void {
    super.updated(changes);
    const labels = new Map(this.#labels().map((label) => [label.label, label]));
    this.#view?.show(this.text);
    this.#view?.mark(
      this.#all().map(({ label, start, end }) => {
        const known = labels.get(label);
        const title = known?.full ?? label;
        return {
          start,
          end,
          title,
          color: known?.color ?? "#7f7f7f",
          short: known?.short ?? label,
          removal: word("remove_label", { label: title, text: this.#quote({ start, end }) }),
        };
      }),
      this.#passage,
    );
  }

  protected override renderWork() {
    const { outside } = this.#initial();
    return html`
      ${this.faults({ labels: this.labels, "initial-value": this.initialValue }, { labels: this.labels, text: this.text })}
      ${outside > 0 ? html`<p class="problem">${word("outside_text", { count: outside })}</p>` : nothing}
      <div class="category-picker-wrapper" ${OWN}>${this.#renderLabels()}</div>
      <div
        class="text"
        tabindex="0"
        role="group"
        aria-label=${word("text")}
        aria-describedby="help"
        dir="auto"
        ${OWN}
        @keydown=${this.#keydown}
        @pointerdown=${this.#pointerDown}
        @mousedown=${this.#mouseDown}
      ></div>
      <div class="tools" ${OWN}>
        <label><input type="checkbox" .checked=${this.wholeWords} @change=${(event: Event) => {
          this.wholeWords = isChecked(event);
        }}>${word("whole_words")}</label>
        <label><input type="checkbox" .checked=${this.allOccurrences} @change=${(event: Event) => {
          this.allOccurrences = isChecked(event);
        }}>${word("all_occurrences")}</label>
        <button type="button" ?disabled=${!this.#selectedEntity()} @pointerdown=${keepSelection} @click=${() => this.#removeSelected()}>${word("remove")}</button>
        <span class="quiet">${word("passages", { count: this.#all().length })}</span>
      </div>
      <p id="help" class="quiet help">${word("text_help")}</p>
      <p role="status" class="quiet help">${this.status}</p>
      <slot></slot>
    `;
  }

  #renderLabels() {
    const labels = this.#labels();
    const wanted = this.filter.toLocaleLowerCase();
    const shown = wanted
      ? labels.filter((label) => `${label.label} ${label.full}`.toLocaleLowerCase().includes(wanted))
      : labels;
    const caps = keys.of(this);
    const active = labels.find((label) => label.label === this.active);
    return html`
      ${findField(labels.length, (text) => {
        this.filter = text;
      })}
      <div class="labels" role="group" aria-label=${word("labels")}>
        ${shown.map(
          ({ label, full, color }) => html`<button
            type="button"
            aria-pressed=${label === this.active}
            @pointerdown=${keepSelection}
            @click=${() => this.#choose(label)}
          ><i style="background: ${color}"></i><span dir="auto">${full}</span>${keyCap(caps.get(`label:${label}`))}</button>`,
        )}
      </div>
      ${active ? html`<p class="quiet help">${word("one_label_active", { label: active.full })}</p>` : nothing}
    `;
  }

  override render() {
    return html`<crowd-form><div>${this.renderLayout()}</div></crowd-form>`;
  }
}

/** A click on a button does not end the selection in the text. */
function keepSelection(event: Event): void {
  event.preventDefault();
}

function isChecked(event: Event): boolean {
  return (event.target as HTMLInputElement).checked;
}

function onChip(event: Event): boolean {
  return event.composedPath().some((target) => target instanceof Element && target.classList.contains("chip"));
}

function same(first: Passage, second: Passage): boolean {
  return first.start === second.start && first.end === second.end;
}

function byNumbers(first: (string | number)[], second: (string | number)[]): number {
  return Number(first[0]) - Number(second[0]) || Number(first[1]) - Number(second[1]);
}
