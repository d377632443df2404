// Gamepads and SpaceMice: dead zone, direction, and reports that are not understood.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { STANDARD } from "../src/calibration";
import { readPad } from "../src/gamepad";
import { Hands } from "../src/hands";
import type { Key } from "../src/messages";
import { signed } from "../src/meters";
import { after, NO_WEBHID, SpaceMouse, type Cap, type Device, type Hid } from "../src/spacemouse";
import { beyond, layout, steer, wayOf, type Acts } from "../src/steering";
import { pad } from "./gamepads";
import { eachOf } from "./random";

const ZONE = layout.dead_zone;
const KEYS: Key[] = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"].map((code, action) => ({ codes: [code], label: code, shown: code, action }));
const VECTORS: Key[] = [{ codes: ["ArrowRight"], label: "", shown: "", action: [0, 1, 0] }];
const STILL: Cap = { push: { right: 0, towards: 0, up: 0 }, takesOver: false, handsBack: false };

test("the dead zone is silent; beyond it the value starts at 0 and reaches 1", () => eachOf(200, (random) => {
  assert.equal(beyond(random.between(-ZONE, ZONE)), 0);
  const value = random.between(ZONE, 1);
  assert.ok(beyond(value) >= 0 && beyond(value) <= 1);
  assert.equal(beyond(-value), -beyond(value) || 0);
  assert.ok(beyond(ZONE + 1e-6) < 1e-5);
  assert.deepEqual([beyond(1), beyond(-1)], [1, -1]);
}));

test("the arrow key is that of the larger deflection", () => {
  const way = (right: number, towards: number) => wayOf({ right, towards, up: 1 });
  assert.deepEqual([way(1, 0), way(-1, 0), way(0, 1), way(0, -1)], ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"]);
  assert.equal(way(0.6, -0.9), "ArrowUp");
  assert.equal(way(layout.way, layout.way), null);
  assert.equal(way(0, 0), null);
});

test("a device holds one direction key at a time, and steering tells whether the action changed", () => {
  const hands = new Hands(KEYS);
  assert.ok(steer(hands, "pad", { right: 1, towards: 0, up: 0 }));
  assert.equal(hands.action(), 3);
  assert.ok(!steer(hands, "pad", { right: 0.9, towards: 0, up: 0 }));
  assert.ok(steer(hands, "pad", { right: 0, towards: -1, up: 0 }));
  assert.equal(hands.action(), 0);
  assert.ok(steer(hands, "pad", { right: 0, towards: 0, up: 0 }));
  assert.equal(hands.action(), null);
});

test("a device at rest does not release a key or another device", () => {
  const hands = new Hands(KEYS);
  hands.press("ArrowUp");
  steer(hands, "cap", { right: 1, towards: 0, up: 0 });
  steer(hands, "pad", { right: 0, towards: 0, up: 0 });
  assert.equal(hands.action(), 3);
  steer(hands, "cap", { right: 0, towards: 0, up: 0 });
  assert.equal(hands.action(), 0);
});

test("for an arm a deflection is the vector (towards, right, up)", () => {
  const hands = new Hands(VECTORS);
  steer(hands, "cap", { right: 0.25, towards: -0.5, up: 0.75 });
  assert.deepEqual(hands.action(), [-0.5, 0.25, 0.75]);
  assert.ok(steer(hands, "cap", { right: 0, towards: 0, up: 0 }));
  assert.equal(hands.action(), null);
});

test("a standard gamepad: stick, D-pad, triggers and buttons", () => {
  const read = (axes: number[], pressed = {}) => readPad(pad(axes, pressed), { axes: [], sources: STANDARD });
  assert.deepEqual(read([1, -1, 0, 0]).push, { right: 1, towards: -1, up: 0 });
  assert.deepEqual(read([0, 0], { 14: 1, 13: 1 }).push, { right: -1, towards: 1, up: 0 });
  assert.deepEqual(read([1, 0], { 14: 1 }).push, { right: 0, towards: 0, up: 0 }); // opposite ones cancel
  assert.equal(read([0, 0], { 7: 1 }).push.up, 1);
  assert.equal(read([0, 0], { 6: 0.6, 7: 0.6 }).push.up, 0);
  assert.deepEqual(read([ZONE, -ZONE]).push, { right: 0, towards: 0, up: 0 });
  const { down } = read([0, 0], { 0: 1, 3: 0.4 });
  assert.deepEqual((["engage", "handBack", "retract", "pause"] as const).map(down), [true, false, false, false]);
});

const report = (...bytes: number[]): DataView => new DataView(new Uint8Array(bytes).buffer);
function pushed(right: number, towards: number, down: number): DataView {
  const data = new DataView(new ArrayBuffer(6));
  [right, towards, down].forEach((part, i) => data.setInt16(2 * i, part, true));
  return data;
}
const [TRANSLATION, BUTTONS] = [layout.spacemouse.translation, layout.spacemouse.buttons];

test("a SpaceMouse's translation: full scale is 1, down is negative, more than full scale is clipped", () => {
  const { full } = layout.spacemouse;
  assert.deepEqual(after(STILL, TRANSLATION, pushed(full, -full, full)).push, { right: 1, towards: -1, up: -1 });
  assert.deepEqual(after(STILL, TRANSLATION, pushed(32767, -32768, -32768)).push, { right: 1, towards: -1, up: 1 });
  const still = after(STILL, TRANSLATION, pushed(ZONE * full, 0, 0)).push;
  assert.deepEqual(still, { right: 0, towards: 0, up: 0 });
  assert.ok(!Object.values(still).some((part) => Object.is(part, -0)));
});

test("buttons and translation do not change each other", () => {
  const held = after(after(STILL, BUTTONS, report(1)), TRANSLATION, pushed(350, 0, 0));
  assert.deepEqual([held.takesOver, held.handsBack, held.push.right], [true, false, 1]);
  assert.deepEqual(after(held, BUTTONS, report(2)), { ...held, takesOver: false, handsBack: true });
  assert.deepEqual(after(STILL, BUTTONS, report(0b1111_1100)), STILL); // other buttons
});

test("short, empty and unknown reports change nothing", () => eachOf(300, (random) => {
  const cap: Cap = { push: { right: 0.5, towards: 0, up: -0.25 }, takesOver: true, handsBack: false };
  const bytes = Array.from({ length: random.below(14) }, () => random.below(256));
  const id = random.below(256);
  const understood = (id === TRANSLATION && bytes.length >= 6) || (id === BUTTONS && bytes.length >= 1);
  const now = after(cap, id, report(...bytes));
  if (!understood) assert.equal(now, cap);
  for (const part of Object.values(now.push)) assert.ok(Number.isFinite(part) && Math.abs(part) <= 1);
}));

test("a long translation report, with the rotation appended, is read as a short one", () => {
  const short = pushed(200, -100, 50);
  const long = report(...new Uint8Array(short.buffer), 9, 9, 9, 9, 9, 9);
  assert.deepEqual(after(STILL, TRANSLATION, long), after(STILL, TRANSLATION, short));
});

// A SpaceMouse behind a fake WebHID, and what it did.
class Desk {
  readonly hands = new Hands(VECTORS);
  readonly did: string[] = [];
  readonly device: Device & { vendorId: number } = Object.assign(new EventTarget(), {
    productName: "SpaceMouse X", opened: false, vendorId: layout.spacemouse.vendors[0]!, open: async () => {},
  });
  readonly hid: Hid;
  readonly mouse: SpaceMouse;

  constructor(about: { chosen?: boolean; broken?: boolean; remembered?: boolean } = {}) {
    if (about.broken) this.device.open = () => Promise.reject(new Error("in use"));
    this.hid = Object.assign(new EventTarget(), {
      requestDevice: async () => (about.chosen === false ? [] : [this.device]),
      getDevices: async () => (about.remembered ? [this.device] : []),
    });
    const acts: Acts = {
      hands: () => this.hands, changed: () => this.did.push("changed"), engage: (engaged) => this.did.push(engaged ? "take over" : "hand back"),
      retract: () => {}, goOrPause: () => {}, lost: (_, name, how) => this.did.push(`${name} ${how}`), notice: (words) => this.did.push(words),
    };
    this.mouse = new SpaceMouse(acts, this.hid);
  }

  report(reportId: number, data: DataView): void {
    this.device.dispatchEvent(Object.assign(new Event("inputreport"), { reportId, data }));
  }

  async ready(): Promise<void> {
    await this.mouse.choose();
    this.did.length = 0;
  }
}

test("a button acts once when it goes down, however often it is reported", async () => {
  const desk = new Desk();
  await desk.ready();
  for (const bits of [1, 1, 1, 0, 1, 3, 2]) desk.report(BUTTONS, report(bits));
  assert.deepEqual(desk.did, ["take over", "take over", "hand back"]);
});

test("a device that is chosen twice reports once", async () => {
  const desk = new Desk();
  await desk.mouse.choose();
  await desk.ready();
  desk.report(BUTTONS, report(1));
  assert.deepEqual(desk.did, ["take over"]);
});

test("a device that was chosen before is opened without asking", async () => {
  const desk = new Desk({ remembered: true });
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(desk.mouse.name, "SpaceMouse X");
});

test("a pushed cap that falls silent is lost; one that is released may be silent", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const desk = new Desk();
    await desk.ready();
    desk.report(TRANSLATION, pushed(350, 0, 0));
    mock.timers.tick(1000 * layout.silence - 1);
    desk.report(TRANSLATION, pushed(350, 0, 0)); // it repeats itself
    mock.timers.tick(1000 * layout.silence - 1);
    assert.deepEqual(desk.did, ["changed"]);
    mock.timers.tick(1);
    assert.deepEqual(desk.did, ["changed", "SpaceMouse X fell silent"]);
    assert.deepEqual(desk.mouse.cap.push, { right: 0, towards: 0, up: 0 });
    desk.report(TRANSLATION, pushed(350, 0, 0));
    desk.report(TRANSLATION, pushed(0, 0, 0));
    const before = desk.did.length;
    mock.timers.tick(1e6);
    assert.equal(desk.did.length, before);
  } finally {
    mock.timers.reset();
  }
});

test("a device that is unplugged is lost, another one is not", async () => {
  const desk = new Desk();
  await desk.ready();
  const unplug = (device: object) => desk.hid.dispatchEvent(Object.assign(new Event("disconnect"), { device }));
  unplug({ productName: "Another" });
  assert.deepEqual(desk.did, []);
  unplug(desk.device);
  assert.deepEqual(desk.did, ["SpaceMouse X is gone"]);
  assert.equal(desk.mouse.name, null);
});

test("a choice that fails is explained", async () => {
  const none = new Desk({ chosen: false });
  await none.mouse.choose();
  assert.match(none.did[0]!, /No SpaceMouse was chosen/);
  const broken = new Desk({ broken: true });
  await broken.mouse.choose();
  assert.match(broken.did[0]!, /cannot be opened/);
  assert.equal(broken.mouse.name, null);
  assert.match(NO_WEBHID, /--device spacemouse/);
});

test("numbers have a sign", () => {
  assert.deepEqual([signed(0.5), signed(-0.254), signed(0)], ["+0.50", "−0.25", "+0.00"]);
});
