// What the policy is about to do, drawn faintly: the car's next places on the road, or the way of the tool.

import { project, type V } from "./camera";

type Place = [number, number, number];

const CAR = { length: 5, width: 2 };
const APART = 14; // m between two outlines
const TOOL = "#6a3d9a"; // no axis has it

// The outlines of a car on its way, at least `APART` from each other and from the car itself; the last place is one.
export function outlines(car: Place, path: Place[]): Place[] {
  const found: Place[] = [];
  for (const place of path.slice().reverse()) {
    const next = found.at(-1);
    if ((next === undefined || apart(next, place) >= APART) && apart(place, car) >= CAR.length) found.push(place);
  }
  return found.reverse();
}

// The part of a path that is still ahead of the car.
export function ahead(car: Place, path: Place[]): Place[] {
  return path.filter((place) => place[0] > car[0]);
}

// Units are metres.
export function drawCarGhost(pen: CanvasRenderingContext2D, car: Place, path: Place[], colour: string): void {
  const left = ahead(car, path);
  if (left.length === 0) return;
  pen.save();
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineJoin = pen.lineCap = "round";
  pen.globalAlpha = 0.55;
  pen.lineWidth = 0.35;
  pen.beginPath();
  for (const [x, y] of [car, ...left]) pen.lineTo(x, y);
  pen.stroke();
  const cars = outlines(car, left);
  cars.forEach(([x, y, heading], i) => {
    pen.save();
    pen.translate(x, y);
    pen.rotate(heading);
    pen.beginPath();
    pen.roundRect(-CAR.length / 2, -CAR.width / 2, CAR.length, CAR.width, 0.55);
    pen.globalAlpha = 0.3 - (0.15 * i) / cars.length; // the farther, the fainter
    pen.fill();
    pen.globalAlpha = 0.85 - (0.35 * i) / cars.length;
    pen.lineWidth = 0.2;
    pen.setLineDash([0.7, 0.5]);
    pen.stroke();
    pen.restore();
  });
  pen.restore();
}

export function drawToolGhost(pen: CanvasRenderingContext2D, path: Place[]): void {
  if (path.length === 0) return;
  const { width, height } = pen.canvas;
  const points = path.map((place) => project(place as V, width, height));
  pen.save();
  pen.strokeStyle = pen.fillStyle = TOOL;
  pen.lineJoin = pen.lineCap = "round";
  pen.globalAlpha = 0.45;
  pen.lineWidth = height / 160;
  pen.beginPath();
  for (const point of points) pen.lineTo(...point);
  pen.stroke();
  points.forEach(([x, y], i) => {
    const last = i === points.length - 1;
    pen.globalAlpha = last ? 0.85 : 0.75 - (0.35 * i) / points.length;
    pen.beginPath();
    pen.arc(x, y, height / (last ? 60 : 130), 0, 2 * Math.PI);
    if (last) pen.stroke();
    else pen.fill();
  });
  pen.restore();
}

function apart(a: Place, b: Place): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
