// Bars of beliefs, and the path of the ghost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { barOf, confusedIn, sentenceOn } from "../src/beliefs";
import { ahead, outlines } from "../src/ghost";
import type { BelievedWeight, Contradiction, HighwayPicture, Replay } from "../src/messages";
import { at } from "../src/replay";

const WEIGHT: BelievedWeight = { name: "right lane", mean: 0.5, low: 0, high: 1, before: 1, was: -0.5, sign: "more", words: "" };

test("a bar is as wide as the interval before any evidence, with zero in the middle", () => {
  assert.deepEqual(barOf(WEIGHT), { low: 0.5, high: 1, mean: 0.75, was: 0.25 });
  assert.deepEqual(barOf({ ...WEIGHT, low: -2, high: 2, before: 1 }), { low: 0, high: 1, mean: 0.625, was: 0.375 });
  assert.ok(Object.values(barOf({ ...WEIGHT, mean: 0, low: 0, high: 0, before: 0 })).every((at) => at >= 0 && at <= 1));
});

test("pairs of features that cannot be told apart are one sentence", () => {
  const none = { weights: [], confused: [], changed: "", contradictions: [] };
  assert.equal(confusedIn(none), "");
  assert.equal(confusedIn({ ...none, confused: [["a", "b"], ["c", "d"]] }), "Not told apart yet: a and b; c and d.");
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

test("an intervention that contradicts the others is one sentence, and says what becomes of it", () => {
  const each: Contradiction = { at: [0, 3, 12], where: "episode 4, steps 13 to 18", changed: "right lane 0.68 -> 0.70", slip: 0.91, state: "counts" };
  assert.equal(sentenceOn(each), "Episode 4, steps 13 to 18: probably a slip (91 %). It changed: right lane 0.68\u00a0→\u00a00.70.");
  assert.ok(sentenceOn({ ...each, state: "is taken back" }).endsWith(" It is taken back with the next step."));
  assert.ok(sentenceOn({ ...each, state: "in a finished round" }).endsWith(" Its round is over, so it stays."));
});

test("a replay moves evenly from picture to picture, says who acts, and ends with the last one", () => {
  const picture = (x: number): HighwayPicture => ({ draw: "highway", lanes: 3, cars: [[x, 4, 0]], crashed: [false], ids: [0] });
  const replay: Replay = { kind: "replay", pictures: [0, 5, 15].map(picture), yours: [false, false, true], seconds: 0.5 };
  const x = (time: number) => (at(replay, time)!.picture as HighwayPicture).cars[0]![0];
  assert.deepEqual([-1, 0, 0.25, 0.5, 0.75, 1, 9].map(x), [0, 0, 2.5, 5, 10, 15, 15]);
  assert.deepEqual([0, 0.4, 0.6, 1].map((time) => at(replay, time)!.yours), [false, false, true, true]);
  assert.deepEqual([0, 0.9, 1].map((time) => at(replay, time)!.over), [false, false, true]);
  assert.equal(at({ ...replay, pictures: [] }, 0), null);
});
