/** The page's words, in the language of the person: one file of `messages/` a language. */
import messages, { type Word } from "labeling:messages";

const DEFAULT = "en";
/** Letters written from right to left, and marks that turn the direction of what follows. */
const TURNS = /[\u0590-\u08ff\u200f\u202a-\u202e\ufb1d-\ufdff\ufe70-\ufefc]/;
const ISOLATES = /[\u2066-\u2069]/g;
const listeners = new Set<() => void>();
let language = chosen(document.documentElement.lang, ...navigator.languages);

/** The words of a key, with each `{name}` replaced. */
export function word(key: Word, values: Record<string, string | number> = {}): string {
  const text = messages[language]?.[key] ?? messages[DEFAULT]?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => isolated(String(values[name] ?? whole)));
}

/** A text that doesn't change the direction of the sentence around it. */
function isolated(text: string): string {
  const alone = text.replace(ISOLATES, "");
  return TURNS.test(alone) ? `\u2068${alone}\u2069` : alone;
}

/** Change the language of all elements; one without a file changes nothing. */
export function speak(wanted: string): void {
  language = chosen(wanted, language);
  document.documentElement.lang ||= language;
  for (const listener of listeners) listener();
}

/** Listen to changes of the language. */
export function onLanguage(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function chosen(...wanted: (string | undefined)[]): string {
  const short = wanted.map((code) => code?.toLowerCase().split("-")[0] ?? "");
  return short.find((code) => code in messages) ?? DEFAULT;
}
