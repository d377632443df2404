// Camera and light for the arm, shared by both renderers (shapes.ts, solids.ts).

export type V = [number, number, number];
export type Pixel = [number, number];

export const EYE: V = [1.62, -0.42, 0.82]; // the robot's front: +y is to the right, -x is away
export const LOOKED_AT: V = [0.36, 0.02, 0.29];
export const ZOOM = 2.15; // focal length over half the height
export const SUN = unit([0.25, -0.45, 0.86]); // towards the light
export const AMBIENT = 0.52; // brightness in shadow
export const [SKY, FLOOR] = ["#eceff3", "#ced3d9"]; // background, from top to bottom

export const FORWARDS = unit(minus(LOOKED_AT, EYE));
export const RIGHT = unit(cross(FORWARDS, [0, 0, 1]));
export const DOWN = cross(FORWARDS, RIGHT);

// Pixel of a world point in a picture of this size.
export function project(point: V, width: number, height: number): Pixel {
  const to = minus(point, EYE);
  const scale = (ZOOM * height) / 2 / dot(to, FORWARDS);
  return [width / 2 + scale * dot(to, RIGHT), height / 2 + scale * dot(to, DOWN)];
}

export function minus(a: V, b: V): V { return [a[0] - b[0], a[1] - b[1], a[2] - b[2]]; }
export function dot(a: V, b: V): number { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
export function cross(a: V, b: V): V { return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]; }
export function unit(a: V): V { const n = Math.hypot(...a) + 1e-12; return [a[0] / n, a[1] / n, a[2] / n]; }
