// Directions of the keys: arrows from the tool along the axes of the world.

import { project, type Pixel, type V } from "./camera";

const LENGTH = 0.1; // m
const ARROWS: [V, string, string][] = [[[0, LENGTH, 0], "→", "#0072b2"], [[-LENGTH, 0, 0], "↑", "#d55e00"], [[0, 0, LENGTH], "E", "#009e73"]];

export function drawAxes(pen: CanvasRenderingContext2D, tip: V, byPerson: boolean): void {
  const { width, height } = pen.canvas;
  const from = project(tip, width, height);
  pen.globalAlpha = byPerson ? 1 : 0.5;
  pen.font = `bold ${height / 24}px system-ui, "DejaVu Sans", sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = pen.lineCap = "round";
  for (const [way, name, colour] of ARROWS) {
    const to = project([tip[0] + way[0], tip[1] + way[1], tip[2] + way[2]], width, height);
    const [x, y] = [(to[0] - from[0]) / height, (to[1] - from[1]) / height];
    const long = Math.hypot(x, y) + 1e-9;
    const [along, across]: [Pixel, Pixel] = [[(x / long) * height, (y / long) * height], [(-y / long) * height, (x / long) * height]];
    const ahead = (by: number, beside: number): Pixel => [to[0] + by * along[0] + beside * across[0], to[1] + by * along[1] + beside * across[1]];
    const rim = byPerson ? [["#ffffff", 1 / 60] as const] : []; // readable on anything
    for (const [inked, thick] of [...rim, [colour, 1 / 150] as const]) {
      pen.strokeStyle = pen.fillStyle = inked;
      pen.lineWidth = height * thick;
      pen.beginPath();
      pen.moveTo(...from);
      pen.lineTo(...to);
      pen.stroke();
      pen.beginPath();
      for (const corner of [ahead(0.022, 0), ahead(-0.004, 0.012), ahead(-0.004, -0.012)]) pen.lineTo(...corner);
      pen.closePath();
      pen.stroke();
      pen.fill();
    }
    pen.strokeStyle = "#ffffff";
    pen.lineWidth = height / 110;
    pen.fillStyle = colour;
    const at = ahead(0.052, 0);
    if (byPerson) pen.strokeText(name, ...at);
    pen.fillText(name, ...at);
  }
  pen.globalAlpha = 1;
}
