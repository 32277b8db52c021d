/** Passages of a text: where words begin and end, where else a passage occurs, and offsets as in the answer. */

/** From start to before end, in JavaScript's UTF-16 units. */
export interface Passage {
  start: number;
  end: number;
}

/** How far around a place words are searched for; longer ones are cut. */
const REACH = 200;
const SPACE = /\s/u;

/** Translates between JavaScript's offsets and Unicode characters, which answers count in. */
export class Characters {
  /** The offset after each character that takes two units. */
  readonly #wide: number[] = [];

  constructor(text: string) {
    for (const pair of text.matchAll(/[\u{10000}-\u{10ffff}]/gu)) this.#wide.push(pair.index + 2);
  }

  /** How many characters precede an offset. */
  before(offset: number): number {
    return offset - firstAbove(this.#wide, offset);
  }

  /** The offset after a number of characters. */
  offset(characters: number): number {
    // Wide characters before it shift it; how many there are depends on where it is.
    let [low, high] = [0, this.#wide.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#wide[middle] ?? 0) - middle - 1 <= characters) low = middle + 1;
      else high = middle;
    }
    return characters + low;
  }
}

/** How many of the sorted numbers are not above a limit. */
function firstAbove(numbers: number[], limit: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A passage without white space at its ends; undefined if it contains nothing else. */
export function trimmed(text: string, { start, end }: Passage): Passage | undefined {
  while (start < end && SPACE.test(text[start] ?? "")) start++;
  while (end > start && SPACE.test(text[end - 1] ?? "")) end--;
  return start < end ? whole(text, { start, end }) : undefined;
}

/** Extended to whole words. */
export function toWords(text: string, passage: Passage, language: string): Passage {
  const first = wordAt(text, passage.start, language);
  const last = wordAt(text, passage.end - 1, language);
  return {
    start: first ? Math.min(first.start, passage.start) : passage.start,
    end: last ? Math.max(last.end, passage.end) : passage.end,
  };
}

/** The word that has an offset inside. */
export function wordAt(text: string, offset: number, language: string): Passage | undefined {
  return wordsAround(text, offset, language).find(({ start, end }) => start <= offset && offset < end);
}

/** The next word that begins at or after an offset. */
export function wordAfter(text: string, offset: number, language: string): Passage | undefined {
  for (let from = offset; from < text.length; from += REACH) {
    const next = wordsAround(text, from, language).find(({ start }) => start >= offset);
    if (next) return next;
  }
  return undefined;
}

/** The last word that ends at or before an offset. */
export function wordBefore(text: string, offset: number, language: string): Passage | undefined {
  for (let from = offset; from > -REACH; from -= REACH) {
    const before = wordsAround(text, Math.max(from, 0), language).findLast(({ end }) => end <= offset);
    if (before) return before;
  }
  return undefined;
}

/** All occurrences of the passage's text, not inside words unless it is inside one itself; limited in number. */
export function occurrences(text: string, passage: Passage, words: boolean, most: number): Passage[] {
  const wanted = text.slice(passage.start, passage.end);
  const listed: Passage[] = [];
  for (let at = text.indexOf(wanted); at >= 0 && listed.length < most; at = text.indexOf(wanted, at + wanted.length)) {
    const end = at + wanted.length;
    if (!words || (!joins(text, at) && !joins(text, end))) listed.push({ start: at, end });
  }
  return listed;
}

/** Whether two passages overlap, but neither contains the other. */
export function crosses(first: Passage, second: Passage): boolean {
  return (
    (first.start < second.start && second.start < first.end && first.end < second.end) ||
    (second.start < first.start && first.start < second.end && second.end < first.end)
  );
}

/** Moved out of the middle of a character that takes two units. */
function whole(text: string, { start, end }: Passage): Passage {
  const splits = (offset: number) =>
    /[\udc00-\udfff]/.test(text[offset] ?? "") && /[\ud800-\udbff]/.test(text[offset - 1] ?? "");
  return { start: splits(start) ? start - 1 : start, end: splits(end) ? end + 1 : end };
}

/** Whether letters stand on both sides of an offset. */
function joins(text: string, offset: number): boolean {
  const letter = /[\p{L}\p{N}\p{M}_]/u;
  const before = String.fromCodePoint(
    text.codePointAt(offset - (/[\udc00-\udfff]/.test(text[offset - 1] ?? "") ? 2 : 1)) ?? 32,
  );
  return (
    offset > 0 &&
    offset < text.length &&
    letter.test(before) &&
    letter.test(String.fromCodePoint(text.codePointAt(offset) ?? 32))
  );
}

const segmenters = new Map<string, Intl.Segmenter>();

function wordsAround(text: string, offset: number, language: string): Passage[] {
  const from = Math.max(0, offset - REACH);
  const part = text.slice(from, offset + REACH);
  let segmenter = segmenters.get(language);
  if (!segmenter) {
    segmenter = new Intl.Segmenter(language || undefined, { granularity: "word" });
    segmenters.set(language, segmenter);
  }
  return [...segmenter.segment(part)]
    .filter((segment) => segment.isWordLike)
    .map((segment) => ({ start: from + segment.index, end: from + segment.index + segment.segment.length }));
}
