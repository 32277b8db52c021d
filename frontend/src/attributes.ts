/** Attributes as templates write them: lists and objects in JavaScript's notation, truth by presence. */
import JSON5 from "json5";
import type { ComplexAttributeConverter } from "lit";

/** In place of an attribute that is neither a list nor an object: the reason, for the author of the template. */
export class Unreadable {
  constructor(readonly reason: string) {}
}

/** A converter for lists and objects; what can't be read becomes an `Unreadable`. */
export const json5: ComplexAttributeConverter<unknown> = {
  fromAttribute(text) {
    if (text === null || text.trim() === "") return undefined;
    try {
      return JSON5.parse(text);
    } catch (error) {
      return new Unreadable(error instanceof Error ? error.message.replace(/^JSON5: /, "") : String(error));
    }
  },
};

/** A converter for numbers; anything else counts as missing. */
export const number: ComplexAttributeConverter<number | undefined> = {
  fromAttribute(text) {
    const value = text?.trim() ? Number(text) : Number.NaN;
    return Number.isFinite(value) ? value : undefined;
  },
};

/** A value as a list: one object or text counts as a list of one, nothing as an empty list. */
export function asList(value: unknown): unknown[] {
  if (value === undefined || value === null || value instanceof Unreadable) return [];
  return Array.isArray(value) ? value : [value];
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Unreadable);
}

/** A label or category as text: templates give texts, numbers, or objects with one of these keys. */
export function labelText(value: unknown): string {
  if (isRecord(value)) return String(value.label ?? value.text ?? value.name ?? value.value ?? JSON.stringify(value));
  return String(value);
}

/** The texts of a list of labels, each once. */
export function labelTexts(value: unknown): string[] {
  return [...new Set(asList(value).map(labelText))];
}
