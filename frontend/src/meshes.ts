// Unit shapes: a box, a cylinder, and a ball that is cut at its equator, where a capsule is stretched.

import type { V } from "./camera";

export interface Mesh {
  vertices: V[];
  faces: number[][]; // anticlockwise, seen from outside
}

export type Kind = "box" | "cylinder" | "ball";

const meshes = new Map<string, Mesh>();

// The unit shape of each shape.
export function kindOf(shape: string): Kind {
  return shape === "box" || shape === "cylinder" ? shape : "ball";
}

// Number of faces around the axis.
export function meshOf(kind: Kind, round: number): Mesh {
  const key = `${kind} ${round}`;
  const known = meshes.get(key);
  if (known) return known;
  const mesh = kind === "box" ? box() : turned(kind === "cylinder" ? [[1, -1], [1, 1]] : ball(round / 4), round);
  meshes.set(key, mesh);
  return mesh;
}

// Scale of a unit shape, and the offset of the halves of its ball along the axis. Sizes follow MuJoCo.
export function scaleOf(shape: string, size: V): [V, number] {
  if (shape === "sphere") return [[size[0], size[0], size[0]], 0];
  if (shape === "cylinder") return [[size[0], size[0], size[1]], 0];
  if (shape === "capsule") return [[size[0], size[0], size[0]], size[1]];
  return [size, 0];
}

function box(): Mesh {
  const vertices: V[] = [];
  for (const x of [-1, 1]) for (const y of [-1, 1]) for (const z of [-1, 1]) vertices.push([x, y, z]);
  return { vertices, faces: [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]] };
}

// Rings of a ball: radius and height. The equator occurs twice.
function ball(bows: number): [number, number][] {
  const half = Array.from({ length: bows + 1 }, (_, i): [number, number] => {
    const bow = ((i / bows - 1) * Math.PI) / 2;
    return [Math.cos(bow) + 1e-6, Math.sin(bow)];
  });
  return [...half, ...half.slice().reverse().map(([radius, z]): [number, number] => [radius, -z])];
}

function turned(rings: [number, number][], round: number): Mesh {
  const vertices = rings.flatMap(([radius, z]) =>
    Array.from({ length: round }, (_, i): V => [radius * Math.cos((2 * Math.PI * i) / round), radius * Math.sin((2 * Math.PI * i) / round), z]),
  );
  const faces: number[][] = [];
  for (let ring = 0; ring + 1 < rings.length; ring++)
    for (let i = 0; i < round; i++) {
      const j = (i + 1) % round;
      faces.push([ring * round + i, ring * round + j, (ring + 1) * round + j, (ring + 1) * round + i]);
    }
  const around = Array.from({ length: round }, (_, i) => i);
  faces.push(around.slice().reverse(), around.map((i) => i + vertices.length - round));
  return { vertices, faces };
}
