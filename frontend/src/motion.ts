// Interpolation between the pictures from the server, smooth at any display's rate. A shown picture lies between the
// picture shown before and the newest one, never beyond it.

import type { HighwayPicture, Picture, ShapesPicture } from "./messages";

type Car = HighwayPicture["cars"][number];

const SHARE = 0.75; // of the time between two pictures; for the rest of it the newest picture is shown whole
const LONGEST = 200; // ms
const JUMP = { highway: 20, shapes: 0.5 }; // m between two pictures that no motion explains

// The state of the interpolation. Times are in ms, of one clock.
export class Motion {
  private from: Picture | null = null;
  private to: Picture | null = null;
  private begin = -Infinity;
  private gap = Infinity;
  private lasts = 0;

  // Receives a picture. `cut`: it does not follow from the one that is shown.
  aim(picture: Picture, now: number, cut: boolean): void {
    const shown = this.at(now)?.picture ?? null;
    const gap = now - this.begin;
    this.from = cut || shown === null || !follows(shown, picture) ? picture : shown;
    this.lasts = this.from === picture ? 0 : SHARE * Math.min(gap, this.gap, LONGEST / SHARE); // a pause is not a pace
    [this.to, this.begin, this.gap] = [picture, now, gap];
  }

  // The picture to show now, and whether it is the newest one itself.
  at(now: number): { picture: Picture; arrived: boolean } | null {
    if (this.to === null || this.from === null) return null;
    const share = this.lasts > 0 ? Math.max(0, (now - this.begin) / this.lasts) : 1;
    return share < 1 ? { picture: between(this.from, this.to, share), arrived: false } : { picture: this.to, arrived: true };
  }
}

// Whether the same things can have moved from one picture to the other.
function follows(a: Picture, b: Picture): boolean {
  if (a.draw === "highway" && b.draw === "highway") return a.lanes === b.lanes && Math.abs(a.cars[0]![0] - b.cars[0]![0]) < JUMP.highway;
  if (a.draw !== "shapes" || b.draw !== "shapes" || a.shapes.length !== b.shapes.length) return false;
  return a.shapes.every((shape, g) => shape === b.shapes[g] && far(a.positions[g]!, b.positions[g]!) < JUMP.shapes);
}

// The picture a share of the way from one to the other; share in [0, 1].
export function between(a: Picture, b: Picture, share: number): Picture {
  if (a.draw === "highway" && b.draw === "highway") return betweenCars(a, b, share);
  if (a.draw === "shapes" && b.draw === "shapes") return betweenShapes(a, b, share);
  return b;
}

function betweenCars(a: HighwayPicture, b: HighwayPicture, share: number): HighwayPicture {
  const before = new Map(a.ids.map((id, i) => [id, a.cars[i]!]));
  const cars = b.cars.map((car, i): Car => {
    const was = before.get(b.ids[i]!);
    return was === undefined || Math.abs(was[0] - car[0]) > JUMP.highway ? car : mixCars(was, car, share);
  });
  return { ...b, cars };
}

// Headings turn the shorter way round: across +-pi, too.
function mixCars(a: Car, b: Car, share: number): Car {
  const turned = b[2] - a[2];
  const shorter = turned - 2 * Math.PI * Math.round(turned / (2 * Math.PI));
  return [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * shorter];
}

function betweenShapes(a: ShapesPicture, b: ShapesPicture, share: number): ShapesPicture {
  return {
    ...b,
    positions: b.positions.map((to, g) => mix(a.positions[g]!, to, share) as ShapesPicture["tip"]),
    orientations: b.orientations.map((to, g) => turn(a.orientations[g]!, to, share)),
    tip: mix(a.tip, b.tip, share) as ShapesPicture["tip"],
  };
}

function mix(a: number[], b: number[], share: number): number[] {
  return a.map((x, i) => x + share * (b[i]! - x));
}

// A rotation matrix between two others: their weighted mean, orthonormalised. Turns of more than 90 degrees jump.
function turn(a: number[], b: number[], share: number): number[] {
  const cosines = a.reduce((sum, x, i) => sum + x * b[i]!, -1); // twice the cosine of the angle between them
  if (cosines > 2 - 1e-6 || cosines < 0) return b;
  const m = mix(a, b, share) as [number, number, number, number, number, number, number, number, number];
  const x = over(m[0], m[1], m[2]);
  const along = x[0] * m[3] + x[1] * m[4] + x[2] * m[5];
  const y = over(m[3] - along * x[0], m[4] - along * x[1], m[5] - along * x[2]);
  return [...x, ...y, x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
}

function over(x: number, y: number, z: number): [number, number, number] {
  const n = Math.hypot(x, y, z);
  return [x / n, y / n, z / n];
}

function far(a: number[], b: number[]): number {
  return Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!, a[2]! - b[2]!);
}
