// Spheres, capsules, ellipsoids, cylinders and boxes in perspective, far faces first: mereq/tasks/arm/drawing.py.

import type { ShapesPicture } from "./messages";

type V = [number, number, number];
interface Mesh { vertices: V[]; faces: number[][] }
interface Face { distance: number; corners: [number, number][]; colour: string }

const EYE: V = [1.62, -0.42, 0.82]; // the robot's front: +y is to the right, -x is away
const LOOKED_AT: V = [0.36, 0.02, 0.29];
const ZOOM = 2.15; // focal length over half the height
const SUN = unit([0.25, -0.45, 0.86]);
const AMBIENT = 0.52;
const TOP_LAYER = 1000;
const ROUND = 16;

const FORWARDS = unit(minus(LOOKED_AT, EYE));
const RIGHT = unit(cross(FORWARDS, [0, 0, 1]));
const DOWN = cross(FORWARDS, RIGHT);
const meshes = new Map<string, Mesh>();

export function drawShapes(pen: CanvasRenderingContext2D, picture: ShapesPicture, byPerson: boolean): void {
  const { width, height } = pen.canvas;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  const sky = pen.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, "#eceff3");
  sky.addColorStop(1, "#ced3d9");
  pen.fillStyle = sky;
  pen.fillRect(0, 0, width, height);
  const view = (point: V) => project(point, width, height);
  const solid: number[] = [];
  picture.shapes.forEach((_, g) => {
    if (picture.layers[g]! < TOP_LAYER) paint(pen, facesOf(picture, g, view));
    else solid.push(g);
  });
  for (const g of solid) shadow(pen, picture, g, view);
  paint(pen, solid.flatMap((g) => facesOf(picture, g, view)));
  drawAxes(pen, picture.tip, view, byPerson);
}

// Where the keys lead: arrows along the axes of the world, from the tool.
function drawAxes(pen: CanvasRenderingContext2D, tip: V, view: (point: V) => [number, number], byPerson: boolean): void {
  const arrows: [V, string, string][] = [[[0, 0.1, 0], "→", "#0072b2"], [[-0.1, 0, 0], "↑", "#d55e00"], [[0, 0, 0.1], "E", "#009e73"]];
  pen.globalAlpha = byPerson ? 1 : 0.35;
  pen.lineWidth = pen.canvas.height / 180;
  pen.font = `bold ${pen.canvas.height / 26}px system-ui, sans-serif`;
  for (const [way, name, colour] of arrows) {
    const [from, to] = [view(tip), view([tip[0] + way[0], tip[1] + way[1], tip[2] + way[2]])];
    pen.strokeStyle = pen.fillStyle = colour;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
    pen.fillText(name, to[0] + 4, to[1] + 4);
  }
  pen.globalAlpha = 1;
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

function facesOf(picture: ShapesPicture, g: number, view: (point: V) => [number, number]): Face[] {
  const colour = picture.colours[g]!;
  if (colour[3] === 0) return [];
  const vertices = verticesOf(picture, g);
  const faces: Face[] = [];
  for (const indices of meshOf(picture.shapes[g]!).faces) {
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

function shadow(pen: CanvasRenderingContext2D, picture: ShapesPicture, g: number, view: (point: V) => [number, number]): void {
  const ground = verticesOf(picture, g).map((v): V => {
    const t = Math.max(v[2], 0) / SUN[2];
    return [v[0] - t * SUN[0], v[1] - t * SUN[1], v[2] - t * SUN[2]];
  });
  pen.fillStyle = "rgb(60 66 74 / 22%)";
  outline(pen, hull(ground.map(view)));
  pen.fill();
}

function verticesOf(picture: ShapesPicture, g: number): V[] {
  const [shape, size, at, turn] = [picture.shapes[g]!, picture.sizes[g]!, picture.positions[g]!, picture.orientations[g]!];
  const { vertices } = meshOf(shape);
  return vertices.map((v, i) => {
    let own: V = [v[0] * size[0], v[1] * size[1], v[2] * size[2]];
    if (shape === "sphere") own = [v[0] * size[0], v[1] * size[0], v[2] * size[0]];
    if (shape === "cylinder") own = [v[0] * size[0], v[1] * size[0], v[2] * size[1]];
    if (shape === "capsule") own = [v[0] * size[0], v[1] * size[0], v[2] * size[0] + (i < vertices.length / 2 ? -size[1] : size[1])];
    return [0, 1, 2].map((r) => at[r]! + turn[3 * r]! * own[0] + turn[3 * r + 1]! * own[1] + turn[3 * r + 2]! * own[2]) as V;
  });
}

// Vertices of the unit shape, and its faces anticlockwise from outside.
function meshOf(shape: string): Mesh {
  const known = meshes.get(shape);
  if (known) return known;
  const mesh = shape === "box" ? box() : turned(shape === "cylinder" ? [[1, -1], [1, 1]] : ball());
  meshes.set(shape, mesh);
  return mesh;
}

function box(): Mesh {
  const vertices: V[] = [];
  for (const x of [-1, 1]) for (const y of [-1, 1]) for (const z of [-1, 1]) vertices.push([x, y, z]);
  return { vertices, faces: [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]] };
}

// Rings of a ball: radius and height. The equator is there twice, for capsules are cut there.
function ball(): [number, number][] {
  const half = [0, 1, 2, 3, 4].map((i): [number, number] => {
    const bow = -Math.PI / 2 + (i * Math.PI) / 8;
    return [Math.cos(bow) + 1e-6, Math.sin(bow)];
  });
  return [...half, ...half.slice().reverse().map(([radius, z]): [number, number] => [radius, -z])];
}

function turned(rings: [number, number][]): Mesh {
  const vertices = rings.flatMap(([radius, z]) =>
    Array.from({ length: ROUND }, (_, i): V => [radius * Math.cos((2 * Math.PI * i) / ROUND), radius * Math.sin((2 * Math.PI * i) / ROUND), z]),
  );
  const faces: number[][] = [];
  for (let ring = 0; ring + 1 < rings.length; ring++)
    for (let i = 0; i < ROUND; i++) {
      const j = (i + 1) % ROUND;
      faces.push([ring * ROUND + i, ring * ROUND + j, (ring + 1) * ROUND + j, (ring + 1) * ROUND + i]);
    }
  const around = Array.from({ length: ROUND }, (_, i) => i);
  faces.push(around.slice().reverse(), around.map((i) => i + vertices.length - ROUND));
  return { vertices, faces };
}

function project(point: V, width: number, height: number): [number, number] {
  const to = minus(point, EYE);
  const scale = (ZOOM * height) / 2 / dot(to, FORWARDS);
  return [width / 2 + scale * dot(to, RIGHT), height / 2 + scale * dot(to, DOWN)];
}

function outline(pen: CanvasRenderingContext2D, corners: [number, number][]): void {
  pen.beginPath();
  for (const [x, y] of corners) pen.lineTo(x, y);
  pen.closePath();
}

function hull(points: [number, number][]): [number, number][] {
  const sorted = points.slice().sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const side = (ordered: [number, number][]) => {
    const chain: [number, number][] = [];
    for (const p of ordered) {
      while (chain.length > 1 && turns(chain.at(-2)!, chain.at(-1)!, p) <= 0) chain.pop();
      chain.push(p);
    }
    return chain.slice(0, -1);
  };
  return [...side(sorted), ...side(sorted.reverse())];
}

function turns(a: [number, number], b: [number, number], c: [number, number]): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}
function minus(a: V, b: V): V { return [a[0] - b[0], a[1] - b[1], a[2] - b[2]]; }
function dot(a: V, b: V): number { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
function cross(a: V, b: V): V { return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]; }
function unit(a: V): V { const n = Math.hypot(...a) + 1e-12; return [a[0] / n, a[1] / n, a[2] / n]; }
