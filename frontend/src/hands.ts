// What the person holds. Key events only change this; the server looks at it when a step is due.

import type { Action, Key, Mode } from "./messages";

export class Hands {
  mode: Mode = "toggle";
  engaged = false;
  private down: string[] = []; // names of what is down, the last one pressed at the end
  private analog: Record<string, number[]> = {}; // sticks, by device

  constructor(private keys: Key[]) {}

  // The action key with this code, if it is one; what other devices ask for stands for keys ("pad ArrowUp").
  keyOf(name: string): Key | undefined {
    return this.keys.find((key) => key.codes.includes(name.replace(/^(pad|cap) /, "")));
  }

  // Whether actions are vectors, not some of a few.
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

  // Of finitely many actions the one pressed last; of vectors the sum, cut to [-1, 1].
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
