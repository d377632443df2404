// Gamepads. Standard mapping: the left stick and the D-pad act, A takes over, B hands back. Others are calibrated.

import { calibrationOf, strength, type Calibration, type Deed } from "./calibration";
import { beyond, steer, type Acts, type Push } from "./steering";

export interface Reading {
  push: Push;
  down: (deed: Deed) => boolean;
}

export function watchGamepad(acts: Acts): void {
  let before: Reading | null = null;
  addEventListener("gamepadconnected", (event) => {
    const pad = event.gamepad;
    acts.notice(calibrationOf(pad) === null ? `${pad.id}: the browser does not know its buttons. Press T to calibrate it.`
      : pad.mapping !== "standard" ? `${pad.id} uses your calibration. Press T to test it.`
      : `${pad.id}: the left stick or D-pad acts, A takes over, B hands back, Y takes back your last intervention, Start pauses. Press T to test it.`);
  });
  addEventListener("gamepaddisconnected", (event) => {
    before = null;
    acts.lost("gamepad", event.gamepad.id);
  });
  const look = (): void => {
    const pad = pads().find((each) => calibrationOf(each) !== null);
    if (pad) {
      const now = readPad(pad, calibrationOf(pad)!);
      const pressed = (deed: Deed) => now.down(deed) && before?.down(deed) !== true;
      const [engages, handsBack, retracts, pauses] = (["engage", "handBack", "retract", "pause"] as const).map(pressed);
      before = now;
      if (engages) acts.engage(true);
      if (handsBack) acts.engage(false);
      if (retracts) acts.retract();
      if (pauses) acts.goOrPause();
      if (steer(acts.hands(), "pad", now.push)) acts.changed();
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

export function pads(): Gamepad[] {
  return navigator.getGamepads().filter((pad): pad is Gamepad => pad?.connected === true);
}

export function readPad(pad: Gamepad, calibration: Calibration): Reading {
  const held = Object.fromEntries(
    Object.entries(calibration.sources).map(([deed, sources]) => [deed, Math.max(0, ...sources.map((each) => strength(each, pad, calibration)))]),
  ) as Partial<Record<Deed, number>>;
  const between = (more: Deed, less: Deed) => beyond((held[more] ?? 0) - (held[less] ?? 0));
  return {
    push: { right: between("right", "left"), towards: between("towards", "away"), up: between("up", "down") },
    down: (deed) => (held[deed] ?? 0) > 0.5,
  };
}
