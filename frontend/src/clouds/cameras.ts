/**
 * Projects points of the world into the pictures of cameras. As in OpenCV, k4 of a pinhole camera belongs to the denominator of its
 * distortion. The camera's x points right, y down, and z into the picture.
 */
import { isRecord } from "../attributes";
import {
  type Cuboid,
  cornersOf,
  EDGES,
  minus,
  type Turn,
  turnedBack,
  turnOfQuaternion,
  type Vector,
} from "./space-geometry";

/** What is nearer than this is not in front of a camera, in meters. */
const NEAR = 0.1;
const STEP = 1e-4;
/** How many straight parts an edge is drawn in, because lenses bend it. */
const PARTS = 8;

export type Pixel = readonly [number, number];

/** @property number its place among the pictures of the frame */
export interface Camera {
  number: number;
  src: string;
  name: string;
  position: Vector;
  turn: Turn;
  focal: Pixel;
  center: Pixel;
  skew: number;
  isFisheye: boolean;
  radial: readonly [number, number, number, number];
  tangential: Pixel;
}

/** The camera of a picture, as a manifest describes it; none if something is missing. */
export function cameraOf(given: unknown, at: number): Camera | undefined {
  if (!isRecord(given) || !isRecord(given.position) || !isRecord(given.heading)) return undefined;
  const number = (of: Record<string, unknown>, key: string, without = Number.NaN) =>
    typeof of[key] === "number" ? (of[key] as number) : without;
  const { position, heading } = given;
  const numbers = [
    ...["x", "y", "z"].map((key) => number(position, key)),
    ...["qx", "qy", "qz", "qw"].map((key) => number(heading, key)),
    ...["fx", "fy", "cx", "cy"].map((key) => number(given, key)),
  ];
  if (!numbers.every(Number.isFinite)) return undefined;
  const [x = 0, y = 0, z = 0, qx = 0, qy = 0, qz = 0, qw = 1, fx = 1, fy = 1, cx = 0, cy = 0] = numbers;
  const [k1 = 0, k2 = 0, k3 = 0, k4 = 0] = ["k1", "k2", "k3", "k4"].map((key) => number(given, key, 0));
  return {
    number: at,
    src: String(given.src ?? ""),
    name:
      String(given["image-path"] ?? "")
        .split("/")
        .at(-1) ?? "",
    position: [x, y, z],
    turn: turnOfQuaternion(qx, qy, qz, qw),
    focal: [fx, fy],
    center: [cx, cy],
    skew: number(given, "skew", 0),
    isFisheye: given["camera-model"] === "fisheye",
    radial: [k1, k2, k3, k4],
    tangential: [number(given, "p1", 0), number(given, "p2", 0)],
  };
}

/** How far from the center a lens shows a point, by the point's distance from the axis at 1 m. */
function bent({ isFisheye, radial: [k1, k2, k3, k4] }: Camera, radius: number): number {
  if (isFisheye) {
    const angle = Math.atan(radius);
    const square = angle ** 2;
    return angle * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4))));
  }
  const square = radius ** 2;
  const denominator = 1 + k4 * square;
  return denominator > 0 ? (radius * (1 + square * (k1 + square * (k2 + square * k3)))) / denominator : 0;
}

/** Where a picture shows a point, in pixels from its top left corner; undefined behind the camera, or too far aside for its lens. */
export function projected(camera: Camera, place: Vector): Pixel | undefined {
  const [x, y, z] = turnedBack(camera.turn, minus(place, camera.position));
  if (z < NEAR) return undefined;
  const [across, down] = [x / z, y / z];
  const radius = Math.hypot(across, down);
  const now = bent(camera, radius);
  // Beyond the radius where a model turns back, it would show two points at the same pixel.
  if (bent(camera, radius + STEP) <= now) return undefined;
  const factor = radius ? now / radius : 1;
  const [p1, p2] = camera.isFisheye ? [0, 0] : camera.tangential;
  const right = across * factor + 2 * p1 * across * down + p2 * (radius ** 2 + 2 * across ** 2);
  const below = down * factor + 2 * p2 * across * down + p1 * (radius ** 2 + 2 * down ** 2);
  return [camera.focal[0] * right + camera.skew * below + camera.center[0], camera.focal[1] * below + camera.center[1]];
}

/** The edges of a cuboid in a picture: lines of points, without what the camera does not see. */
export function edgesIn(camera: Camera, cuboid: Cuboid): Pixel[][] {
  const corners = cornersOf(cuboid);
  const lines: Pixel[][] = [];
  for (const [start, end] of EDGES) {
    const [from, to] = [corners[start] as Vector, corners[end] as Vector];
    let line: Pixel[] = [];
    for (let part = 0; part <= PARTS; part++) {
      const share = part / PARTS;
      const pixel = projected(camera, [
        from[0] + (to[0] - from[0]) * share,
        from[1] + (to[1] - from[1]) * share,
        from[2] + (to[2] - from[2]) * share,
      ]);
      if (pixel) line.push(pixel);
      else if (line.length > 0) {
        lines.push(line);
        line = [];
      }
    }
    lines.push(line);
  }
  return lines.filter(({ length }) => length > 1);
}
