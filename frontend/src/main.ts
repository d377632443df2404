// The page of `mereq supervise`. The server keeps time and all state; the page shows it and sends the person's input.

import { buttonsFor, showBeliefs, type Choices } from "./beliefs";
import { watchGamepad } from "./gamepad";
import { Hands } from "./hands";
import { meaningOf } from "./keyboard";
import { Link, type Loss } from "./link";
import type { Command, Contradiction, FromServer, Hello, Mode, View } from "./messages";
import { element, showBanner, showHeld, showKeys, showPlots, showProgress, showStatus } from "./panel";
import { Player } from "./replay";
import { Scene } from "./scene";
import { SpaceMouse } from "./spacemouse";
import type { Acts } from "./steering";
import { Trying } from "./trying";

const HEARTBEAT = 50; // ms
const SILENCE = 1500; // ms without a message, of which the program sends two per second

let hello: Hello | null = null;
let view: View | null = null;
let hands = new Hands([]);
let lost: Loss | null = null;
let heard = performance.now(); // time of the last message
const SILENT: Loss = { reason: "Nothing arrives from the program. What you see is old.", then: "reconnect" };
const scene = new Scene(element("scene"), element("solids"), tell);
const link = new Link(receive, (loss) => {
  lost = loss;
  hands.release();
  element("take").hidden = loss.then !== "take control";
  requestAnimationFrame(show);
});

function receive(message: FromServer): void {
  if (message.kind === "refused") {
    element("notice").textContent = `A message was refused: ${message.reason}.`;
    return;
  }
  lost = null;
  heard = performance.now();
  element("take").hidden = true;
  if (message.kind === "hello") {
    const mode = hands.mode;
    hello = message;
    hands = new Hands(message.device === null ? message.keys : []);
    hands.mode = mode;
    document.title = `mereq: ${message.task}`;
    element("task").textContent = message.summary;
    showKeys(message, hands, press);
  } else {
    if (moves(view) && !moves(message)) hands.release();
    view = message;
    scene.show(message);
  }
  requestAnimationFrame(show);
}

function moves(shown: View | null): boolean {
  return shown !== null && shown.paused === null && shown.awaits === null && shown.phase === "supervising";
}

function show(): void {
  showBanner(view, lost);
  if (view === null || hello === null) return;
  showStatus(view);
  showProgress(view);
  showPlots(view, hello);
  showBeliefs(view.beliefs, choices(hello.replays));
  element("ghost-group").hidden = !hello.foresees;
  element("ghost").setAttribute("aria-pressed", String(view.ghost !== null));
  showHeld(hello, hands, view);
  element("go").hidden = view.paused === null || view.phase !== "supervising" || lost !== null;
  element<HTMLButtonElement>("retract").disabled = !view.can_retract;
}

// Sends the input: at every change, and as a heartbeat.
function tell(): void {
  link.say({
    kind: "input", frame: scene.drawn, sent: Date.now() / 1000, mode: hands.mode, engaged: hands.engaged, action: hands.action(),
  });
  if (hello !== null) showHeld(hello, hands, view);
}

function command(name: Command["name"], value: Command["value"] = null): void {
  if (!["pace", "go", "ghost", "keep"].includes(name)) hands.release();
  tell();
  link.say({ kind: "command", name, value });
}

function press(code: string, down: boolean): void {
  hands.keep(code, down);
  tell();
}

function engage(engaged: boolean): void {
  if (hello?.device != null) return engaged ? undefined : command("hand_back"); // only the device takes over
  if (engaged && (hands.mode !== "toggle" || !moves(view))) return;
  hands.engaged = engaged;
  tell();
}

function choose(mode: Mode): void {
  hands.release();
  hands.mode = mode;
  tell();
}

function goOrPause(): void {
  if (view === null) return;
  if (view.paused === null) command("pause", "you asked for a pause");
  else command("go");
}

// What can be done with an intervention that contradicts the others. A replay pauses the run.
function choices(replays: boolean): Choices {
  const done = (name: "keep" | "retract", each: Contradiction) => {
    player.close();
    command(name, each.at);
  };
  const all: Choices = {
    play: replays ? (each) => {
      if (moves(view)) command("pause", "you are watching an earlier intervention");
      void player.show(each.at, `Your intervention in ${each.where}`, buttonsFor(each, all));
    } : null,
    keep: (each) => done("keep", each),
    takeBack: (each) => done("retract", each),
  };
  return all;
}

const ONCE: Record<string, () => void> = {
  Enter: () => engage(true),
  NumpadEnter: () => engage(true),
  Escape: () => engage(false),
  KeyP: goOrPause,
  KeyM: () => command("retract"),
  KeyT: tryDevices,
  KeyG: ghost,
  KeyH: () => choose(hands.mode === "hold" ? "toggle" : "hold"),
  Minus: () => pace(1 / 1.25),
  NumpadSubtract: () => pace(1 / 1.25),
  Equal: () => pace(1.25),
  NumpadAdd: () => pace(1.25),
};

function ghost(): void {
  if (hello?.foresees) command("ghost");
}

function pace(factor: number): void {
  if (view !== null) command("pace", Math.max(0.2, Math.min(20, view.pace * factor)));
}

const SAID: Record<string, string> = { Enter: "take over", NumpadEnter: "take over", KeyP: "pause or continue", KeyM: "take back" };

function tryDevices(): void {
  if (moves(view)) command("pause", "you are testing your devices");
  hands.release();
  trying.show();
}

addEventListener("keydown", (event) => {
  const meaning = meaningOf(event, hands, event.code in ONCE);
  if (meaning === "shortcut") return;
  if (trying.open) return trying.key(event, SAID[event.code]);
  if (player.open) return; // Esc closes it
  if (meaning === "none") return;
  event.preventDefault();
  if (meaning === "action") press(event.code, true);
  if (meaning === "command") ONCE[event.code]!();
});
addEventListener("keyup", (event) => {
  if (trying.open) return trying.key(event, undefined);
  if (player.open) return;
  if (hands.keyOf(event.code) !== undefined) press(event.code, false);
});

// The dead man's switch: all input is released when the person leaves the page.
addEventListener("blur", () => {
  trying.release();
  command("release", "the page lost the focus");
});
addEventListener("pagehide", () => command("release", "the page was left"));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) command("release", "the page was hidden");
});

element("go").onclick = () => command("go");
element("pause").onclick = goOrPause;
element("retract").onclick = () => command("retract");
element("mode-toggle").onclick = () => choose("toggle");
element("mode-hold").onclick = () => choose("hold");
element("slower").onclick = () => pace(1 / 1.25);
element("ghost").onclick = ghost;
element("quicker").onclick = () => pace(1.25);
element("take").onclick = () => link.connect(true);
element("spacemouse").onclick = () => void mouse.choose();
element("try").onclick = tryDevices;
for (const button of document.querySelectorAll<HTMLButtonElement>("#banner button, main button")) {
  button.tabIndex = -1; // action keys must not press a focused button
  button.addEventListener("pointerdown", (event) => event.preventDefault());
}
addEventListener("resize", () => {
  scene.redraw();
  requestAnimationFrame(show);
});

setInterval(tell, HEARTBEAT);
setInterval(() => {
  if (lost !== null || view === null || performance.now() - heard < SILENCE) return;
  lost = SILENT;
  hands.release();
  show();
}, HEARTBEAT);
const run: Acts = {
  hands: () => hands,
  changed: tell,
  engage,
  retract: () => command("retract"),
  goOrPause,
  lost: (kind, name, how = "is gone") => command("release", `the ${kind} ${shortened(name)} ${how}`),
  notice: (words) => (element("notice").textContent = words),
};
// Devices act on the run, or on the panel while it is open. A lost device always pauses the run.
const devices = new Proxy(run, {
  get: (_, name: keyof Acts) => (name !== "lost" && trying.open ? trying.acts[name] : run[name]),
});
const player = new Player();
const mouse = new SpaceMouse(devices);
const trying = new Trying(mouse, () => ({ hello, view }), () => hands.release());
watchGamepad(devices);

// The name of a device in the characters and the length that the server accepts.
function shortened(name: string): string {
  return name.replace(/\(.*/, "").replace(/[^ -~]/g, "").trim().slice(0, 40);
}

link.connect();

export { between, Motion } from "./motion"; // for tests: window.mereq
