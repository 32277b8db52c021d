/** Finds points near a place without visiting all of them: a grid over the ground, with the points of each cell. */
import type { Cloud } from "./cloud";
import { type Cuboid, extentOf, minus, turnOf, type Vector } from "./space-geometry";

const PER_CELL = 30;
const MAX_CELLS = 1 << 20;

export class Grid {
  readonly #cell: number;
  readonly #columns: number;
  readonly #rows: number;
  readonly #left: number;
  readonly #bottom: number;
  /** Where the points of each cell begin in the list. */
  readonly #starts: Uint32Array;
  readonly #points: Uint32Array;

  constructor(private readonly cloud: Cloud) {
    const { positions, count, least, most } = cloud;
    [this.#left, this.#bottom] = [least[0], least[1]];
    const [across, up] = [Math.max(most[0] - least[0], 1), Math.max(most[1] - least[1], 1)];
    const cells = Math.min(Math.max(Math.ceil(count / PER_CELL), 1), MAX_CELLS);
    this.#cell = Math.max(Math.sqrt((across * up) / cells), 1e-3);
    this.#columns = Math.min(Math.ceil(across / this.#cell) + 1, 4096);
    this.#rows = Math.min(Math.ceil(up / this.#cell) + 1, 4096);
    this.#starts = new Uint32Array(this.#columns * this.#rows + 1);
    const cellOf = new Uint32Array(count);
    for (let point = 0; point < count; point++) {
      const cell =
        this.#row(positions[3 * point + 1] as number) * this.#columns + this.#column(positions[3 * point] as number);
      cellOf[point] = cell;
      this.#starts[cell + 1] = (this.#starts[cell + 1] as number) + 1;
    }
    for (let cell = 0; cell + 1 < this.#starts.length; cell++) {
      this.#starts[cell + 1] = (this.#starts[cell + 1] as number) + (this.#starts[cell] as number);
    }
    const next = this.#starts.slice();
    this.#points = new Uint32Array(count);
    for (let point = 0; point < count; point++) {
      const cell = cellOf[point] as number;
      const at = next[cell] as number;
      this.#points[at] = point;
      next[cell] = at + 1;
    }
  }

  // Points far outside are in the cells at the border.
  #column(x: number): number {
    return Math.min(Math.max(Math.floor((x - this.#left) / this.#cell), 0), this.#columns - 1);
  }

  #row(y: number): number {
    return Math.min(Math.max(Math.floor((y - this.#bottom) / this.#cell), 0), this.#rows - 1);
  }

  /** Visit each point whose x and y are in a box around a place, and perhaps some beside it. */
  #near(center: Vector, reach: Vector, look: (point: number) => void): void {
    const [first, last] = [this.#column(center[0] - reach[0]), this.#column(center[0] + reach[0])];
    const [lowest, highest] = [this.#row(center[1] - reach[1]), this.#row(center[1] + reach[1])];
    for (let row = lowest; row <= highest; row++) {
      const start = this.#starts[row * this.#columns + first] as number;
      const end = this.#starts[row * this.#columns + last + 1] as number;
      for (let at = start; at < end; at++) look(this.#points[at] as number);
    }
  }

  /** Visit each point in a cuboid, with its position relative to the cuboid's center and axes. */
  inCuboid(cuboid: Cuboid, look: (point: number, x: number, y: number, z: number) => void): void {
    const { positions, origin } = this.cloud;
    const [a, b, c] = minus(cuboid.center, origin);
    const [[xx, yx, zx], [xy, yy, zy], [xz, yz, zz]] = turnOf(cuboid.angles);
    const [length, width, height] = [cuboid.size[0] / 2, cuboid.size[1] / 2, cuboid.size[2] / 2];
    this.#near([a, b, c], extentOf(cuboid), (point) => {
      const dx = (positions[3 * point] as number) - a;
      const dy = (positions[3 * point + 1] as number) - b;
      const dz = (positions[3 * point + 2] as number) - c;
      const x = xx * dx + xy * dy + xz * dz;
      if (Math.abs(x) > length) return;
      const y = yx * dx + yy * dy + yz * dz;
      if (Math.abs(y) > width) return;
      const z = zx * dx + zy * dy + zz * dz;
      if (Math.abs(z) <= height) look(point, x, y, z);
    });
  }

  count(cuboid: Cuboid): number {
    let inside = 0;
    this.inCuboid(cuboid, () => inside++);
    return inside;
  }

  /** The points in a ball. */
  inBall(center: Vector, radius: number, look: (point: number) => void): void {
    const { positions, origin } = this.cloud;
    const [a, b, c] = minus(center, origin);
    this.#near([a, b, c], [radius, radius, radius], (point) => {
      const dx = (positions[3 * point] as number) - a;
      const dy = (positions[3 * point + 1] as number) - b;
      const dz = (positions[3 * point + 2] as number) - c;
      if (dx * dx + dy * dy + dz * dz <= radius * radius) look(point);
    });
  }

  /** The height of the ground around a place: lower than almost all points there. Undefined without points. */
  ground(center: Vector, radius: number): number | undefined {
    const { positions, origin } = this.cloud;
    const heights: number[] = [];
    const [a, b] = minus(center, origin);
    this.#near([a, b, 0], [radius, radius, 0], (point) => {
      const [dx, dy] = [(positions[3 * point] as number) - a, (positions[3 * point + 1] as number) - b];
      if (dx * dx + dy * dy <= radius * radius) heights.push(positions[3 * point + 2] as number);
    });
    if (heights.length === 0) return undefined;
    heights.sort((first, second) => first - second);
    return (heights[Math.floor(heights.length * 0.05)] as number) + origin[2];
  }
}
