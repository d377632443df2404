// What a pushed device asks for. steering.json has the numbers for this file and for mereq/web/devices/steering.py.

import layout from "../../src/mereq/web/devices/steering.json";
import type { Hands } from "./hands";

export { layout };

// Each from -1 to 1, and 0 within the dead zone.
export interface Push {
  right: number;
  towards: number; // the person
  up: number;
}

// What a device can do to the page, or to the panel where devices are tried.
export interface Acts {
  hands: () => Hands;
  changed: () => void;
  engage: (engaged: boolean) => void;
  retract: () => void;
  goOrPause: () => void;
  lost: (kind: string, name: string, how?: string) => void;
  notice: (words: string) => void;
}

// How far a value in [-1, 1] is beyond the dead zone, in [-1, 1].
export function beyond(value: number): number {
  const far = (Math.abs(value) - layout.dead_zone) / (1 - layout.dead_zone);
  return far <= 0 ? 0 : value > 0 ? far : -far;
}

// The arrow key towards which a device is pushed most.
export function wayOf({ right, towards }: Push): string | null {
  if (Math.max(Math.abs(right), Math.abs(towards)) <= layout.way) return null;
  if (Math.abs(right) > Math.abs(towards)) return right > 0 ? "ArrowRight" : "ArrowLeft";
  return towards > 0 ? "ArrowDown" : "ArrowUp";
}

// Put into the hands what a device holds; whether that changed anything. A vector is (towards, right, up): the arm's x, y, z.
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
