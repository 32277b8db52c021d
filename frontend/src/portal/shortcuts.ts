/** Keys as people read them, such as Ctrl+Enter: how they are written, and what they do. */

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  metaKey: boolean;
}

const MODIFIERS = new Set(["Control", "Alt", "AltGraph", "Shift", "Meta"]);

/** The name of the pressed key; empty for a modifier alone. */
export function nameOf(pressed: KeyPress): string {
  if (MODIFIERS.has(pressed.key) || !pressed.key || pressed.key === "Dead") return "";
  const isCharacter = [...pressed.key].length === 1;
  const isLetter = isCharacter && pressed.key.toLowerCase() !== pressed.key.toUpperCase();
  const parts: string[] = [];
  if (pressed.ctrlKey || pressed.metaKey) parts.push("Ctrl");
  if (pressed.altKey) parts.push("Alt");
  // With characters other than letters, Shift already shows in the character.
  if (pressed.shiftKey && (!isCharacter || isLetter)) parts.push("Shift");
  parts.push(pressed.key === " " ? "Space" : isLetter ? pressed.key.toLowerCase() : pressed.key);
  return parts.join("+");
}

/** The command of a key; undefined if it has none. */
export function commandOf(pressed: KeyPress, keys: Record<string, string>): string | undefined {
  const name = nameOf(pressed);
  return name ? Object.keys(keys).find((command) => keys[command] === name) : undefined;
}
