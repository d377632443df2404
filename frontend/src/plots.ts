// Small plots with one point for each round.

const INK = "#30343b";
const FAINT = "#c9cdd3";
// Okabe and Ito's colours, distinguishable with colour-blindness; the lines differ in their dashes, too.
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [10, 4], [1, 3]];

export interface Curve {
  name: string;
  values: number[];
}

export function plot(canvas: HTMLCanvasElement, curves: Curve[], rounds: number, least: number, most: number, mark?: number): void {
  const ratio = devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d")!;
  pen.scale(ratio, ratio);
  pen.font = "11px system-ui, sans-serif";
  const box = { left: 36, right: width - 8, top: 8, bottom: height - 18 };
  const x = (i: number) => box.left + ((box.right - box.left) * i) / Math.max(rounds - 1, 1);
  const y = (value: number) => box.bottom - ((box.bottom - box.top) * (value - least)) / (most - least || 1);
  pen.fillStyle = INK;
  pen.strokeStyle = FAINT;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const value of new Set([least, 0, most])) {
    pen.fillText(shortly(value), box.left - 5, y(value));
    line(pen, [[box.left, y(value)], [box.right, y(value)]]);
  }
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  const every = Math.ceil(rounds / 10);
  for (let i = 0; i < rounds; i += every) pen.fillText(String(i + 1), x(i), height - 4);
  if (mark !== undefined && mark > least) {
    pen.setLineDash([2, 3]);
    pen.strokeStyle = INK;
    line(pen, [[box.left, y(mark)], [box.right, y(mark)]]);
  }
  curves.forEach((curve, index) => {
    pen.strokeStyle = pen.fillStyle = COLOURS[index % COLOURS.length]!;
    pen.setLineDash(DASHES[index % DASHES.length]!);
    pen.lineWidth = 2;
    line(pen, curve.values.map((value, i) => [x(i), y(value)]));
    pen.setLineDash([]);
    curve.values.forEach((value, i) => pen.fillRect(x(i) - 2.5, y(value) - 2.5, 5, 5));
  });
}

// The names of the curves, each with a sample of its colour and dashes.
export function legend(list: HTMLElement, names: string[]): void {
  list.replaceChildren(
    ...names.map((name, index) => {
      const item = document.createElement("li");
      const sample = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      sample.setAttribute("width", "22");
      sample.setAttribute("height", "8");
      const stroke = document.createElementNS("http://www.w3.org/2000/svg", "line");
      const about = { x1: "0", x2: "22", y1: "4", y2: "4", "stroke-width": "2", stroke: COLOURS[index % COLOURS.length]! };
      for (const [key, value] of Object.entries(about)) stroke.setAttribute(key, value);
      stroke.setAttribute("stroke-dasharray", DASHES[index % DASHES.length]!.join(" "));
      sample.append(stroke);
      item.append(sample, ` ${name}`);
      return item;
    }),
  );
}

function line(pen: CanvasRenderingContext2D, points: [number, number][]): void {
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.stroke();
}

function shortly(value: number): string {
  return value === 0 ? "0" : Math.abs(value) >= 10 ? value.toFixed(0) : value.toPrecision(2);
}
