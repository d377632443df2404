// Text of the page: who is in control, why there is no connection, and actions in words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { lossOf } from "../src/link";
import type { Hello, View } from "../src/messages";
import { banner } from "../src/panel";
import { inWords } from "../src/trying";

const VIEW: View = {
  kind: "view", frame: 1, picture: null, paused: null, awaits: null, engaged: false, pace: 2, felt: null, readings: [], ghost: null, phase: "supervising", words: "",
  directory: "/runs/mine", round: 0, of_rounds: 1, step: 1, of_steps: 10, episode: 0, step_of_episode: 1,
  last: { action: "IDLE", by: 0, terminated: false }, basic: null, residual: null, yours: 0, taken_back: 0, can_retract: false,
  samples: 0, rounds: [], progress: null, version: null, beliefs: null,
};
const title = (view: View | null, lost: Parameters<typeof banner>[1] = null) => banner(view, lost)[2];

test("the banner names who takes the next step", () => {
  assert.equal(title(null), "CONNECTING");
  assert.equal(title(VIEW), "POLICY");
  assert.equal(title({ ...VIEW, engaged: true }), "YOU");
  assert.equal(title({ ...VIEW, engaged: true, paused: "you asked for a pause" }), "PAUSED");
  assert.equal(title({ ...VIEW, phase: "learning", paused: "the page was left" }), "LEARNING");
  assert.equal(title({ ...VIEW, phase: "preparing" }), "PREPARING");
  assert.equal(title({ ...VIEW, awaits: "The robot moves in 3 s" }), "WAITING");
  assert.equal(title({ ...VIEW, awaits: "The robot: reset, 12 s", paused: "you asked for a pause" }), "PAUSED");
});

test("a change of control is announced until the next step was taken", () => {
  const byPerson = { ...VIEW, last: { action: "IDLE", by: 1, terminated: false } };
  assert.match(banner({ ...VIEW, engaged: true }, null)[3], /from the next step/);
  assert.equal(banner({ ...byPerson, engaged: true }, null)[3], "You are in control.");
  assert.match(banner(byPerson, null)[3], /from the next step/);
});

test("a lost connection is more important than any state of the run", () => {
  for (const phase of ["preparing", "supervising", "learning", "finished", "stopped"] as const)
    assert.equal(title({ ...VIEW, phase, engaged: true }, lossOf(1006, "")), "NOT CONNECTED");
});

test("a program that ends says why; a run that is over keeps its own words", () => {
  const ended = lossOf(1001, "The program was stopped.");
  assert.deepEqual(banner(VIEW, ended).slice(2), ["STOPPED", "The program was stopped."]);
  assert.deepEqual(banner(null, ended).slice(2), ["STOPPED", "The program was stopped."]);
  assert.equal(title({ ...VIEW, phase: "finished" }, ended), "FINISHED");
  assert.deepEqual(banner({ ...VIEW, phase: "stopped", words: "The disk is full." }, ended).slice(2), ["STOPPED", "The disk is full."]);
});

test("only a connection that may come back is tried again", () => {
  assert.equal(lossOf(1001, "").then, "end");
  for (const code of [4409, 4410]) assert.equal(lossOf(code, "Another page is in control.").then, "take control");
  for (const code of [1000, 1005, 1006, 1011, 1012]) assert.equal(lossOf(code, "").then, "reconnect");
  for (const code of [1001, 1006]) assert.ok(lossOf(code, "").reason.length > 0);
});

function hello(...keys: [string, Hello["keys"][number]["action"]][]): Hello {
  return {
    kind: "hello", task: "a task", summary: "", features: [], device: null, delta: 0.05, foresees: false, replays: false,
    keys: keys.map(([label, action]) => ({ codes: [label], label, shown: label, action })),
  };
}

test("an action is named by its key, or by its components along the keys", () => {
  const highway = hello(["LANE LEFT", 0], ["IDLE", 1]);
  assert.deepEqual([0, 1, 7, null].map((action) => inWords(action, highway)), ["LANE LEFT", "IDLE", "7", "nothing"]);
  const arm = hello(["right", [0, 1, 0]], ["left", [0, -1, 0]], ["up", [0, 0, 1]]);
  assert.equal(inWords([0, -0.5, 0.25], arm), "left 0.50, up 0.25");
  assert.equal(inWords([0, 0, 0], arm), "nothing");
  assert.match(inWords(null, null), /still loading/);
});
