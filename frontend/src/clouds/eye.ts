/** The viewpoint on a scene: its target, its distance and its direction. */
import { cross, dot, minus, plus, times, type Vector } from "./space-geometry";

/** Steepest view up or down: never along the vertical axis. */
const STEEPEST = Math.PI / 2 - 0.001;
const FIELD_OF_VIEW = (50 * Math.PI) / 180;
const NEAREST = 0.05;
const FARTHEST = 100_000;

export type Place = readonly [x: number, y: number];
/** A place on the screen, and the distance of what is there. */
export type SeenPlace = readonly [x: number, y: number, depth: number];

export class Eye {
  target: Vector = [0, 0, 0];
  distance = 30;
  /** The direction of the view: counter-clockwise from x, and from above. */
  azimuth = -Math.PI / 2;
  elevation = 0.9;
  isOrthogonal = false;
  width = 1;
  height = 1;

  /** To the right, up, and toward the target. */
  get axes(): readonly [Vector, Vector, Vector] {
    const [sa, ca, se, ce] = [
      Math.sin(this.azimuth),
      Math.cos(this.azimuth),
      Math.sin(this.elevation),
      Math.cos(this.elevation),
    ];
    const forward: Vector = [-ca * ce, -sa * ce, -se];
    const right: Vector = [-sa, ca, 0];
    return [right, cross(right, forward), forward];
  }

  get position(): Vector {
    return minus(this.target, times(this.axes[2], this.distance));
  }

  /** Pixels for a meter at a distance of one meter; without perspective for a meter anywhere. */
  get scale(): number {
    const focal = this.height / 2 / Math.tan(FIELD_OF_VIEW / 2);
    return this.isOrthogonal ? focal / this.distance : focal;
  }

  get fieldOfView(): number {
    return FIELD_OF_VIEW;
  }

  /** Nothing nearer than this can be seen. */
  get near(): number {
    return this.isOrthogonal ? -FARTHEST : Math.max(this.distance / 1000, NEAREST);
  }

  /** A function that projects points to the screen, for many of them. */
  projector(): (x: number, y: number, z: number) => SeenPlace {
    const [right, up, forward] = this.axes;
    const [a, b, c] = this.position;
    const { scale, isOrthogonal, width, height } = this;
    return (x, y, z) => {
      const [dx, dy, dz] = [x - a, y - b, z - c];
      const depth = forward[0] * dx + forward[1] * dy + forward[2] * dz;
      const factor = isOrthogonal ? scale : scale / depth;
      return [
        width / 2 + (right[0] * dx + right[1] * dy + right[2] * dz) * factor,
        height / 2 - (up[0] * dx + up[1] * dy + up[2] * dz) * factor,
        depth,
      ];
    };
  }

  /** The ray from the eye through a place of the screen; its direction has the length 1. */
  ray([x, y]: Place): { from: Vector; direction: Vector } {
    const [right, up, forward] = this.axes;
    const [across, down] = [(x - this.width / 2) / this.scale, (this.height / 2 - y) / this.scale];
    if (this.isOrthogonal) {
      const from = plus(this.position, plus(times(right, across), times(up, down)));
      return { from: minus(from, times(forward, this.distance)), direction: forward };
    }
    const way = plus(forward, plus(times(right, across), times(up, down)));
    return { from: this.position, direction: times(way, 1 / Math.hypot(...way)) };
  }

  /** Where a ray through a place of the screen meets a plane; nothing if it does not, or very far away. */
  onPlane(place: Place, through: Vector, normal: Vector): Vector | undefined {
    const { from, direction } = this.ray(place);
    const slope = dot(direction, normal);
    if (Math.abs(slope) < 0.05) return undefined;
    const way = dot(minus(through, from), normal) / slope;
    return way > 0 && way < 100 * this.distance ? plus(from, times(direction, way)) : undefined;
  }

  orbit(across: number, down: number): void {
    this.azimuth -= across;
    this.elevation = Math.min(Math.max(this.elevation + down, -STEEPEST), STEEPEST);
  }

  /** Move the target, by pixels of the screen. */
  pan(across: number, down: number): void {
    const [right, up] = this.axes;
    const factor = this.isOrthogonal ? 1 / this.scale : this.distance / this.scale;
    this.target = plus(this.target, plus(times(right, -across * factor), times(up, down * factor)));
  }

  /** Move closer or away. @param at the place that stays where it is on the screen; by default the middle */
  zoom(factor: number, at?: Place): void {
    const before = at && this.#atTarget(at);
    this.distance = Math.min(Math.max(this.distance / factor, NEAREST), FARTHEST);
    const after = at && this.#atTarget(at);
    if (before && after) this.target = plus(this.target, minus(before, after));
  }

  /** The point behind a place on the screen, as far away as the target. */
  #atTarget([x, y]: Place): Vector {
    const [right, up] = this.axes;
    const factor = this.isOrthogonal ? 1 / this.scale : this.distance / this.scale;
    return plus(
      this.target,
      plus(times(right, (x - this.width / 2) * factor), times(up, (this.height / 2 - y) * factor)),
    );
  }

  /** See all of a box. */
  fit(least: Vector, most: Vector): void {
    this.target = times(plus(least, most), 0.5);
    this.distance = Math.max(Math.hypot(...minus(most, least)) * 0.6, 1);
  }

  look(azimuth: number, elevation: number): void {
    this.azimuth = azimuth;
    this.elevation = Math.min(Math.max(elevation, -STEEPEST), STEEPEST);
  }
}
