/** Colors of labels, in the order in which Ground Truth gives them. */

import COLORS from "../../labeling_provider/groundtruth/label_colors.json";

/** The color of the label at a place of the list. The service's `label_colors.py` follows the same rule. */
export function colorOf(place: number): string {
  return COLORS[place] ?? furtherColor(place);
}

/** Black or white, whichever can be read on a color. */
export function textOn(color: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

/**
 * Colors that people with color vision deficiency can tell apart (Okabe and Ito, "Color Universal Design", 2008), with a dark
 * red in place of black, which has no darker and lighter shade.
 */
const SAFE = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442", "#661100"];
/** With more labels than colors, lines differ as well. */
const DASHES = [[], [7, 4], [2, 4], [10, 3, 2, 3]];

/** Color and line of what is drawn for the label at a place of the list. */
export function lookOf(place: number, wanted?: unknown): { color: string; dashes: readonly number[] } {
  const own = typeof wanted === "string" ? sixDigits(wanted) : undefined;
  if (own) return { color: own, dashes: [] };
  const round = Math.floor(place / SAFE.length);
  return { color: SAFE[place % SAFE.length] ?? "#0072b2", dashes: DASHES[round % DASHES.length] ?? [] };
}

/** Color of an area that is labeled, on the screen: areas have no lines, so the second and third eight are darker and lighter. */
export function fillOf(place: number, wanted?: unknown): string {
  const own = typeof wanted === "string" ? sixDigits(wanted) : undefined;
  const safe = SAFE[place % SAFE.length] ?? "#0072b2";
  const tone = [undefined, 0, 255][Math.floor(place / SAFE.length)];
  if (own) return own;
  if (place < SAFE.length) return safe;
  return tone === undefined ? furtherColor(place) : mixed(safe, tone);
}

/** Half of a color, half of black (0) or white (255). */
function mixed(color: string, tone: number): string {
  const value = Number.parseInt(color.slice(1), 16);
  return hex([16, 8, 0].reduce((sum, bits) => sum | (((((value >> bits) & 255) + tone) >> 1) << bits), 0));
}

/** The first unused color in Ground Truth's order, from a place on. */
export function freeColor(from: number, taken: { has(color: string): boolean }): string {
  for (let place = from; ; place++) {
    const color = colorOf(place);
    if (!taken.has(color)) return color;
  }
}

/** The wanted color, or if that is taken the next one, which looks the same to people but not to programs. */
export function unlike(color: string, taken: { has(color: string): boolean }): string {
  let free = color;
  while (taken.has(free)) free = hex((Number.parseInt(free.slice(1), 16) + 1) % 0x1000000);
  return free;
}

/** An endless sequence of colors: hues as far from the previous ones as possible, some darker than others. */
function furtherColor(place: number): string {
  const [hue, light] = [(place * 137.508) % 360, [0.45, 0.3, 0.65][place % 3] ?? 0.45];
  const part = (at: number) => {
    const turned = (at + hue / 30) % 12;
    return Math.round(
      255 * (light - 0.7 * Math.min(light, 1 - light) * Math.max(-1, Math.min(turned - 3, 9 - turned, 1))),
    );
  };
  return hex((part(0) << 16) | (part(8) << 8) | part(4));
}

function hex(color: number): string {
  return `#${color.toString(16).padStart(6, "0")}`;
}

/** Any opaque color that CSS knows as `#rrggbb`. */
export function sixDigits(color: string): string | undefined {
  if (!CSS.supports("color", color)) return undefined;
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return undefined;
  context.fillStyle = color;
  const read = context.fillStyle;
  return /^#[0-9a-f]{6}$/.test(read) ? read : undefined;
}
