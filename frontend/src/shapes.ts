// Renderer on a plain canvas: shapes in perspective, far faces first, as in mereq/tasks/arm/drawing.py.
// It is used without a graphics card and while the WebGL context is lost; otherwise solids.ts draws.

import { AMBIENT, cross, dot, EYE, FLOOR, minus, project, SKY, SUN, unit, type Pixel, type V } from "./camera";
import { kindOf, meshOf, scaleOf } from "./meshes";
import { TOP_LAYER, type ShapesPicture } from "./messages";

interface Face { distance: number; corners: Pixel[]; colour: string }
type Seen = (point: V) => Pixel;

const ROUND = 16;

export function drawShapes(pen: CanvasRenderingContext2D, picture: ShapesPicture): void {
  const { width, height } = pen.canvas;
  const sky = pen.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, SKY);
  sky.addColorStop(1, FLOOR);
  pen.fillStyle = sky;
  pen.fillRect(0, 0, width, height);
  const view: Seen = (point) => project(point, width, height);
  const solid: number[] = [];
  picture.shapes.forEach((_, g) => {
    if (picture.layers[g]! < TOP_LAYER) paint(pen, facesOf(picture, g, view));
    else solid.push(g);
  });
  for (const g of solid) shadow(pen, picture, g, view);
  paint(pen, solid.flatMap((g) => facesOf(picture, g, view)));
}

function paint(pen: CanvasRenderingContext2D, faces: Face[]): void {
  faces.sort((a, b) => b.distance - a.distance);
  pen.lineWidth = 1;
  for (const face of faces) {
    pen.fillStyle = pen.strokeStyle = face.colour;
    outline(pen, face.corners);
    pen.fill();
    pen.stroke();
  }
}

function facesOf(picture: ShapesPicture, g: number, view: Seen): Face[] {
  const colour = picture.colours[g]!;
  if (colour[3] === 0) return [];
  const vertices = verticesOf(picture, g);
  const faces: Face[] = [];
  for (const indices of meshOf(kindOf(picture.shapes[g]!), ROUND).faces) {
    const corners = indices.map((i) => vertices[i]!);
    const normal = unit(cross(minus(corners[2]!, corners[0]!), minus(corners[3]!, corners[1]!)));
    const middle = corners.reduce((sum, c) => [sum[0] + c[0] / corners.length, sum[1] + c[1] / corners.length, sum[2] + c[2] / corners.length] as V, [0, 0, 0] as V);
    const toEye = minus(EYE, middle);
    if (dot(normal, toEye) <= 0) continue;
    const light = 255 * (AMBIENT + (1 - AMBIENT) * Math.max(dot(normal, SUN), 0));
    faces.push({
      distance: Math.hypot(...toEye),
      corners: corners.map(view),
      colour: `rgb(${light * colour[0]} ${light * colour[1]} ${light * colour[2]})`,
    });
  }
  return faces;
}

function shadow(pen: CanvasRenderingContext2D, picture: ShapesPicture, g: number, view: Seen): void {
  const ground = verticesOf(picture, g).map((v): V => {
    const t = Math.max(v[2], 0) / SUN[2];
    return [v[0] - t * SUN[0], v[1] - t * SUN[1], v[2] - t * SUN[2]];
  });
  pen.fillStyle = "rgb(60 66 74 / 22%)";
  outline(pen, hull(ground.map(view)));
  pen.fill();
}

function verticesOf(picture: ShapesPicture, g: number): V[] {
  const [at, turn] = [picture.positions[g]!, picture.orientations[g]!];
  const [scale, stretch] = scaleOf(picture.shapes[g]!, picture.sizes[g]!);
  const { vertices } = meshOf(kindOf(picture.shapes[g]!), ROUND);
  return vertices.map((v, i) => {
    const own = [v[0] * scale[0], v[1] * scale[1], v[2] * scale[2] + (i < vertices.length / 2 ? -stretch : stretch)] as const;
    return [0, 1, 2].map((r) => at[r]! + turn[3 * r]! * own[0] + turn[3 * r + 1]! * own[1] + turn[3 * r + 2]! * own[2]) as V;
  });
}

function outline(pen: CanvasRenderingContext2D, corners: Pixel[]): void {
  pen.beginPath();
  for (const [x, y] of corners) pen.lineTo(x, y);
  pen.closePath();
}

function hull(points: Pixel[]): Pixel[] {
  const sorted = points.slice().sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const side = (ordered: Pixel[]) => {
    const chain: Pixel[] = [];
    for (const p of ordered) {
      while (chain.length > 1 && turns(chain.at(-2)!, chain.at(-1)!, p) <= 0) chain.pop();
      chain.push(p);
    }
    return chain.slice(0, -1);
  };
  return [...side(sorted), ...side(sorted.reverse())];
}

function turns(a: Pixel, b: Pixel, c: Pixel): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}
