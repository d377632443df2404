// Meters for axes, directions and buttons. Shape and text show the state, not colour alone.

import { layout } from "./steering";

const WIDTH = 220;
const HEIGHT = 16;

// Meter of a value from -1 to 1, with its dead zone. said: the text beside it, the number by default.
export function meter(name: string, value: number, said = signed(value)): HTMLElement {
  const at = (x: number) => ((x + 1) / 2) * (WIDTH - 2) + 1;
  const picture = shape("svg", { width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
  const outside = Math.abs(value) > layout.dead_zone;
  picture.append(
    shape("rect", { x: 0.5, y: 0.5, width: WIDTH - 1, height: HEIGHT - 1, fill: "#fff", stroke: "#6a7079" }),
    shape("rect", { x: at(-layout.dead_zone), y: 1, width: at(layout.dead_zone) - at(-layout.dead_zone), height: HEIGHT - 2, fill: "#d5d9de" }),
    shape("rect", { x: Math.min(at(0), at(value)), y: 4, width: Math.abs(at(value) - at(0)), height: HEIGHT - 8, fill: outside ? "#d55e00" : "#6a7079" }),
    shape("line", { x1: at(value), x2: at(value), y1: 1, y2: HEIGHT - 1, stroke: "#111", "stroke-width": outside ? 4 : 2 }),
  );
  return row(name, picture, text("span", `${said}${outside ? "" : ", at rest"}`));
}

export function lamps(name: string, buttons: { shown: string; down: boolean }[]): HTMLElement {
  return row(name, ...buttons.map(({ shown, down }) => {
    const lamp = text("span", down ? `● ${shown}` : `○ ${shown}`);
    lamp.className = down ? "lamp down" : "lamp";
    return lamp;
  }));
}

export function row(name: string, ...parts: Node[]): HTMLElement {
  const line = document.createElement("div");
  line.className = "meter";
  line.dataset.name = name;
  line.append(text("span", name), ...parts);
  return line;
}

export function text(kind: "span" | "p" | "option", words: string): HTMLElement {
  const made = document.createElement(kind);
  made.textContent = words;
  return made;
}

export function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

function shape(kind: string, about: Record<string, string | number>): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(about)) made.setAttribute(name, String(value));
  return made;
}
