// Meaning of a gamepad's axes and buttons: known for the standard mapping, calibrated by the person for any other.

export interface Axis {
  rest: number;
  least: number;
  most: number;
}
// A direction of an axis (1 or -1), or a button.
export type Source = { axis: number; way: 1 | -1 } | { button: number };
export type Deed = "right" | "left" | "towards" | "away" | "up" | "down" | "engage" | "handBack" | "retract" | "pause";
export interface Calibration {
  axes: Axis[];
  sources: Partial<Record<Deed, Source[]>>;
}

export const STANDARD: Calibration["sources"] = {
  right: [{ axis: 0, way: 1 }, { button: 15 }],
  left: [{ axis: 0, way: -1 }, { button: 14 }],
  towards: [{ axis: 1, way: 1 }, { button: 13 }],
  away: [{ axis: 1, way: -1 }, { button: 12 }],
  up: [{ button: 7 }],
  down: [{ button: 6 }],
  engage: [{ button: 0 }],
  handBack: [{ button: 1 }],
  retract: [{ button: 3 }],
  pause: [{ button: 9 }],
};
const PLAIN: Axis = { rest: 0, least: -1, most: 1 };
const MOVED = 0.3; // share of an axis's range; anything below is noise
const PUSHED = 0.6;

const QUESTIONS: [Deed, string, "skip"?][] = [
  ["right", "Push the stick or button that moves to the right"],
  ["left", "Push the stick or button that moves to the left"],
  ["towards", "Push the stick or button that moves towards you (on the highway: SLOWER)"],
  ["away", "Push the stick or button that moves away from you (on the highway: FASTER)"],
  ["up", "Push the stick or button that raises the tool (arm only)", "skip"],
  ["down", "Push the stick or button that lowers the tool (arm only)", "skip"],
  ["engage", "Press the button that takes over"],
  ["handBack", "Press the button that hands back"],
  ["retract", "Press the button that takes back your last intervention", "skip"],
  ["pause", "Press the button that pauses and continues", "skip"],
];

// Deflection of an axis from its rest, from -1 to 1.
export function along(value: number, { rest, least, most }: Axis): number {
  const span = value >= rest ? most - rest : rest - least;
  return span < 0.05 ? 0 : Math.max(-1, Math.min(1, (value - rest) / span));
}

export function axisOf(calibration: Calibration, index: number): Axis {
  return calibration.axes[index] ?? PLAIN;
}

// Deflection of a source, from 0 to 1.
export function strength(source: Source, pad: Gamepad, calibration: Calibration): number {
  if ("button" in source) return pad.buttons[source.button]?.value ?? 0;
  return Math.max(0, source.way * along(pad.axes[source.axis] ?? 0, axisOf(calibration, source.axis)));
}

// The calibration of a pad; null when it needs one.
export function calibrationOf(pad: Gamepad): Calibration | null {
  return kept(pad.id) ?? (pad.mapping === "standard" ? { axes: [], sources: STANDARD } : null);
}

const keyOf = (id: string) => `mereq gamepad ${id}`;
const memory = new Map<string, Calibration | null>(); // reading the storage for every frame would be slow

// The stored calibration of a model of gamepad; null when there is none.
export function kept(id: string): Calibration | null {
  if (!memory.has(id)) memory.set(id, parsed(stored(id)));
  return memory.get(id) ?? null;
}

function stored(id: string): string | null {
  try {
    return localStorage.getItem(keyOf(id));
  } catch { // the browser forbids storage
    return null;
  }
}

// The calibration in a stored text; null where the text is not one.
export function parsed(text: string | null): Calibration | null {
  try {
    const found: unknown = JSON.parse(text ?? "null");
    return isCalibration(found) ? found : null;
  } catch {
    return null;
  }
}

// Stores the calibration of a model of gamepad; null forgets it.
export function keep(id: string, calibration: Calibration | null): void {
  memory.set(id, calibration);
  try {
    if (calibration === null) localStorage.removeItem(keyOf(id));
    else localStorage.setItem(keyOf(id), JSON.stringify(calibration));
  } catch {} // the browser forbids storage: the calibration lasts until the page is closed
}

function isCalibration(found: unknown): found is Calibration {
  const { axes, sources } = (found ?? {}) as Partial<Calibration>;
  const right = (source: unknown) => {
    const { axis, way, button } = (source ?? {}) as { axis?: unknown; way?: unknown; button?: unknown };
    return Number.isInteger(button) || (Number.isInteger(axis) && (way === 1 || way === -1));
  };
  return Array.isArray(axes) && axes.every((axis) => axis !== null && [axis.rest, axis.least, axis.most].every(Number.isFinite))
    && typeof sources === "object" && sources !== null
    && Object.values(sources).every((list) => Array.isArray(list) && list.every(right));
}

// The calibration's questions, in order: rest, range, and the meaning of each source if the browser does not know it.
export class Calibrating {
  private at: "rest" | "range" | number = "rest";
  private letGo = true; // whether the last answer was released
  private found: Calibration = { axes: [], sources: {} };
  done = false;

  constructor(readonly id: string) {}

  get words(): string {
    if (this.at === "rest") return "Release every stick and trigger, then press Next.";
    if (this.at === "range") return "Move every stick in a full circle, press every trigger fully, release them, then press Next.";
    if (!this.letGo) return "Recorded. Release it.";
    const [, words, skip] = QUESTIONS[this.at]!;
    return `${words}${skip ? ", or press Next to skip it" : ""}.`;
  }

  // Whether the button Next is enabled.
  get mayGoOn(): boolean {
    return typeof this.at === "string" || (this.letGo && QUESTIONS[this.at]![2] === "skip");
  }

  next(pad: Gamepad): void {
    if (!this.mayGoOn) return;
    if (this.at === "rest") {
      this.found.axes = pad.axes.map((rest) => ({ rest, least: rest, most: rest }));
      this.at = "range";
    } else if (this.at === "range") {
      for (const axis of this.found.axes) {
        if (axis.most - axis.rest < MOVED) axis.most = Math.max(1, axis.rest);
        if (axis.rest - axis.least < MOVED) axis.least = Math.min(-1, axis.rest);
      }
      if (pad.mapping === "standard") this.finish(STANDARD);
      else this.at = 0;
    } else this.advance();
  }

  // Reads the pad. Called for every frame.
  look(pad: Gamepad): void {
    if (this.at === "range") {
      this.found.axes.forEach((axis, i) => {
        axis.least = Math.min(axis.least, pad.axes[i] ?? axis.least);
        axis.most = Math.max(axis.most, pad.axes[i] ?? axis.most);
      });
    }
    if (typeof this.at === "string" || this.done) return;
    const all: Source[] = [
      ...pad.axes.flatMap((_, axis) => [{ axis, way: 1 as const }, { axis, way: -1 as const }]),
      ...pad.buttons.map((_, button) => ({ button })),
    ];
    const pushed = (source: Source) => strength(source, pad, this.found);
    const most = all.reduce((best, source) => (pushed(source) > pushed(best) ? source : best), all[0]!);
    if (most === undefined) return;
    if (!this.letGo) this.letGo = pushed(most) < MOVED;
    else if (pushed(most) > PUSHED) {
      this.found.sources[QUESTIONS[this.at]![0]] = [most];
      this.letGo = false;
      this.advance();
    }
  }

  private advance(): void {
    this.at = (this.at as number) + 1;
    if (this.at >= QUESTIONS.length) this.finish(this.found.sources);
  }

  private finish(sources: Calibration["sources"]): void {
    this.done = true;
    keep(this.id, { axes: this.found.axes, sources });
  }
}
