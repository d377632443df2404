// The picture of the world. It draws the newest view, interpolated, and only while something changes.

import { drawAxes } from "./axes";
import { drawToolGhost } from "./ghost";
import { drawHighway } from "./highway";
import type { Picture, ShapesPicture, View } from "./messages";
import { Motion } from "./motion";
import { drawShapes } from "./shapes";
import { Solids } from "./solids";

export class Scene {
  drawn = 0; // number of the last picture that was drawn completely
  private view: View | null = null;
  private motion = new Motion();
  private due = false;
  private solids: Solids | null | undefined; // null: there is no graphics card for WebGL
  private image = new Image();

  // `flat` lies over `deep`. `told` is called when another picture was drawn completely.
  constructor(private flat: HTMLCanvasElement, private deep: HTMLCanvasElement, private told: () => void) {
    this.image.onload = () => this.redraw();
  }

  show(view: View): void {
    const before = this.view;
    this.view = view;
    if (view.picture === null) return;
    const cut = before === null || view.last === null || view.frame < before.frame; // the picture does not follow from an earlier one
    if (before?.picture == null || view.frame !== before.frame) this.motion.aim(view.picture, performance.now(), cut);
    if (view.frame !== before?.frame || owned(view) !== owned(before) || differs(view.ghost, before.ghost)) this.redraw();
  }

  redraw(): void {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.due = false;
    const now = this.motion.at(performance.now());
    if (now === null || this.view === null) return;
    if (!this.paint(now.picture, owned(this.view))) return;
    if (!now.arrived) this.redraw();
    else if (this.drawn !== this.view.frame) {
      this.drawn = this.view.frame;
      this.told();
    }
  }

  // Returns false while an image is still loading.
  private paint(picture: Picture, byPerson: boolean): boolean {
    this.flat.dataset.draws = picture.draw;
    fit(this.flat);
    const pen = this.flat.getContext("2d")!;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    if (picture.draw === "highway") drawHighway(pen, picture, byPerson, this.view?.ghost ?? null);
    else if (picture.draw === "shapes") this.paintShapes(pen, picture, byPerson);
    else return this.paintImage(pen, picture.source);
    return true;
  }

  private paintShapes(pen: CanvasRenderingContext2D, picture: ShapesPicture, byPerson: boolean): void {
    if (this.solids === undefined) this.solids = Solids.on(this.deep, () => this.redraw());
    const solids = this.solids?.lost ? null : this.solids;
    this.flat.dataset.by = solids === null ? "canvas" : "webgl";
    if (solids === null) drawShapes(pen, picture);
    else {
      fit(this.deep);
      solids.draw(picture);
      pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
    }
    drawToolGhost(pen, this.view?.ghost ?? []);
    drawAxes(pen, picture.tip, byPerson);
  }

  private paintImage(pen: CanvasRenderingContext2D, source: string): boolean {
    const { image } = this;
    if (image.src !== source) image.src = source;
    if (!image.complete || image.naturalWidth === 0) return false; // a broken image is never shown
    const { width, height } = pen.canvas;
    const scale = Math.min(width / image.width, height / image.height);
    pen.clearRect(0, 0, width, height);
    pen.drawImage(image, 0, 0, image.width * scale, image.height * scale);
    return true;
  }
}

// Whether the world is drawn as controlled by the person.
function owned(view: View | null): boolean {
  return view !== null && (view.last?.by === 1 || (view.engaged && view.picture?.draw === "shapes"));
}

function differs(a: View["ghost"], b: View["ghost"]): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

// Matches the canvas's resolution to the display's pixels.
function fit(canvas: HTMLCanvasElement): void {
  const [width, height] = [Math.round(canvas.clientWidth * devicePixelRatio), Math.round(canvas.clientHeight * devicePixelRatio)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
}
