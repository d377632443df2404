// Interpolated pictures lie between their neighbours; what cannot have moved is not interpolated.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { HighwayPicture, Picture, ShapesPicture } from "../src/messages";
import { between, Motion } from "../src/motion";
import { eachOf, type Random } from "./random";

type Car = HighwayPicture["cars"][number];
const EPSILON = 1e-9;
const TURN = 2 * Math.PI;

function road(cars: Record<number, Car>, lanes = 3): HighwayPicture {
  const ids = Object.keys(cars).map(Number);
  return { draw: "highway", lanes, cars: ids.map((id) => cars[id]!), crashed: ids.map(() => false), ids };
}

function arm(positions: [number, number, number][], orientations: number[][], about: Partial<ShapesPicture> = {}): ShapesPicture {
  return {
    draw: "shapes", shapes: positions.map(() => "box"), sizes: positions.map(() => [1, 1, 1]),
    colours: positions.map(() => [1, 1, 1, 1]), positions, orientations, layers: positions.map(() => 0), tip: positions[0]!, ...about,
  };
}

function about(axis: [number, number, number], angle: number): number[] {
  const [x, y, z] = axis;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [
    c + x * x * (1 - c), x * y * (1 - c) - z * s, x * z * (1 - c) + y * s,
    y * x * (1 - c) + z * s, c + y * y * (1 - c), y * z * (1 - c) - x * s,
    z * x * (1 - c) - y * s, z * y * (1 - c) + x * s, c + z * z * (1 - c),
  ];
}

function axisOf(random: Random): [number, number, number] {
  const v = [random.between(-1, 1), random.between(-1, 1), random.between(-1, 1)];
  const n = Math.hypot(...v);
  return [v[0]! / n, v[1]! / n, v[2]! / n];
}

function angleBetween(a: number[], b: number[]): number {
  return Math.acos(Math.max(-1, Math.min(1, (a.reduce((sum, x, i) => sum + x * b[i]!, 0) - 1) / 2)));
}

function within(x: number, a: number, b: number): void {
  assert.ok(x >= Math.min(a, b) - EPSILON && x <= Math.max(a, b) + EPSILON, `${x} is not between ${a} and ${b}`);
}

const carsOf = (picture: Picture): Car[] => (picture as HighwayPicture).cars;

test("the ends of an interpolation are the two pictures", () => eachOf(50, (random) => {
  const [a, b] = [0, 1].map(() => road({ 0: [random.between(0, 10), random.between(0, 8), random.between(-1, 1)] })) as [HighwayPicture, HighwayPicture];
  carsOf(between(a, b, 0))[0]!.forEach((x, i) => assert.ok(Math.abs(x - a.cars[0]![i]!) < EPSILON));
  carsOf(between(a, b, 1))[0]!.forEach((x, i) => assert.ok(Math.abs(x - b.cars[0]![i]!) < EPSILON));
}));

test("a car is never beyond either picture", () => eachOf(300, (random) => {
  const at = (): Car => [random.between(0, 19), random.between(0, 8), random.between(-1.5, 1.5)];
  const [a, b] = [road({ 0: at(), 7: at() }), road({ 0: at(), 7: at() })];
  carsOf(between(a, b, random.next())).forEach((car, i) => car.forEach((x, part) => within(x, a.cars[i]![part]!, b.cars[i]![part]!)));
}));

test("a heading turns the shorter way round", () => eachOf(500, (random) => {
  const from = random.between(-Math.PI, Math.PI);
  const by = random.between(-3.1, 3.1);
  const to = from + by + TURN * (random.below(3) - 1); // the same heading, whichever way it is counted
  const share = random.next();
  const heading = carsOf(between(road({ 0: [0, 0, from] }), road({ 0: [0, 0, to] }), share))[0]![2];
  const turned = heading - (from + share * by);
  assert.ok(Math.abs(turned - TURN * Math.round(turned / TURN)) < EPSILON);
  assert.ok(Math.abs(heading - from) <= Math.PI + EPSILON);
}));

test("a heading across pi does not sweep through zero", () => {
  const heading = carsOf(between(road({ 0: [0, 0, 3.1] }), road({ 0: [0, 0, -3.1] }), 0.5))[0]![2];
  assert.ok(Math.abs(Math.abs(heading) - Math.PI) < EPSILON);
});

test("cars are followed by their ids, whatever their order", () => {
  const a = road({ 0: [0, 0, 0], 4: [10, 4, 0], 9: [20, 8, 0] });
  const b: HighwayPicture = { ...a, cars: [[2, 0, 0], [24, 8, 0], [12, 4, 0]], ids: [0, 9, 4] };
  assert.deepEqual(carsOf(between(a, b, 0.5)), [[1, 0, 0], [22, 8, 0], [11, 4, 0]]);
});

test("a car that appears is shown where it is, one that vanishes is not shown", () => {
  const middle = between(road({ 0: [0, 0, 0], 1: [10, 0, 0] }), road({ 0: [2, 0, 0], 2: [30, 4, 0] }), 0.25) as HighwayPicture;
  assert.deepEqual(middle.ids, [0, 2]);
  assert.deepEqual(middle.cars, [[0.5, 0, 0], [30, 4, 0]]);
  assert.equal(middle.crashed.length, 2);
});

test("a car whose id is used again far away jumps", () => {
  const middle = between(road({ 0: [0, 0, 0], 1: [10, 0, 0] }), road({ 0: [2, 0, 0], 1: [90, 0, 0] }), 0.5);
  assert.deepEqual(carsOf(middle)[1], [90, 0, 0]);
});

test("a shape is never beyond either picture, and its matrix is a rotation", () => eachOf(300, (random) => {
  const axis = axisOf(random);
  const [start, angle] = [about(axisOf(random), random.between(-3, 3)), random.between(-1.5, 1.5)];
  const turned = about(axis, angle);
  const end = [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => [0, 1, 2].reduce((sum, k) => sum + turned[3 * i + k]! * start[3 * k + j]!, 0)));
  const at = (): [number, number, number] => [random.between(0, 0.2), random.between(0, 0.2), random.between(0, 0.2)];
  const [a, b] = [arm([at()], [start]), arm([at()], [end])];
  const middle = between(a, b, random.next()) as ShapesPicture;
  middle.positions[0]!.forEach((x, i) => within(x, a.positions[0]![i]!, b.positions[0]![i]!));
  middle.tip.forEach((x, i) => within(x, a.tip[i]!, b.tip[i]!));
  const m = middle.orientations[0]!;
  for (const [i, j] of [[0, 0], [1, 1], [2, 2], [0, 1], [0, 2], [1, 2]] as const) {
    const product = [0, 1, 2].reduce((sum, k) => sum + m[3 * i + k]! * m[3 * j + k]!, 0);
    assert.ok(Math.abs(product - (i === j ? 1 : 0)) < 1e-6);
  }
  assert.ok(angleBetween(start, m) <= Math.abs(angle) + 1e-6);
  assert.ok(angleBetween(m, end) <= Math.abs(angle) + 1e-6);
}));

test("a shape that turns by more than 90 degrees jumps", () => {
  const [a, b] = [about([0, 0, 1], 0), about([0, 0, 1], 2)];
  assert.deepEqual((between(arm([[0, 0, 0]], [a]), arm([[0, 0, 0]], [b]), 0.5) as ShapesPicture).orientations[0], b);
});

test("pictures of different kinds are not mixed", () => {
  const image: Picture = { draw: "image", source: "data:" };
  assert.equal(between(road({ 0: [0, 0, 0] }), image, 0.3), image);
});

// Motion: pictures 100 ms apart.
function moving(...pictures: Picture[]): Motion {
  const motion = new Motion();
  pictures.forEach((picture, i) => motion.aim(picture, 100 * i, i === 0));
  return motion;
}

const x = (motion: Motion, now: number): number => carsOf(motion.at(now)!.picture)[0]![0];

test("nothing is shown before the first picture, and the first one is shown at once", () => {
  assert.equal(new Motion().at(0), null);
  const first = road({ 0: [5, 0, 0] });
  assert.deepEqual(moving(first).at(0), { picture: first, arrived: true });
});

test("the newest picture is shown within three quarters of the gap, and stays", () => {
  const [a, b, c] = [0, 8, 16].map((at) => road({ 0: [at, 0, 0] })) as [HighwayPicture, HighwayPicture, HighwayPicture];
  const motion = moving(a, b, c);
  assert.equal(motion.at(274)!.arrived, false);
  for (const now of [275, 300, 1e6]) assert.deepEqual(motion.at(now), { picture: c, arrived: true });
});

test("motion is monotone and never beyond the pictures, at any display rate", () => eachOf(100, (random) => {
  const motion = new Motion();
  let [now, newest, shown] = [0, 0, 0];
  for (let step = 0; step < 20; step++) {
    newest += random.between(0, 10);
    motion.aim(road({ 0: [newest, 0, 0] }), now, step === 0);
    if (step === 0) shown = newest;
    const until = now + random.between(5, 400);
    while ((now += random.between(1, 40)) < until) {
      const at = x(motion, now);
      assert.ok(at >= shown - EPSILON && at <= newest + EPSILON);
      shown = at;
    }
  }
}));

test("a clock that goes back does not show what is before the earlier picture", () => {
  const motion = moving(road({ 0: [0, 0, 0] }), road({ 0: [10, 0, 0] }), road({ 0: [20, 0, 0] }));
  assert.ok(x(motion, 150) >= 10 - EPSILON);
});

test("a new picture starts from what is shown, not from the one before", () => {
  const motion = moving(road({ 0: [0, 0, 0] }), road({ 0: [8, 0, 0] }));
  motion.aim(road({ 0: [16, 0, 0] }), 200, false);
  const before = x(motion, 230);
  motion.aim(road({ 0: [10, 0, 0] }), 230, false);
  assert.ok(Math.abs(x(motion, 230) - before) < EPSILON);
});

test("after a pause the next motion takes 200 ms at most", () => {
  const motion = moving(road({ 0: [0, 0, 0] }), road({ 0: [1, 0, 0] }));
  motion.aim(road({ 0: [2, 0, 0] }), 60_000, false);
  motion.aim(road({ 0: [3, 0, 0] }), 120_000, false);
  assert.equal(motion.at(120_199)!.arrived, false);
  assert.equal(motion.at(120_200)!.arrived, true);
});

test("a cut, another road and a jump are shown at once", () => {
  const start = road({ 0: [0, 0, 0] });
  const cases: [Picture, boolean][] = [
    [road({ 0: [5, 0, 0] }), true],
    [road({ 0: [5, 0, 0] }, 4), false],
    [road({ 0: [25, 0, 0] }), false],
    [arm([[0, 0, 0]], [about([0, 0, 1], 0)]), false],
  ];
  for (const [picture, cut] of cases) {
    const motion = moving(start, road({ 0: [1, 0, 0] }));
    motion.aim(picture, 150, cut);
    assert.deepEqual(motion.at(150), { picture, arrived: true });
  }
});

test("shapes that are others, or jump by half a metre, are shown at once", () => {
  const flat = about([0, 0, 1], 0);
  const start = arm([[0, 0, 0]], [flat]);
  const others = [
    arm([[0, 0, 0], [1, 0, 0]], [flat, flat]), // one more
    arm([[0.1, 0, 0]], [flat], { shapes: ["sphere"] }),
    arm([[0.5, 0, 0]], [flat]),
  ];
  for (const other of others) {
    const motion = moving(start, start);
    motion.aim(other, 150, false);
    assert.deepEqual(motion.at(150), { picture: other, arrived: true });
  }
  const motion = moving(start, start);
  motion.aim(arm([[0.4, 0, 0]], [flat]), 200, false);
  assert.equal(motion.at(201)!.arrived, false);
});
