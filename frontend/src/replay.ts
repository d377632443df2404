// An intervention shown again, in a window of its own: the picture of the run stays where it is.

import { drawHighway } from "./highway";
import type { InterventionPlace, Picture, Replay } from "./messages";
import { between } from "./motion";
import { element } from "./panel";
import { drawShapes } from "./shapes";

// What is shown a time [s] after the beginning: the picture, and whether the person acts. The last picture stays.
export function at(replay: Replay, time: number): { picture: Picture; yours: boolean; over: boolean } | null {
  const last = replay.pictures.length - 1;
  if (last < 0) return null;
  const number = Math.max(0, Math.min(last, time / replay.seconds));
  const before = Math.floor(number);
  const next = Math.min(last, before + 1);
  const picture = between(replay.pictures[before]!, replay.pictures[next]!, number - before);
  return { picture, yours: replay.yours[next]!, over: number >= last };
}

export class Player {
  private readonly dialog = element<HTMLDialogElement>("replay");
  private readonly canvas = element<HTMLCanvasElement>("replay-scene");
  private readonly image = new Image();
  private replay: Replay | null = null;
  private began = 0; // ms
  private asked = 0; // number of the newest request; the answers to earlier ones are dropped

  constructor() {
    element("replay-close").onclick = () => this.dialog.close();
    element("replay-again").onclick = () => this.play();
    this.dialog.addEventListener("close", () => {
      this.replay = null;
      this.asked += 1;
    });
  }

  get open(): boolean {
    return this.dialog.open;
  }

  // Opens the window for an intervention. `buttons` are what can be done with it.
  async show(place: InterventionPlace, title: string, buttons: HTMLElement[]): Promise<void> {
    const number = ++this.asked;
    this.replay = null;
    element("replay-title").textContent = title;
    for (const button of buttons) button.tabIndex = 0; // no action keys here
    element("replay-choices").replaceChildren(...buttons);
    this.say("Simulating it again …");
    if (!this.dialog.open) {
      this.dialog.showModal();
      this.dialog.focus(); // Enter presses nothing by accident; Tab leads to the buttons
    }
    const token = new URLSearchParams(location.search).get("token") ?? "";
    const query = new URLSearchParams({ token, place: place.join(",") });
    let found: Replay | string;
    try {
      const answer = await fetch(`/replay?${query}`);
      found = answer.ok ? ((await answer.json()) as Replay) : await answer.text();
    } catch {
      found = "There is no connection to the program.";
    }
    if (number !== this.asked) return;
    if (typeof found === "string") return this.say(found);
    this.replay = found;
    this.play();
  }

  close(): void {
    if (this.dialog.open) this.dialog.close();
  }

  private play(): void {
    this.began = performance.now();
    requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    const shown = this.replay === null ? null : at(this.replay, (performance.now() - this.began) / 1000);
    if (shown === null) return;
    this.paint(shown.picture, shown.yours);
    this.say(`${shown.yours ? "You are in control" : "The policy is in control"}${shown.over ? ". The end." : "."}`);
    if (!shown.over) requestAnimationFrame(() => this.draw());
  }

  private paint(picture: Picture, yours: boolean): void {
    const { canvas } = this;
    const [width, height] = [Math.round(canvas.clientWidth * devicePixelRatio), Math.round(canvas.clientHeight * devicePixelRatio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const pen = canvas.getContext("2d")!;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    if (picture.draw === "highway") drawHighway(pen, picture, yours, null);
    else if (picture.draw === "shapes") drawShapes(pen, picture);
    else this.paintImage(pen, picture.source);
  }

  private paintImage(pen: CanvasRenderingContext2D, source: string): void {
    const { image } = this;
    image.onload = () => {
      const scale = Math.min(pen.canvas.width / image.width, pen.canvas.height / image.height);
      pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
      pen.drawImage(image, 0, 0, image.width * scale, image.height * scale);
    };
    if (image.src !== source) image.src = source;
  }

  private say(words: string): void {
    const told = element("replay-words");
    if (told.textContent !== words) told.textContent = words;
  }
}
