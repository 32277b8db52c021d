/** The page's words, in the language of the person: one file of `messages/` a language. */
import messages, { type Word } from "labeling:messages";

const DEFAULT = "en";
const listeners = new Set<() => void>();
let language = chosen(document.documentElement.lang, ...navigator.languages);

/** The words of a key, with each `{name}` replaced. */
export function word(key: Word, values: Record<string, string | number> = {}): string {
  const text = messages[language]?.[key] ?? messages[DEFAULT]?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Change the language of all elements; one that there is no file for leaves it as it is. */
export function speak(wanted: string): void {
  language = chosen(wanted, language);
  document.documentElement.lang ||= language;
  for (const listener of listeners) listener();
}

/** Be told of changes of the language. */
export function onLanguage(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function chosen(...wanted: (string | undefined)[]): string {
  const short = wanted.map((code) => code?.toLowerCase().split("-")[0] ?? "");
  return short.find((code) => code in messages) ?? DEFAULT;
}
