// The person's input: keys that are down and pushed devices. The server reads the newest input when a step is due.

import type { Action, Key, Mode } from "./messages";

export class Hands {
  mode: Mode = "toggle";
  engaged = false;
  private down: string[] = []; // names of keys that are down, in the order in which they were pressed
  private analog: Record<string, number[]> = {}; // vectors by device

  constructor(private keys: Key[]) {}

  // The action key with this code, if there is one. A device's direction is a key with a prefix ("pad ArrowUp").
  keyOf(name: string): Key | undefined {
    return this.keys.find((key) => key.codes.includes(name.replace(/^(pad|cap) /, "")));
  }

  // Whether actions are vectors; otherwise they are indices.
  get takesVectors(): boolean {
    return Array.isArray(this.keys[0]?.action);
  }

  press(name: string): void {
    if (!this.down.includes(name)) this.down.push(name);
  }

  lift(name: string): void {
    this.down = this.down.filter((other) => other !== name);
  }

  keep(name: string, down: boolean): void {
    if (down) this.press(name);
    else this.lift(name);
  }

  push(device: string, analog: number[] | null): void {
    if (analog === null) delete this.analog[device];
    else this.analog[device] = analog;
  }

  release(): void {
    this.engaged = false;
    this.down = [];
    this.analog = {};
  }

  holds(key: Key): boolean {
    return this.down.some((name) => this.keyOf(name) === key);
  }

  // The index of the key pressed last, or the sum of all vectors, clipped to [-1, 1]. Null: no input.
  action(): Action | null {
    const held = this.down.map((name) => this.keyOf(name)).filter((key) => key !== undefined);
    const last = held.at(-1);
    if (last !== undefined && typeof last.action === "number") return last.action;
    const vectors = [...held.map((key) => key.action as number[]), ...Object.values(this.analog)];
    if (vectors.length === 0) return null;
    const size = vectors[0]!.length;
    return Array.from({ length: size }, (_, i) =>
      Math.max(-1, Math.min(1, vectors.reduce((sum, vector) => sum + (vector[i] ?? 0), 0))),
    );
  }
}
