/** Reads a mask from a picture in which each color stands for a number. */

import type { Row } from "./mask";
import type { Size } from "./plane-geometry";

/** Rows that are read at a time: all at once would need a lot of memory. */
const BAND = 256;
const HALF = 128;
const [WHITE, BLACK, CLEAR] = [0xffffff, 0, -1];

/**
 * @param colors `#rrggbb` of number after number, from 1
 * @returns the rows, and how many pixels have a color that means nothing: they count as empty, as white, black and clear do
 */
export async function readMask(
  picture: HTMLImageElement,
  size: Size,
  colors: readonly (string | undefined)[],
): Promise<{ rows: Row[]; unknown: number }> {
  const numbers = new Map<number, number>([
    [WHITE, 0],
    [BLACK, 0],
    [CLEAR, 0],
  ]);
  for (const [place, color] of colors.entries())
    if (color !== undefined) numbers.set(Number.parseInt(color.slice(1), 16), place + 1);
  // Neither the screen's colors nor transparency may change what is in the file.
  const bitmap = await createImageBitmap(picture, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [size.width, Math.min(BAND, size.height)];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  const rows: Row[] = [];
  let unknown = 0;
  for (let top = 0; top < size.height; top += BAND) {
    const height = Math.min(BAND, size.height - top);
    context.clearRect(0, 0, size.width, height);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, size.width, height);
    for (let row = 0; row < height; row++) {
      const runs: number[] = [];
      let [last, lastNumber] = [CLEAR, 0];
      for (let at = 4 * row * size.width; at < 4 * (row + 1) * size.width; at += 4) {
        const isClear = (data[at + 3] as number) < HALF;
        const color = isClear
          ? CLEAR
          : ((data[at] as number) << 16) | ((data[at + 1] as number) << 8) | (data[at + 2] as number);
        const number = color === last ? lastNumber : numbers.get(color);
        if (number === undefined) unknown += 1;
        [last, lastNumber] = number === undefined ? [CLEAR, 0] : [color, number];
        const place = runs.length - 2;
        if (place >= 0 && runs[place] === lastNumber) runs[place + 1] = (runs[place + 1] as number) + 1;
        else runs.push(lastNumber, 1);
      }
      rows.push(Uint32Array.from(runs));
    }
  }
  bitmap.close();
  return { rows, unknown };
}
