// Calibration of gamepads: rest, range, direction of each axis, and the questions for an unknown one.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { along, axisOf, Calibrating, calibrationOf, keep, kept, parsed, STANDARD, strength, type Calibration } from "../src/calibration";
import { readPad } from "../src/gamepad";
import { pad } from "./gamepads";
import { eachOf } from "./random";

beforeEach(() => keep("Pad (fake)", null));

const UNKNOWN = { mapping: "" as GamepadMappingType };

test("an axis is 0 at rest, 1 and -1 at its ends, and monotone between", () => eachOf(200, (random) => {
  const axis = { rest: random.between(-0.4, 0.4), least: random.between(-1, -0.5), most: random.between(0.5, 1) };
  assert.equal(along(axis.rest, axis), 0);
  assert.equal(along(axis.most, axis), 1);
  assert.equal(along(axis.least, axis), -1);
  const [a, b] = [random.between(-2, 2), random.between(-2, 2)].sort((p, q) => p - q) as [number, number];
  assert.ok(along(a, axis) <= along(b, axis));
  for (const value of [a, b]) assert.ok(Math.abs(along(value, axis)) <= 1); // also beyond its range
}));

test("a trigger that rests at its end goes one way only", () => {
  const trigger = { rest: -1, least: -1, most: 1 };
  assert.equal(along(-1, trigger), 0);
  assert.equal(along(0, trigger), 0.5);
  assert.equal(along(1, trigger), 1);
  assert.equal(along(-1.2, trigger), 0);
});

test("an axis that does not move is silent, not infinite", () => {
  const stuck = { rest: 0.3, least: 0.3, most: 0.3 };
  for (const value of [0.2, 0.3, 0.31, 1]) assert.equal(along(value, stuck), 0);
});

test("a source has the direction of its sign, and is never negative", () => {
  const plain: Calibration = { axes: [], sources: {} };
  assert.equal(strength({ axis: 0, way: 1 }, pad([0.5]), plain), 0.5);
  assert.equal(strength({ axis: 0, way: -1 }, pad([0.5]), plain), 0);
  assert.equal(strength({ axis: 0, way: -1 }, pad([-0.5]), plain), 0.5);
  assert.equal(strength({ button: 6 }, pad([], { 6: 0.25 }), plain), 0.25);
});

test("axes and buttons that a pad does not have are at rest", () => {
  const plain: Calibration = { axes: [], sources: {} };
  assert.equal(strength({ axis: 9, way: 1 }, pad([1]), plain), 0);
  assert.equal(strength({ button: 99 }, pad(), plain), 0);
  assert.deepEqual(axisOf(plain, 9), { rest: 0, least: -1, most: 1 });
});

test("a standard pad needs no calibration, an unknown one does", () => {
  assert.deepEqual(calibrationOf(pad()), { axes: [], sources: STANDARD });
  assert.equal(calibrationOf(pad([], {}, UNKNOWN)), null);
});

// A calibration up to the first question about a source.
function ranged(rest: number[], moves: number[][], about: Partial<Gamepad> = {}): Calibrating {
  const calibrating = new Calibrating("Pad (fake)");
  calibrating.next(pad(rest, {}, about));
  for (const axes of moves) calibrating.look(pad(axes, {}, about));
  calibrating.next(pad(rest, {}, about));
  return calibrating;
}

test("a standard pad is asked for rest and range only; a drifting stick then rests at 0", () => {
  const calibrating = ranged([0.2, 0], [[0.9, 0.5], [-0.8, -0.5]]);
  assert.ok(calibrating.done);
  const found = kept("Pad (fake)")!;
  assert.deepEqual(found.axes, [{ rest: 0.2, least: -0.8, most: 0.9 }, { rest: 0, least: -0.5, most: 0.5 }]);
  assert.deepEqual(readPad(pad([0.2, 0]), found).push, { right: 0, towards: 0, up: 0 });
  assert.deepEqual(readPad(pad([0.9, -0.5]), found).push, { right: 1, towards: -1, up: 0 });
});

test("an axis that was not moved keeps its full range", () => {
  ranged([0, 0.1], [[1, 0.15]]);
  assert.deepEqual(kept("Pad (fake)")!.axes, [{ rest: 0, least: -1, most: 1 }, { rest: 0.1, least: -1, most: 1 }]);
});

test("an axis that vanishes during the calibration is not read", () => {
  const calibrating = ranged([0, 0], [[1], [-1]]);
  assert.ok(calibrating.done);
  assert.ok(kept("Pad (fake)")!.axes.every((axis) => Object.values(axis).every(Number.isFinite)));
});

// Answers a question: pushes and releases.
function answer(calibrating: Calibrating, axes: number[], pressed: Record<number, number> = {}): void {
  assert.ok(!calibrating.words.includes("Release it"), calibrating.words);
  calibrating.look(pad(axes, pressed, UNKNOWN));
  assert.ok(calibrating.done || calibrating.words === "Recorded. Release it.");
  calibrating.look(pad([0, 0], {}, UNKNOWN));
}

test("an unknown pad learns direction, sign and buttons from the person", () => {
  const calibrating = ranged([0, 0], [[1, 1], [-1, -1]], UNKNOWN);
  assert.match(calibrating.words, /right/);
  answer(calibrating, [0, -1]); // its axes are swapped, and the first one is reversed
  answer(calibrating, [0, 1]);
  answer(calibrating, [1, 0]);
  answer(calibrating, [-1, 0]);
  for (const skipped of ["raises", "lowers"]) {
    assert.ok(calibrating.words.includes(skipped) && calibrating.mayGoOn);
    calibrating.next(pad([0, 0], {}, UNKNOWN));
  }
  assert.ok(!calibrating.mayGoOn); // taking over cannot be skipped
  calibrating.next(pad([0, 0], {}, UNKNOWN));
  assert.match(calibrating.words, /takes over/);
  answer(calibrating, [0, 0], { 5: 1 });
  answer(calibrating, [0, 0], { 2: 1 });
  calibrating.next(pad([0, 0], {}, UNKNOWN));
  calibrating.next(pad([0, 0], {}, UNKNOWN));
  assert.ok(calibrating.done);
  const found = calibrationOf(pad([], {}, UNKNOWN))!;
  const read = readPad(pad([0, -1], { 5: 1 }, UNKNOWN), found);
  assert.deepEqual([read.push.right, read.push.up], [1, 0]);
  assert.ok(read.down("engage") && !read.down("handBack") && !read.down("retract"));
  assert.equal(readPad(pad([1, 0], {}, UNKNOWN), found).push.towards, 1);
});

test("noise and a slight push answer nothing", () => {
  const calibrating = ranged([0, 0], [[1, 1], [-1, -1]], UNKNOWN);
  for (const value of [0.05, -0.2, 0.59]) calibrating.look(pad([value, 0], {}, UNKNOWN));
  assert.match(calibrating.words, /right/);
});

test("a push that is held answers one question only", () => {
  const calibrating = ranged([0, 0], [[1, 1], [-1, -1]], UNKNOWN);
  for (let frame = 0; frame < 10; frame++) calibrating.look(pad([1, 0], {}, UNKNOWN));
  assert.equal(calibrating.words, "Recorded. Release it.");
  assert.ok(!calibrating.mayGoOn);
  calibrating.look(pad([0.29, 0], {}, UNKNOWN));
  assert.match(calibrating.words, /left/);
});

test("a calibration that was stored is read again; anything else in the storage is not one", () => {
  const good: Calibration = { axes: [{ rest: 0, least: -1, most: 1 }], sources: STANDARD };
  assert.deepEqual(parsed(JSON.stringify(good)), good);
  const bad = [
    null, "", "{", "null", "5", "[]", "{}", '{"axes": []}', '{"axes": [null], "sources": {}}', '{"axes": {}, "sources": {}}',
    '{"axes": [{"rest": "0", "least": -1, "most": 1}], "sources": {}}', '{"axes": [{"rest": 0, "least": -1}], "sources": {}}',
    '{"axes": [], "sources": null}', '{"axes": [], "sources": {"right": {"button": 1}}}', '{"axes": [], "sources": {"right": [null]}}',
    '{"axes": [], "sources": {"right": [{"axis": 0}]}}', '{"axes": [], "sources": {"right": [{"axis": 0, "way": 2}]}}',
    '{"axes": [], "sources": {"right": [{"axis": 0.5, "way": 1}]}}',
  ];
  for (const text of bad) assert.equal(parsed(text), null, String(text));
});

test("a calibration is kept for its model of gamepad only, until it is forgotten", () => {
  const mine: Calibration = { axes: [], sources: { right: [{ button: 3 }] } };
  keep("Pad (fake)", mine);
  assert.deepEqual(calibrationOf(pad()), mine);
  assert.equal(kept("Another pad"), null);
  keep("Pad (fake)", null);
  assert.deepEqual(calibrationOf(pad()), { axes: [], sources: STANDARD });
});
