// Input of keys and devices: what is down acts, what was released never does.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Hands } from "../src/hands";
import { meaningOf } from "../src/keyboard";
import type { Key } from "../src/messages";
import { eachOf } from "./random";

const key = (code: string, action: Key["action"]): Key => ({ codes: code.split(" "), label: code, shown: code, action });
const HIGHWAY = [key("ArrowUp KeyW", 3), key("ArrowDown KeyS", 4), key("ArrowLeft", 0), key("ArrowRight", 2), key("Space", 1)];
const ARM = [key("ArrowRight", [0, 1, 0]), key("ArrowLeft", [0, -1, 0]), key("ArrowUp", [-1, 0, 0]), key("KeyE", [0, 0, 1])];

test("without input there is no action, and the policy is in control", () => {
  assert.deepEqual([new Hands(ARM).mode, new Hands(ARM).engaged], ["toggle", false]);
  for (const keys of [HIGHWAY, ARM, []]) assert.equal(new Hands(keys).action(), null);
});

test("of several keys the one pressed last acts; when it is released, the one before acts again", () => {
  const hands = new Hands(HIGHWAY);
  hands.press("ArrowUp");
  hands.press("ArrowLeft");
  assert.equal(hands.action(), 0);
  hands.lift("ArrowLeft");
  assert.equal(hands.action(), 3);
  hands.lift("ArrowUp");
  assert.equal(hands.action(), null);
});

test("action 0 is an action", () => {
  const hands = new Hands(HIGHWAY);
  hands.press("ArrowLeft");
  assert.equal(hands.action(), 0);
});

test("two keys of one action are held until both are released", () => {
  const hands = new Hands(HIGHWAY);
  hands.press("ArrowUp");
  hands.press("KeyW");
  hands.lift("ArrowUp");
  assert.equal(hands.action(), 3);
  assert.ok(hands.holds(HIGHWAY[0]!));
  hands.lift("KeyW");
  assert.ok(!hands.holds(HIGHWAY[0]!));
});

test("a key that repeats is released by one release, and keeps its place", () => {
  const hands = new Hands(HIGHWAY);
  for (const code of ["ArrowUp", "ArrowLeft", "ArrowUp"]) hands.press(code);
  assert.equal(hands.action(), 0);
  hands.lift("ArrowLeft");
  hands.lift("ArrowUp");
  assert.equal(hands.action(), null);
});

test("unknown keys do nothing, also as the last one pressed", () => {
  const hands = new Hands(HIGHWAY);
  hands.press("ArrowUp");
  hands.press("F13");
  assert.equal(hands.action(), 3);
  hands.lift("KeyZ");
  assert.equal(hands.action(), 3);
});

test("a device's direction is a key of its own: releasing it leaves the keyboard's", () => {
  const hands = new Hands(HIGHWAY);
  hands.press("ArrowUp");
  hands.press("pad ArrowUp");
  hands.press("cap ArrowDown");
  assert.equal(hands.action(), 4);
  hands.lift("cap ArrowDown");
  hands.lift("pad ArrowUp");
  assert.equal(hands.action(), 3);
  assert.equal(hands.keyOf("mouse ArrowUp"), undefined);
});

test("vectors are added and clipped; opposite keys cancel to a zero action, which is not null", () => {
  const hands = new Hands(ARM);
  for (const code of ["ArrowRight", "ArrowUp", "KeyE"]) hands.press(code);
  assert.deepEqual(hands.action(), [-1, 1, 1]);
  hands.push("pad", [-0.5, 0.7, 0]);
  assert.deepEqual(hands.action(), [-1, 1, 1]);
  hands.release();
  hands.press("ArrowRight");
  hands.press("ArrowLeft");
  assert.deepEqual(hands.action(), [0, 0, 0]);
});

test("a vector is always within -1 and 1", () => eachOf(200, (random) => {
  const hands = new Hands(ARM);
  for (const { codes } of ARM) if (random.next() < 0.5) hands.press(codes[0]!);
  for (const device of ["pad", "cap"]) if (random.next() < 0.8) hands.push(device, [0, 1, 2].map(() => random.between(-1, 1)));
  const action = hands.action();
  if (action !== null) {
    assert.equal((action as number[]).length, 3);
    for (const part of action as number[]) assert.ok(part >= -1 && part <= 1);
  }
}));

test("a device that lets go leaves nothing", () => {
  const hands = new Hands(ARM);
  hands.push("pad", [0.5, 0, 0]);
  hands.push("cap", [0, 0.25, 0]);
  assert.deepEqual(hands.action(), [0.5, 0.25, 0]);
  hands.push("pad", null);
  assert.deepEqual(hands.action(), [0, 0.25, 0]);
  hands.push("cap", null);
  assert.equal(hands.action(), null);
});

test("when the window loses the focus everything is released, and a later release of a key changes nothing", () => {
  const hands = new Hands(ARM);
  [hands.mode, hands.engaged] = ["hold", true];
  hands.press("ArrowRight");
  hands.push("pad", [1, 1, 1]);
  hands.release();
  assert.deepEqual([hands.engaged, hands.action(), hands.mode], [false, null, "hold"]);
  hands.lift("ArrowRight");
  assert.equal(hands.action(), null);
  hands.press("ArrowLeft");
  assert.deepEqual(hands.action(), [0, -1, 0]);
});

test("after any sequence of presses and releases exactly what is down acts", () => eachOf(200, (random) => {
  const hands = new Hands(HIGHWAY);
  let down: string[] = [];
  for (let step = 0; step < 60; step++) {
    const code = HIGHWAY[random.below(HIGHWAY.length)]!.codes[0]!;
    const what = random.next();
    if (what < 0.5) {
      hands.keep(code, true);
      if (!down.includes(code)) down.push(code);
    } else if (what < 0.95) {
      hands.keep(code, false);
      down = down.filter((each) => each !== code);
    } else {
      hands.release();
      down = [];
    }
    const last = down.at(-1);
    assert.equal(hands.action(), last === undefined ? null : HIGHWAY.find((each) => each.codes.includes(last))!.action);
  }
}));

const DOWN = { code: "ArrowUp", repeat: false, ctrlKey: false, metaKey: false, altKey: false };

test("a key means an action of the task before a command of the page", () => {
  const hands = new Hands(HIGHWAY);
  assert.equal(meaningOf(DOWN, hands, false), "action");
  assert.equal(meaningOf(DOWN, hands, true), "action");
  assert.equal(meaningOf({ ...DOWN, code: "KeyP" }, hands, true), "command");
  assert.equal(meaningOf({ ...DOWN, code: "F5" }, hands, false), "none");
  assert.equal(meaningOf(DOWN, new Hands([]), false), "none"); // a device acts instead of the page
});

test("a held key presses nothing again: after the focus was lost it stays released", () => {
  const hands = new Hands(HIGHWAY);
  assert.equal(meaningOf({ ...DOWN, repeat: true }, hands, false), "repeat");
  assert.equal(meaningOf({ ...DOWN, code: "KeyP", repeat: true }, hands, true), "repeat");
});

test("the browser's shortcuts are left to it", () => {
  for (const modifier of ["ctrlKey", "metaKey", "altKey"])
    assert.equal(meaningOf({ ...DOWN, [modifier]: true }, new Hands(HIGHWAY), true), "shortcut");
});
