// Actions from pushed devices. steering.json has the constants for this file and for mereq/web/devices/steering.py.

import layout from "../../src/mereq/web/devices/steering.json";
import type { Hands } from "./hands";

export { layout };

// Deflection of a device. Each component is from -1 to 1, and 0 within the dead zone.
export interface Push {
  right: number;
  towards: number; // the person
  up: number;
}

// Effects of a device on the page, or on the panel in which devices are tested.
export interface Acts {
  hands: () => Hands;
  changed: () => void;
  engage: (engaged: boolean) => void;
  retract: () => void;
  goOrPause: () => void;
  lost: (kind: string, name: string, how?: string) => void;
  notice: (words: string) => void;
}

// Deflection beyond the dead zone, in [-1, 1], of a value in [-1, 1].
export function beyond(value: number): number {
  const far = (Math.abs(value) - layout.dead_zone) / (1 - layout.dead_zone);
  return far <= 0 ? 0 : value > 0 ? far : -far;
}

// The arrow key of the direction in which a device is pushed furthest; null: it is not pushed far enough.
export function wayOf({ right, towards }: Push): string | null {
  if (Math.max(Math.abs(right), Math.abs(towards)) <= layout.way) return null;
  if (Math.abs(right) > Math.abs(towards)) return right > 0 ? "ArrowRight" : "ArrowLeft";
  return towards > 0 ? "ArrowDown" : "ArrowUp";
}

// Updates the input from a device. Returns whether the action changed. A vector is (towards, right, up): the arm's x, y, z.
export function steer(hands: Hands, device: "pad" | "cap", push: Push): boolean {
  const before = JSON.stringify(hands.action());
  if (hands.takesVectors) {
    const vector = [push.towards, push.right, push.up];
    hands.push(device, vector.some((part) => part !== 0) ? vector : null);
  } else {
    const way = wayOf(push);
    for (const code of ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]) hands.keep(`${device} ${code}`, code === way);
  }
  return JSON.stringify(hands.action()) !== before;
}
