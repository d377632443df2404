// The road from above, following the ego. Colours and shapes are those of mereq/tasks/highway/drawing.py.

import { drawCarGhost } from "./ghost";
import type { HighwayPicture, View } from "./messages";

const LANE_WIDTH = 4;
const CAR = { length: 5, width: 2 };
const VISIBLE = 100; // m
const EGO_AT = 0.3; // of the width
const SHOULDER = 1.2;
const [DASH, GAP] = [3, 5];
const COLOUR = {
  grass: "#d6ddd0", asphalt: "#4a4e56", line: "#ecedf0", dashes: "#b0b4bc", glass: "#202630", lamp: "#fff6c8",
  tail: "#c43434", shade: "#3a3d44", other: "#5c92de", ego: "#4cbe6e", egoUnderPerson: "#f6c844", wreck: "#e44c46",
};

export function drawHighway(pen: CanvasRenderingContext2D, picture: HighwayPicture, byPerson: boolean, ghost: View["ghost"]): void {
  const { width, height } = pen.canvas;
  const road = LANE_WIDTH * picture.lanes + 2 * SHOULDER;
  const scale = Math.min(width / VISIBLE, (0.92 * height) / road);
  const left = picture.cars[0]![0] - (EGO_AT * width) / scale;
  const top = (LANE_WIDTH * (picture.lanes - 1)) / 2 - height / 2 / scale;
  pen.fillStyle = COLOUR.grass;
  pen.fillRect(0, 0, width, height);
  pen.setTransform(scale, 0, 0, scale, -left * scale, -top * scale); // units are metres below
  drawRoad(pen, picture.lanes, left, width / scale);
  drawCarGhost(pen, picture.cars[0]!, ghost ?? [], COLOUR.ego);
  const order = picture.cars.map((_, i) => i).sort((a, b) => rank(picture, a) - rank(picture, b));
  for (const i of order) {
    const ego = byPerson ? COLOUR.egoUnderPerson : COLOUR.ego;
    drawCar(pen, picture.cars[i]!, picture.crashed[i] ? COLOUR.wreck : i === 0 ? ego : COLOUR.other, i === 0 && byPerson);
  }
}

// Drawing order: wrecks first, the ego last.
function rank(picture: HighwayPicture, car: number): number {
  return car === 0 ? 2 : picture.crashed[car] ? 0 : 1;
}

function drawRoad(pen: CanvasRenderingContext2D, lanes: number, left: number, length: number): void {
  const first = -LANE_WIDTH / 2;
  const last = LANE_WIDTH * (lanes - 0.5);
  pen.fillStyle = COLOUR.asphalt;
  pen.fillRect(left, first - SHOULDER, length, last - first + 2 * SHOULDER);
  pen.fillStyle = COLOUR.line;
  for (const y of [first, last]) pen.fillRect(left, y - 0.09, length, 0.18);
  pen.fillStyle = COLOUR.dashes;
  for (let line = 1; line < lanes; line++)
    for (let x = Math.floor(left / (DASH + GAP)) * (DASH + GAP); x < left + length; x += DASH + GAP)
      pen.fillRect(x, first + LANE_WIDTH * line - 0.09, DASH, 0.18);
}

function drawCar(
  pen: CanvasRenderingContext2D, [x, y, heading]: [number, number, number], colour: string, marked: boolean,
): void {
  const [nose, side] = [CAR.length / 2, CAR.width / 2];
  pen.save();
  pen.translate(x, y);
  pen.rotate(heading);
  rounded(pen, -nose + 0.12, -side + 0.18, CAR.length, CAR.width, COLOUR.shade);
  rounded(pen, -nose, -side, CAR.length, CAR.width, colour);
  polygon(pen, [[1, 0.82], [1, -0.82], [0.25, -0.66], [0.25, 0.66]], COLOUR.glass);
  polygon(pen, [[-1.85, 0.76], [-1.85, -0.76], [-1.3, -0.64], [-1.3, 0.64]], COLOUR.glass);
  for (const at of [side - 0.44, 0.1 - side]) {
    pen.fillStyle = COLOUR.lamp;
    pen.fillRect(nose - 0.4, at, 0.35, 0.34);
    pen.fillStyle = COLOUR.tail;
    pen.fillRect(0.05 - nose, at, 0.35, 0.34);
  }
  pen.fillStyle = "rgb(0 0 0 / 18%)";
  pen.fillRect(-1.3, -0.66, 1.55, 1.32);
  if (marked) {
    pen.strokeStyle = "#111"; // not by colour alone
    pen.lineWidth = 0.22;
    pen.setLineDash([0.6, 0.4]);
    pen.strokeRect(-nose - 0.45, -side - 0.45, CAR.length + 0.9, CAR.width + 0.9);
  }
  pen.restore();
}

function rounded(pen: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, colour: string): void {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.roundRect(x, y, w, h, 0.55);
  pen.fill();
}

function polygon(pen: CanvasRenderingContext2D, corners: [number, number][], colour: string): void {
  pen.fillStyle = colour;
  pen.beginPath();
  for (const [x, y] of corners) pen.lineTo(x, y);
  pen.fill();
}
