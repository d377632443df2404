// Bars of beliefs, and the path of the ghost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { barOf, confusedIn } from "../src/beliefs";
import { ahead, outlines } from "../src/ghost";
import type { BelievedWeight } from "../src/messages";

const WEIGHT: BelievedWeight = { name: "right lane", mean: 0.5, low: 0, high: 1, before: 1, was: -0.5, sign: "more", words: "" };

test("a bar is as wide as the interval before any evidence, with zero in the middle", () => {
  assert.deepEqual(barOf(WEIGHT), { low: 0.5, high: 1, mean: 0.75, was: 0.25 });
  assert.deepEqual(barOf({ ...WEIGHT, low: -2, high: 2, before: 1 }), { low: 0, high: 1, mean: 0.625, was: 0.375 });
  assert.ok(Object.values(barOf({ ...WEIGHT, mean: 0, low: 0, high: 0, before: 0 })).every((at) => at >= 0 && at <= 1));
});

test("pairs of features that cannot be told apart are one sentence", () => {
  assert.equal(confusedIn({ weights: [], confused: [] }), "");
  assert.equal(confusedIn({ weights: [], confused: [["a", "b"], ["c", "d"]] }), "Not told apart yet: a and b; c and d.");
});

test("the ghost of a car begins ahead of it and ends at the last place", () => {
  const path = Array.from({ length: 15 }, (_, i): [number, number, number] => [100 + 5 * i, 4, 0]);
  const left = ahead([111, 4, 0], path);
  assert.equal(left[0]![0], 115);
  const cars = outlines([111, 4, 0], left);
  assert.deepEqual(cars.at(-1), path.at(-1));
  cars.slice(1).forEach((car, i) => assert.ok(car[0] - cars[i]![0] >= 14));
  assert.ok(cars[0]![0] - 111 >= 5);
  assert.deepEqual(outlines([0, 0, 0], []), []);
});
