/** `crowd-text-ranking`: responses to a text get a rank in each dimension. */
import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { Annotator } from "../annotator";
import { asList, isRecord, json5, labelText } from "../attributes";
import type { Answer } from "../control";
import { element } from "../element";
import { OWN } from "../form";
import { word } from "../words";

interface Dimension {
  name: string;
  allowTie: boolean;
}
/** By dimension: the rank of each response, 1 the best; undefined where none was given. */
type Ranks = Record<string, (number | null)[]>;

@element("crowd-text-ranking")
export class CrowdTextRanking extends Annotator {
  static override styles = [
    ...Annotator.styles,
    css`
      .source, .response { padding: .6rem .8rem; border-radius: .5rem; background: var(--labeling-soft); white-space: pre-wrap; max-height: 40vh; overflow: auto; }
      h3 { font-size: 1rem; margin: 1rem 0 .35rem; }
      .responses { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); padding: 0; margin: 0; list-style: none; }
      section { margin-top: 1rem; }
      .rank { display: flex; flex-wrap: wrap; gap: .3rem 1rem; align-items: center; padding: .25rem 0; border: 0; margin: 0; border-top: 1px solid var(--labeling-line); }
      .rank legend { float: inline-start; width: 8rem; padding: 0; }
      .rank label { display: inline-flex; gap: .35rem; align-items: center; min-width: 2.6rem; min-height: 2.2rem; cursor: pointer; }
    `,
  ];

  @property() text = "";
  @property({ converter: json5 }) responses: unknown;
  @property({ attribute: "ordinal-ranking-dimensions", converter: json5 }) ordinalRankingDimensions: unknown;
  #ranks: Ranks = {};

  #dimensions(): Dimension[] {
    return asList(this.ordinalRankingDimensions).map((ordinalRankingDimension) => ({
      name: labelText(ordinalRankingDimension),
      allowTie:
        isRecord(ordinalRankingDimension) &&
        (ordinalRankingDimension.allowTie === true || ordinalRankingDimension.allowTie === "true"),
    }));
  }

  #texts(): string[] {
    return asList(this.responses).map(labelText);
  }

  #ranksOf(dimension: string): (number | null)[] {
    const given = this.#ranks[dimension] ?? [];
    return this.#texts().map((_, place) => given[place] ?? null);
  }

  protected override get result(): Record<string, unknown> {
    return {
      ordinalRankingDimensions: this.#dimensions().map(({ name }) => ({ name, responseRankings: this.#ranksOf(name) })),
    };
  }

  /** Directly in the answer, not under the element's name. */
  override collect(answer: Answer): void {
    Object.assign(answer, this.result);
  }

  override get state(): unknown {
    return Object.values(this.#ranks).some((ranks) => ranks.some((rank) => rank !== null)) ? this.#ranks : undefined;
  }
  override set state(state: unknown) {
    this.#ranks = isRecord(state) ? (structuredClone(state) as Ranks) : {};
    this.changed(false);
  }

  protected override take(value: unknown): void {
    const given = asList(isRecord(value) ? value.ordinalRankingDimensions : value).filter(isRecord);
    this.#ranks = Object.fromEntries(
      given.map((entry) => [labelText(entry), asList(entry.responseRankings).map(Number)]),
    );
  }

  protected override problem(): string {
    const open = this.#dimensions().find(({ name }) => this.#ranksOf(name).includes(null));
    return open ? word("rank_all", { dimension: open.name }) : "";
  }

  override focus(options?: FocusOptions): void {
    const inputs = [...this.renderRoot.querySelectorAll<HTMLInputElement>("input")];
    const groups = new Map<string, HTMLInputElement[]>();
    for (const input of inputs) groups.set(input.name, [...(groups.get(input.name) ?? []), input]);
    const open = [...groups.values()].find((group) => !group.some((button) => button.checked));
    (open?.[0] ?? inputs[0])?.focus(options);
  }

  #rank({ name, allowTie }: Dimension, response: number, rank: number): void {
    const ranks = this.#ranksOf(name).map((before, place) => {
      if (place === response) return rank;
      return !allowTie && before === rank ? null : before;
    });
    this.#ranks = { ...this.#ranks, [name]: ranks };
    this.changed();
  }

  protected override renderWork() {
    const texts = this.#texts();
    return html`
      ${this.faults(
        { responses: this.responses, "ordinal-ranking-dimensions": this.ordinalRankingDimensions },
        { responses: this.responses, "ordinal-ranking-dimensions": this.ordinalRankingDimensions },
      )}
      ${this.text ? html`<h3>${word("prompt")}</h3><div class="source" dir="auto" tabindex="0" role="group" aria-label=${word("prompt")}>${this.text}</div>` : nothing}
      <h3>${word("responses")}</h3>
      <ol class="responses">
        ${texts.map((text, place) => html`<li><b>${word("response", { number: place + 1 })}</b><div class="response" dir="auto" tabindex="0" role="group" aria-label=${word("response", { number: place + 1 })}>${text}</div></li>`)}
      </ol>
      <div ${OWN}>${this.#dimensions().map((dimension, place) => this.#renderDimension(dimension, place, texts.length))}</div>
      <slot></slot>
    `;
  }

  #renderDimension(dimension: Dimension, place: number, count: number) {
    const ranks = this.#ranksOf(dimension.name);
    return html`<section>
      <h3>${dimension.name}</h3>
      <p class="quiet">${word(dimension.allowTie ? "rank_help_ties" : "rank_help_no_ties")}</p>
      ${ranks.map(
        (
          rank,
          response,
        ) => html`<fieldset class="rank" aria-label=${word("rank_of", { dimension: dimension.name, number: response + 1 })}>
          <legend>${word("response", { number: response + 1 })}</legend>
          ${Array.from(
            { length: count },
            (_, at) => html`<label><input
              type="radio"
              name="rank-${place}-${response}"
              .checked=${live(rank === at + 1)}
              ?disabled=${this.matches(":disabled")}
              @change=${() => this.#rank(dimension, response, at + 1)}
            >${at + 1}</label>`,
          )}
        </fieldset>`,
      )}
    </section>`;
  }
}
