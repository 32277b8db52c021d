/** A text in which passages are selected and marked: drawn without templates, for the sake of long texts. */
import { css, type ReactiveControllerHost } from "lit";
import { textOn } from "./colors";
import type { Passage } from "./passages";

/** Approximate length of the part of a text that is drawn at once; parts end at line breaks. */
const PART = 4000;

export const textStyle = css`
  .text {
    max-height: 65vh; overflow: auto; padding: .75rem 1rem; border: 1px solid var(--labeling-line); border-radius: .5rem; font-size: 1.05rem;
    line-height: 2; white-space: pre-wrap; overflow-wrap: anywhere; cursor: text;
  }
  .text .part { content-visibility: auto; contain-intrinsic-size: auto 400px; }
  .text .mark { background: color-mix(in srgb, var(--color) 24%, transparent); border-bottom: 2px solid var(--color); padding: .1em 0; }
  .text .mark.current { outline: 2px solid var(--labeling-accent); outline-offset: 1px; }
  .chip {
    display: inline-flex; align-items: center; margin: 0 .15em; padding-inline-start: .35em; border-radius: .35em; font-size: .72rem; line-height: 1.7;
    font-weight: 600; vertical-align: .1em; user-select: none; -webkit-user-select: none; white-space: nowrap;
  }
  .chip button {
    min-width: 1.6rem; min-height: 1.5rem; padding: 0 .3em; border: 0; background: none; color: inherit; font-size: inherit; line-height: 1;
  }
`;

/** @property color the color of the label; @property short the text beside the passage; @property removal what the button beside it does */
export interface MarkedPassage extends Passage {
  color: string;
  short: string;
  title: string;
  removal?: string;
}

/** Call a function whenever something else is selected, as long as an element is on the page. */
export function onSelection(host: ReactiveControllerHost, heard: () => void): void {
  host.addController({
    hostConnected: () => document.addEventListener("selectionchange", heard),
    hostDisconnected: () => document.removeEventListener("selectionchange", heard),
  });
}

interface Part extends Passage {
  element: HTMLElement;
  /** What it was drawn with. */
  drawn: string;
  pieces: { element: HTMLElement; over: MarkedPassage[] }[];
}

export class TextView {
  #text = "";
  #parts: Part[] = [];
  #marks: MarkedPassage[] = [];
  #current: Passage | undefined;

  /**
   * @param root the element that holds the text
   * @param remove called when somebody presses the button beside a mark, with its number
   */
  constructor(
    readonly root: HTMLElement,
    private readonly remove: (mark: number) => void,
  ) {}

  show(text: string): void {
    if (text === this.#text && this.#parts.length > 0) return;
    this.#text = text;
    this.#parts = [];
    const parts = document.createDocumentFragment();
    for (let start = 0; start < text.length; ) {
      const line = text.indexOf("\n", start + PART);
      const end = line < 0 ? text.length : line + 1;
      const element = document.createElement("div");
      element.className = "part";
      parts.append(element);
      this.#parts.push({ start, end, element, drawn: "", pieces: [] });
      start = end;
    }
    this.root.replaceChildren(parts);
    this.#draw();
  }

  mark(marks: MarkedPassage[], current: Passage | undefined): void {
    this.#marks = marks;
    this.#current = current;
    this.#draw();
  }

  /** Show a passage, if it is out of sight. */
  reveal({ start }: Passage): void {
    const place = this.#pointOf(start);
    const element = place?.node.parentElement;
    element?.scrollIntoView({ block: "nearest" });
  }

  /** Select a passage as if by mouse. */
  select({ start, end }: Passage, backwards = false): void {
    const [from, to] = [this.#pointOf(start), this.#pointOf(end, true)];
    if (!from || !to) return;
    const [anchor, focus] = backwards ? [to, from] : [from, to];
    window.getSelection()?.setBaseAndExtent(anchor.node, anchor.offset, focus.node, focus.offset);
    this.reveal({ start: backwards ? start : Math.max(start, end - 1), end });
  }

  /** The selection in the text, even if it continues outside; undefined if there is none. */
  selected(): Passage | undefined {
    const range = this.#range();
    if (!range) return undefined;
    const start = this.root.contains(range.startContainer)
      ? this.#offsetOf(range.startContainer, range.startOffset)
      : 0;
    const end = this.root.contains(range.endContainer)
      ? this.#offsetOf(range.endContainer, range.endOffset)
      : this.#text.length;
    return start === undefined || end === undefined || start >= end ? undefined : { start, end };
  }

  /** The offset under a point of the window. */
  offsetAt(x: number, y: number): number | undefined {
    const root = this.root.getRootNode() as ShadowRoot | Document;
    // Two ways, neither of which all browsers have.
    const browser = document as Document & {
      caretPositionFromPoint?(x: number, y: number, options?: { shadowRoots: ShadowRoot[] }): CaretPosition | null;
      caretRangeFromPoint?(x: number, y: number): Range | null;
    };
    const shadowRoots = root instanceof ShadowRoot ? [root] : [];
    const position = browser.caretPositionFromPoint?.(x, y, { shadowRoots });
    if (position && this.root.contains(position.offsetNode))
      return this.#offsetOf(position.offsetNode, position.offset);
    const range = browser.caretRangeFromPoint?.(x, y);
    return range && this.root.contains(range.startContainer)
      ? this.#offsetOf(range.startContainer, range.startOffset)
      : undefined;
  }

  #range(): Pick<Range, "startContainer" | "startOffset" | "endContainer" | "endOffset"> | undefined {
    const root = this.root.getRootNode();
    const touches = (range: Pick<Range, "startContainer" | "endContainer"> | undefined) =>
      range !== undefined && (this.root.contains(range.startContainer) || this.root.contains(range.endContainer));
    const selection = window.getSelection() as
      | (Selection & { getComposedRanges?(options: { shadowRoots: ShadowRoot[] }): StaticRange[] })
      | null;
    if (!selection) return undefined;
    if (selection.getComposedRanges && root instanceof ShadowRoot) {
      const [range] = selection.getComposedRanges({ shadowRoots: [root] });
      if (touches(range)) return range;
    }
    const own = (root as ShadowRoot & { getSelection?(): Selection | null }).getSelection?.() ?? selection;
    if (own.rangeCount === 0) return undefined;
    const range = own.getRangeAt(0);
    return touches(range) ? range : undefined;
  }

  #draw(): void {
    for (const part of this.#parts) {
      const inside = this.#marks
        .map((mark, number) => ({ mark, number }))
        .filter(({ mark }) => mark.start < part.end && mark.end > part.start);
      const drawn = JSON.stringify(inside);
      // A part that is redrawn loses the selection in it.
      if (part.drawn !== drawn || part.pieces.length === 0) {
        part.drawn = drawn;
        this.#drawPart(part, inside);
      }
      for (const { element, over } of part.pieces)
        element.classList.toggle(
          "current",
          over.some((mark) => this.#isCurrent(mark)),
        );
    }
  }

  #isCurrent({ start, end }: Passage): boolean {
    return start === this.#current?.start && end === this.#current.end;
  }

  #drawPart(part: Part, inside: { mark: MarkedPassage; number: number }[]): void {
    const borders = new Set([part.start, part.end]);
    for (const { mark } of inside) {
      borders.add(Math.max(mark.start, part.start));
      borders.add(Math.min(mark.end, part.end));
    }
    const sorted = [...borders].sort((first, second) => first - second);
    const nodes: HTMLElement[] = [];
    part.pieces = [];
    for (const [place, start] of sorted.entries()) {
      const end = sorted[place + 1];
      if (end === undefined) break;
      const piece = document.createElement("span");
      piece.dataset.start = String(start);
      piece.textContent = this.#text.slice(start, end);
      const over = inside
        .filter(({ mark }) => mark.start <= start && mark.end >= end)
        .sort((first, second) => first.mark.end - first.mark.start - (second.mark.end - second.mark.start));
      const [inner] = over;
      if (inner) {
        piece.className = "mark";
        piece.style.setProperty("--color", inner.mark.color);
        piece.title = over.map(({ mark }) => mark.title).join(", ");
      }
      part.pieces.push({ element: piece, over: over.map(({ mark }) => mark) });
      nodes.push(piece);
      for (const { mark, number } of over) if (mark.end === end) nodes.push(this.#chip(mark, number));
    }
    part.element.replaceChildren(...nodes);
  }

  #chip(mark: MarkedPassage, number: number): HTMLElement {
    const chip = document.createElement("span");
    chip.className = "chip";
    chip.title = mark.title;
    chip.style.background = mark.color;
    chip.style.color = textOn(mark.color);
    chip.append(mark.short);
    if (mark.removal) {
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = -1;
      button.setAttribute("aria-label", mark.removal);
      button.textContent = "✕";
      button.addEventListener("click", () => this.remove(number));
      chip.append(button);
    }
    return chip;
  }

  /** A point of the page as an offset of the text. */
  #offsetOf(node: Node, offset: number): number | undefined {
    const piece = node instanceof Text ? node.parentElement : null;
    if (piece?.dataset.start !== undefined) return Number(piece.dataset.start) + offset;
    // Between elements: the start of the first piece that comes after, else the end of the text.
    const point = document.createRange();
    point.setStart(node, offset);
    for (const part of this.#parts) {
      const end = document.createRange();
      end.selectNodeContents(part.element);
      if (end.comparePoint(node, offset) > 0) continue;
      for (const element of part.element.querySelectorAll<HTMLElement>("[data-start]")) {
        const range = document.createRange();
        range.selectNodeContents(element);
        if (range.comparePoint(node, offset) <= 0) return Number(element.dataset.start);
      }
      return part.end;
    }
    return this.#text.length;
  }

  /** The place of an offset on the page; at the end of the piece before it, if that is wanted. */
  #pointOf(offset: number, before = false): { node: Node; offset: number } | undefined {
    const part =
      this.#parts.find((drawn) =>
        before ? drawn.start < offset && offset <= drawn.end : drawn.start <= offset && offset < drawn.end,
      ) ?? this.#parts.at(before ? 0 : -1);
    if (!part) return undefined;
    let nearest: HTMLElement | undefined;
    for (const element of part.element.querySelectorAll<HTMLElement>("[data-start]")) {
      const start = Number(element.dataset.start);
      if (before ? start < offset : start <= offset) nearest = element;
      else break;
    }
    const piece = nearest ?? part.element.querySelector<HTMLElement>("[data-start]");
    const node = piece?.firstChild;
    if (!piece || !node) return undefined;
    return { node, offset: Math.min(offset - Number(piece.dataset.start), node.textContent?.length ?? 0) };
  }
}
