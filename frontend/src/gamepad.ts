// Gamepads with the standard mapping: the left stick and the cross act, A takes over, B hands back.

import type { Hands } from "./hands";

const DEAD_ZONE = 0.2;
const [A, B, Y, LEFT_TRIGGER, RIGHT_TRIGGER, START, UP, DOWN, LEFT, RIGHT] = [0, 1, 3, 6, 7, 9, 12, 13, 14, 15];

export interface Acts {
  hands: () => Hands;
  changed: () => void;
  engage: (engaged: boolean) => void;
  retract: () => void;
  goOrPause: () => void;
  lost: (kind: string, name: string) => void;
  notice: (words: string) => void;
}

export function watchGamepad(acts: Acts): void {
  let before: boolean[] = [];
  addEventListener("gamepadconnected", (event) => {
    const { id, mapping } = event.gamepad;
    acts.notice(mapping === "standard" ? `${id}: stick or cross act, A takes over, B hands back, Y takes back, Start pauses.`
      : `${id} has no standard mapping; this browser cannot tell which button is which. Use the keyboard.`);
  });
  addEventListener("gamepaddisconnected", (event) => {
    before = [];
    acts.lost("gamepad", event.gamepad.id);
  });
  const look = (): void => {
    const pad = navigator.getGamepads().find((each) => each !== null && each.mapping === "standard" && each.connected);
    if (pad) {
      const now = pad.buttons.map((button) => button.pressed);
      const pressed = (button: number) => now[button] === true && before[button] !== true;
      if (pressed(A)) acts.engage(true);
      if (pressed(B)) acts.engage(false);
      if (pressed(Y)) acts.retract();
      if (pressed(START)) acts.goOrPause();
      before = now;
      if (steer(acts.hands(), pad, now)) acts.changed();
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

// Beyond the dead zone, from 0 to 1.
export function beyond(value: number): number {
  return Math.abs(value) < DEAD_ZONE ? 0 : (Math.sign(value) * (Math.abs(value) - DEAD_ZONE)) / (1 - DEAD_ZONE);
}

// Whether anything changed.
function steer(hands: Hands, pad: Gamepad, down: boolean[]): boolean {
  const before = JSON.stringify(hands.action());
  const [x, y] = [beyond(pad.axes[0] ?? 0), beyond(pad.axes[1] ?? 0)];
  if (hands.takesVectors) {
    const z = (pad.buttons[RIGHT_TRIGGER]?.value ?? 0) - (pad.buttons[LEFT_TRIGGER]?.value ?? 0);
    const vector = [y, x, beyond(z)]; // towards the person is +x, right is +y
    hands.push(vector.some((part) => part !== 0) ? vector : null);
  } else {
    const ways: [string, boolean][] = [
      ["ArrowUp", y < -0.4 || down[UP] === true], ["ArrowDown", y > 0.4 || down[DOWN] === true],
      ["ArrowLeft", x < -0.4 || down[LEFT] === true], ["ArrowRight", x > 0.4 || down[RIGHT] === true],
    ];
    for (const [code, held] of ways) hands.keep(`pad ${code}`, held);
  }
  return JSON.stringify(hands.action()) !== before;
}
