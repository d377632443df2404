// Messages from the server. mereq/web/views.py declares the same types; a test compares the two.

export type Action = number | number[];
export type InterventionPlace = [number, number, number]; // round, episode, first step; all from 0

export interface Key {
  codes: string[]; // KeyboardEvent.code
  label: string;
  shown: string;
  action: Action; // vectors of several keys that are down are added
}

export interface Hello {
  kind: "hello";
  task: string;
  summary: string;
  features: string[];
  keys: Key[];
  device: string | null; // the input device at the program's machine, which acts instead of the page
  delta: number;
  foresees: boolean; // whether the page can show what the policy is about to do
  replays: boolean; // whether the page can show an intervention again
}

export interface HighwayPicture {
  draw: "highway";
  lanes: number;
  cars: [number, number, number][]; // x, y [m], heading [rad]; the ego first
  crashed: boolean[];
  ids: number[]; // identity of each car from picture to picture
}

export const TOP_LAYER = 1000; // layer of everything that does not lie flat on the table: mereq/tasks/arm/scene.py

export interface ShapesPicture {
  draw: "shapes";
  shapes: string[];
  sizes: [number, number, number][];
  colours: [number, number, number, number][];
  positions: [number, number, number][];
  orientations: number[][]; // row-major, world from shape
  layers: number[]; // lowest first
  tip: [number, number, number];
}

export interface ImagePicture {
  draw: "image";
  source: string;
}

export type Picture = HighwayPicture | ShapesPicture | ImagePicture;

export interface RoundSummary {
  rate: number;
  samples: number;
  theta: number[];
  waited: number;
}

export interface LastStep {
  action: string;
  by: number; // 1: the person
  terminated: boolean;
}

export interface LearningProgress {
  step: number;
  of: number;
  gradient: number | null;
}

export interface BelievedWeight {
  name: string;
  mean: number;
  low: number; // 95 % interval
  high: number;
  before: number; // half of the interval before any evidence
  was: number; // mean before the last handback
  sign: "more" | "less" | "neither" | "unknown";
  words: string;
}

export interface Contradiction {
  at: InterventionPlace;
  where: string; // the same in words
  changed: string; // what it changed most
  slip: number; // probability that it is a slip, given the others
  state: "counts" | "is taken back" | "taken back" | "in a finished round";
}

export interface Beliefs {
  weights: BelievedWeight[]; // empty before the first intervention
  confused: [string, string][]; // features that cannot be told apart yet
  changed: string; // what the last intervention, or what taking one back, changed most
  contradictions: Contradiction[]; // the most certain ones first
}

export interface View {
  kind: "view";
  frame: number;
  picture: Picture | null;
  paused: string | null;
  awaits: string | null; // what is waited for: a robot's driver, or the countdown before it moves
  engaged: boolean;
  pace: number;
  felt: [number, number, number, boolean, boolean] | null; // right, towards, up, takes over, hands back
  readings: [string, string][];
  ghost: [number, number, number][] | null; // what the policy is about to do; null: it is not shown
  phase: "preparing" | "supervising" | "learning" | "finished" | "stopped";
  words: string;
  directory: string;
  round: number;
  of_rounds: number;
  step: number;
  of_steps: number;
  episode: number;
  step_of_episode: number;
  last: LastStep | null;
  basic: number | null;
  residual: number | null;
  yours: number;
  taken_back: number;
  can_retract: boolean;
  samples: number;
  rounds: RoundSummary[];
  progress: LearningProgress | null;
  version: number | null; // number of the newest policy, when it learns while it is supervised
  beliefs: Beliefs | null; // of a method that infers a posterior
}

export interface Replay {
  kind: "replay";
  pictures: Picture[];
  yours: boolean[]; // whether the person acted, for each picture
  seconds: number; // that a picture lasts
}

export interface Refusal {
  kind: "refused";
  reason: string;
}

export type FromServer = Hello | View | Refusal;

// Messages from the page. mereq/web/messages.py parses them.

export type Mode = "toggle" | "hold";

export interface Input {
  kind: "input";
  frame: number;
  sent: number;
  mode: Mode;
  engaged: boolean;
  action: Action | null;
}

export interface Command {
  kind: "command";
  name: "go" | "pause" | "release" | "retract" | "keep" | "hand_back" | "pace" | "ghost";
  value: string | number | InterventionPlace | null;
}
