/** `crowd-question-answer-generation`: questions and answers on a text, each with the passages it rests on. */
import { css, html, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { Annotator } from "../annotator";
import { asList, isRecord, json5, labelTexts, number } from "../attributes";
import { colorOf } from "../colors";
import { element } from "../element";
import { OWN } from "../form";
import { Characters, type Passage, trimmed, wordAt } from "../passages";
import { onSelection, TextView, textStyle } from "../text-view";
import { word } from "../words";

interface Pair {
  question: string;
  answer: string;
  tag: string;
  passages: Passage[];
}

const EMPTY: Pair = { question: "", answer: "", tag: "", passages: [] };

@element("crowd-question-answer-generation")
export class CrowdQuestionAnswerGeneration extends Annotator {
  static override styles = [
    ...Annotator.styles,
    textStyle,
    css`
      .pair { border: 1px solid var(--labeling-line); border-radius: .5rem; padding: .7rem .9rem; margin: .8rem 0; min-width: 0; }
      .pair label { display: block; margin: .4rem 0 .6rem; }
      .pair textarea { display: block; width: 100%; }
      .passages { margin: .4rem 0; padding: 0; list-style: none; }
      .passages li { display: flex; gap: .5rem; align-items: center; justify-content: space-between; padding: .15rem 0; }
      .buttons { display: flex; flex-wrap: wrap; gap: .5rem; }
      .tag { display: flex; flex-wrap: wrap; gap: .6rem; }
      .text { max-height: 45vh; }
    `,
  ];

  @property() text = "";
  @property({ attribute: "min-questions", converter: number }) minQuestions: number | undefined;
  @property({ attribute: "max-questions", converter: number }) maxQuestions: number | undefined;
  @property({ attribute: "question-min-words", converter: number }) questionMinWords: number | undefined;
  @property({ attribute: "question-max-words", converter: number }) questionMaxWords: number | undefined;
  @property({ attribute: "answer-min-words", converter: number }) answerMinWords: number | undefined;
  @property({ attribute: "answer-max-words", converter: number }) answerMaxWords: number | undefined;
  @property({ attribute: "question-tags", converter: json5 }) questionTags: unknown;
  @property({ type: Boolean, attribute: "allow-custom-question-tags" }) allowCustomQuestionTags = false;
  @state() private status = "";
  @query(".text") private readonly area!: HTMLElement;
  #pairs: Pair[] | undefined;
  #view: TextView | undefined;
  #passage: Passage | undefined;

  constructor() {
    super();
    onSelection(this, () => {
      this.#passage = this.#view?.selected() ?? this.#passage;
    });
  }

  #all(): Pair[] {
    return this.#pairs ?? Array.from({ length: Math.max(this.minQuestions ?? 1, 1) }, () => EMPTY);
  }

  protected override get result(): Record<string, unknown> {
    const map = new Characters(this.text);
    return {
      questionAnswerPairs: this.#all()
        .filter(isWritten)
        .map(({ question, answer, tag, passages }) => ({
          question,
          answer,
          ...(tag.trim() ? { questionTag: tag } : {}),
          textReferences: passages.map(({ start, end }) => ({
            startOffset: map.before(start),
            endOffset: map.before(end),
            text: this.text.slice(start, end),
          })),
        })),
    };
  }

  override get state(): unknown {
    return this.#pairs?.some((pair) => isWritten(pair) || pair.tag || pair.passages.length > 0)
      ? this.#pairs
      : undefined;
  }
  override set state(state: unknown) {
    this.#pairs = Array.isArray(state) ? state.filter(isRecord).map((pair) => ({ ...EMPTY, ...pair })) : undefined;
    this.changed(false);
  }

  protected override take(value: unknown): void {
    const map = new Characters(this.text);
    const given = asList(isRecord(value) ? value.questionAnswerPairs : value).filter(isRecord);
    this.#pairs = given.map((entry) => ({
      question: String(entry.question ?? ""),
      answer: String(entry.answer ?? ""),
      tag: String(entry.questionTag ?? ""),
      passages: asList(entry.textReferences)
        .filter(isRecord)
        .map((textReference) => ({
          start: map.offset(Number(textReference.startOffset)),
          end: map.offset(Number(textReference.endOffset)),
        })),
    }));
  }

  protected override problem(): string {
    const written = this.#all().filter(isWritten);
    for (const [place, { question, answer }] of written.entries()) {
      const field = word("question", { number: place + 1 });
      const fault =
        wordsProblem(field, question, this.questionMinWords ?? 1, this.questionMaxWords) ||
        wordsProblem(`${field}, ${word("answer")}`, answer, this.answerMinWords ?? 1, this.answerMaxWords);
      if (fault) return fault;
    }
    const least = this.minQuestions ?? 1;
    return written.length < least ? word("too_few_questions", { count: least }) : "";
  }

  override focus(options?: FocusOptions): void {
    const fields = [...this.renderRoot.querySelectorAll("textarea")];
    (fields.find((field) => !field.value.trim()) ?? fields[0])?.focus(options);
  }

  #change(place: number, change: Partial<Pair>, done = true): void {
    this.#pairs = this.#all().map((pair, at) => (at === place ? { ...pair, ...change } : pair));
    this.changed(done);
  }

  async #add(): Promise<void> {
    this.#pairs = [...this.#all(), { ...EMPTY }];
    this.changed();
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLElement>(".pair:last-of-type textarea")?.focus();
  }

  #refer(place: number): void {
    const passage = this.#passage && trimmed(this.text, this.#passage);
    const pair = this.#all()[place];
    this.status = passage ? "" : word("select_passage");
    if (!passage || !pair || pair.passages.some((known) => known.start === passage.start && known.end === passage.end))
      return;
    this.#passage = undefined;
    window.getSelection()?.removeAllRanges();
    this.#change(place, { passages: [...pair.passages, passage] });
  }

  /** By keyboard a passage is selected as in any text: Shift and the arrow keys, from where the last one ended. */
  #keydown(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { start, end } = this.#passage ?? { start: 0, end: 0 };
    const next = nextBorder(this.text, end, step);
    this.#passage =
      event.shiftKey && next > start
        ? { start, end: next }
        : step > 0
          ? { start: end, end: next }
          : { start: next, end: start };
    if (this.#passage.start < this.#passage.end) this.#view?.select(this.#passage);
  }

  /** By touch a tap selects a word, whose ends can then be moved. */
  #tapped(event: MouseEvent): void {
    const offset = this.#view?.offsetAt(event.clientX, event.clientY);
    if ((event as PointerEvent).pointerType !== "touch" || offset === undefined || this.#view?.selected()) return;
    const tapped = wordAt(this.text, offset, this.closest("[lang]")?.getAttribute("lang") ?? "");
    if (!tapped) return;
    this.#passage = tapped;
    this.#view?.select(tapped);
  }

  protected override firstUpdated(): void {
    this.#view = new TextView(this.area, () => undefined);
  }

  protected override updated(changes?: PropertyValues): void {
    super.updated(changes);
    this.#view?.show(this.text);
    this.#view?.mark(
      this.#all().flatMap(({ passages }, place) =>
        passages.map((passage) => ({
          ...passage,
          color: colorOf(place),
          short: String(place + 1),
          title: word("question", { number: place + 1 }),
        })),
      ),
      undefined,
    );
  }

  protected override renderWork() {
    const pairs = this.#all();
    const most = this.maxQuestions ?? Number.POSITIVE_INFINITY;
    return html`
      ${this.faults({ "question-tags": this.questionTags }, { text: this.text })}
      <div class="text" tabindex="0" role="group" aria-label=${word("prompt")} dir="auto" ${OWN} @keydown=${this.#keydown}
        @click=${this.#tapped}></div>
      <p role="status" class="problem">${this.status}</p>
      <div ${OWN}>
        ${pairs.map((pair, place) => this.#renderPair(pair, place, pairs.length))}
        <button type="button" ?disabled=${pairs.length >= most} @click=${() => this.#add()}>${word("add_question")}</button>
      </div>
      <slot></slot>
    `;
  }

  #renderPair(pair: Pair, place: number, count: number) {
    const number = place + 1;
    const field = (
      key: "question" | "answer",
      label: string,
      least: number | undefined,
      most: number | undefined,
    ) => html`
      <label>${label} <span class="quiet">${limits(least, most)}</span>
        <textarea rows="2" dir="auto"
          .value=${live(pair[key])}
          @input=${(event: Event) => this.#change(place, { [key]: (event.target as HTMLTextAreaElement).value }, false)}
          @change=${() => this.changed()}
        ></textarea>
      </label>`;
    return html`<fieldset class="pair">
      <legend>${word("question", { number })}</legend>
      ${field("question", word("question", { number }), this.questionMinWords, this.questionMaxWords)}
      ${field("answer", word("answer"), this.answerMinWords, this.answerMaxWords)}
      ${this.#renderTag(pair, place)}
      ${
        pair.passages.length > 0
          ? html`<ul class="passages" aria-label=${word("passages_of_question", { number })}>
              ${pair.passages.map((passage) => {
                const text = this.text.slice(passage.start, passage.end);
                const remove = () =>
                  this.#change(place, { passages: pair.passages.filter((other) => other !== passage) });
                return html`<li><q>${text}</q><button type="button" aria-label=${word("remove_passage", { text })} @click=${remove}>✕</button></li>`;
              })}
            </ul>`
          : nothing
      }
      <div class="buttons">
        <button type="button" @pointerdown=${(event: Event) => event.preventDefault()} @click=${() => this.#refer(place)}>${word("add_passage")}</button>
        ${
          count > 1
            ? html`<button type="button" @click=${() => {
                this.#pairs = this.#all().filter((_, at) => at !== place);
                this.changed();
              }}>${word("remove_question", { number })}</button>`
            : nothing
        }
      </div>
    </fieldset>`;
  }

  #renderTag(pair: Pair, place: number) {
    const tags = labelTexts(this.questionTags);
    if (tags.length === 0 && !this.allowCustomQuestionTags) return nothing;
    const own = pair.tag !== "" && !tags.includes(pair.tag);
    return html`<div class="tag">
      ${
        tags.length > 0
          ? html`<label>${word("tag")}
              <select .value=${live(own ? "" : pair.tag)} @change=${(event: Event) => this.#change(place, { tag: (event.target as HTMLSelectElement).value })}>
                <option value="">${word("no_tag")}</option>
                ${tags.map((tag) => html`<option value=${tag} ?selected=${tag === pair.tag}>${tag}</option>`)}
              </select>
            </label>`
          : nothing
      }
      ${
        this.allowCustomQuestionTags
          ? html`<label>${word("custom_tag")}
              <input type="text" .value=${live(own ? pair.tag : "")} @change=${(event: Event) => this.#change(place, { tag: (event.target as HTMLInputElement).value })}>
            </label>`
          : nothing
      }
    </div>`;
  }
}

function isWritten({ question, answer }: Pair): boolean {
  return question.trim() !== "" || answer.trim() !== "";
}

function wordsProblem(field: string, text: string, least: number, most: number | undefined): string {
  const count = text.trim() ? text.trim().split(/\s+/).length : 0;
  if (count < least) return word("too_few_words", { field, count: least });
  return most !== undefined && count > most ? word("too_many_words", { field, count: most }) : "";
}

function limits(least: number | undefined, most: number | undefined): string {
  if (least !== undefined && most !== undefined) return word("words_limits", { least, most });
  if (least !== undefined) return word("words_least", { least });
  return most !== undefined ? word("words_most", { most }) : "";
}

/** Where the next word after an offset ends, or the one before it begins. */
function nextBorder(text: string, offset: number, step: number): number {
  if (step > 0) {
    const pattern = /\s*\S+/y;
    pattern.lastIndex = offset;
    return offset + (pattern.exec(text)?.[0].length ?? 0);
  }
  let at = offset;
  while (at > 0 && /\s/.test(text[at - 1] ?? "")) at--;
  while (at > 0 && !/\s/.test(text[at - 1] ?? "")) at--;
  return at;
}
