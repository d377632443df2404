// Renderer by WebGL: spheres, capsules, ellipsoids, cylinders and boxes with one light, its shadows and ambient light.
// Meshes are uploaded once; a picture is one small buffer of poses, sizes and colours.

import { AMBIENT, cross, dot, DOWN, EYE, FLOOR, FORWARDS, minus, RIGHT, SKY, SUN, unit, ZOOM, type V } from "./camera";
import { kindOf, meshOf, scaleOf, type Kind } from "./meshes";
import { TOP_LAYER, type ShapesPicture } from "./messages";
import { DEPTH_ONLY, FRAGMENT, NOTHING, SKY_ABOVE, VERTEX } from "./shaders";

const ROUND: Record<Kind, number> = { box: 4, cylinder: 32, ball: 24 };
const KINDS = Object.keys(ROUND) as Kind[];
const CORNER = [4, 3]; // floats of a corner: position and half, normal
const THING = [4, 4, 3, 3, 3, 3]; // floats of a shape: size and stretch, colour and layer, position, rotation matrix
const SHADOWS = 512; // px
const [NEAR, FAR] = [0.5, 3]; // m
const [LAYER, LAYERS] = [3e-4, 4]; // depth offset per layer, enough for a buffer of 16 bits: of flat shapes in one plane, the later one is on top
const SHADED: [V, V] = [[-0.3, -0.55, 0], [1, 0.55, 1.1]]; // m, corners of the volume that casts and receives shadows

interface Drawn { corners: WebGLVertexArrayObject; count: number; things: WebGLBuffer }

export class Solids {
  private programs!: { shape: WebGLProgram; shadow: WebGLProgram; sky: WebGLProgram };
  private kinds!: Record<Kind, Drawn>;
  private shadows!: { into: WebGLFramebuffer; size: number };

  // Returns null without a graphics card: software WebGL is slower than the plain canvas, and stalls the page for so
  // long that the dead man's switch pauses the run. `changed` is called when the context is lost, and when it is restored.
  static on(canvas: HTMLCanvasElement, changed: () => void): Solids | null {
    const gl = canvas.getContext("webgl2", { alpha: false, antialias: true, powerPreference: "high-performance" });
    if (gl === null) return null;
    if (!inSoftware(gl)) return new Solids(gl, canvas, changed);
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return null;
  }

  private constructor(private gl: WebGL2RenderingContext, canvas: HTMLCanvasElement, changed: () => void) {
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault(); // otherwise the context is never restored
      changed();
    });
    canvas.addEventListener("webglcontextrestored", () => {
      this.build();
      changed();
    });
    this.build();
  }

  get lost(): boolean {
    return this.gl.isContextLost();
  }

  draw(picture: ShapesPicture): void {
    const { gl, programs, shadows } = this;
    const [width, height] = [gl.drawingBufferWidth, gl.drawingBufferHeight];
    const counts = this.upload(picture);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.CULL_FACE);
    gl.bindFramebuffer(gl.FRAMEBUFFER, shadows.into);
    gl.viewport(0, 0, shadows.size, shadows.size);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.POLYGON_OFFSET_FILL);
    this.drawShapes(programs.shadow, counts);
    gl.disable(gl.POLYGON_OFFSET_FILL);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, width, height);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.useProgram(programs.shape);
    gl.uniformMatrix4fv(gl.getUniformLocation(programs.shape, "seen"), false, camera(width / height));
    this.drawShapes(programs.shape, counts);
    gl.useProgram(programs.sky);
    gl.bindVertexArray(null);
    gl.drawArrays(gl.TRIANGLES, 0, 3); // the background
  }

  private drawShapes(program: WebGLProgram, counts: Record<Kind, number>): void {
    const { gl } = this;
    gl.useProgram(program);
    for (const kind of KINDS) {
      if (counts[kind] === 0) continue;
      gl.bindVertexArray(this.kinds[kind].corners);
      gl.drawArraysInstanced(gl.TRIANGLES, 0, this.kinds[kind].count, counts[kind]);
    }
  }

  // The number of shapes of each kind to draw.
  private upload(picture: ShapesPicture): Record<Kind, number> {
    const { gl } = this;
    const rows: Record<Kind, number[]> = { box: [], cylinder: [], ball: [] };
    const counts = { box: 0, cylinder: 0, ball: 0 };
    picture.shapes.forEach((shape, g) => {
      const [colour, turn] = [picture.colours[g]!, picture.orientations[g]!];
      if (colour[3] === 0) return;
      const kind = kindOf(shape);
      const [scale, stretch] = scaleOf(shape, picture.sizes[g]!);
      const layer = picture.layers[g]! < TOP_LAYER ? Math.min(g + 1, LAYERS) * LAYER : 0;
      rows[kind].push(...scale, stretch, colour[0], colour[1], colour[2], layer, ...picture.positions[g]!);
      for (const i of [0, 3, 6, 1, 4, 7, 2, 5, 8]) rows[kind].push(turn[i]!);
      counts[kind]++;
    });
    for (const kind of KINDS) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.kinds[kind].things);
      gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(rows[kind]), gl.DYNAMIC_DRAW);
    }
    return counts;
  }

  private build(): void {
    const { gl } = this;
    if (gl.isContextLost()) return;
    const [shape, shadow, sky] = [program(gl, VERTEX, FRAGMENT), program(gl, VERTEX, DEPTH_ONLY), program(gl, SKY_ABOVE, NOTHING)];
    this.programs = { shape, shadow, sky };
    this.kinds = { box: this.kind("box"), cylinder: this.kind("cylinder"), ball: this.kind("ball") };
    const map = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, map);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.DEPTH_COMPONENT24, SHADOWS, SHADOWS);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
    for (const way of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, way, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_COMPARE_MODE, gl.COMPARE_REF_TO_TEXTURE);
    this.shadows = { into: gl.createFramebuffer()!, size: SHADOWS };
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadows.into);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.TEXTURE_2D, map, 0);
    gl.polygonOffset(2, 4);
    gl.depthFunc(gl.LEQUAL);
    const light = lamp();
    gl.useProgram(shadow);
    gl.uniformMatrix4fv(gl.getUniformLocation(shadow, "seen"), false, light);
    gl.uniform1i(gl.getUniformLocation(shadow, "throws"), 1);
    gl.useProgram(shape);
    gl.uniformMatrix4fv(gl.getUniformLocation(shape, "lit"), false, light);
    gl.uniform3fv(gl.getUniformLocation(shape, "sun"), SUN);
    gl.uniform3fv(gl.getUniformLocation(shape, "eye"), EYE);
    gl.uniform1f(gl.getUniformLocation(shape, "ambient"), AMBIENT);
    gl.uniform1f(gl.getUniformLocation(shape, "texel"), 1 / SHADOWS);
    gl.useProgram(sky);
    gl.uniform3fv(gl.getUniformLocation(sky, "top"), rgb(SKY));
    gl.uniform3fv(gl.getUniformLocation(sky, "bottom"), rgb(FLOOR));
  }

  private kind(kind: Kind): Drawn {
    const { gl } = this;
    const corners = gl.createVertexArray()!;
    gl.bindVertexArray(corners);
    const mesh = new Float32Array(triangles(kind));
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, mesh, gl.STATIC_DRAW);
    attributes(gl, CORNER, 0, 0);
    const things = gl.createBuffer()!;
    gl.bindBuffer(gl.ARRAY_BUFFER, things);
    attributes(gl, THING, CORNER.length, 1);
    return { corners, count: mesh.length / sum(CORNER), things };
  }
}

// Whether WebGL runs in software. failIfMajorPerformanceCaveat does not tell; the renderer's name does.
function inSoftware(gl: WebGL2RenderingContext): boolean {
  const names = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(names === null ? gl.RENDERER : names.UNMASKED_RENDERER_WEBGL));
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

function attributes(gl: WebGL2RenderingContext, sizes: number[], first: number, divisor: number): void {
  let offset = 0;
  sizes.forEach((size, i) => {
    gl.enableVertexAttribArray(first + i);
    gl.vertexAttribPointer(first + i, size, gl.FLOAT, false, 4 * sum(sizes), 4 * offset);
    gl.vertexAttribDivisor(first + i, divisor);
    offset += size;
  });
}

// Corners of the triangles of a unit shape: position, half (-1 or 1), normal. Balls and cylinders are shaded smoothly.
function triangles(kind: Kind): number[] {
  const { vertices, faces } = meshOf(kind, ROUND[kind]);
  return faces.flatMap((face) => {
    const points = face.map((i) => vertices[i]!);
    const flat = unit(cross(minus(points[2]!, points[0]!), minus(points.at(-1)!, points[1]!)));
    const smooth = (v: V) => (kind === "ball" ? v : kind === "cylinder" && face.length === 4 ? ([v[0], v[1], 0] as V) : flat);
    const corner = (n: number) => [...points[n]!, face[n]! < vertices.length / 2 ? -1 : 1, ...smooth(points[n]!)];
    return Array.from({ length: face.length - 2 }, (_, n) => [0, n + 1, n + 2].flatMap(corner)).flat();
  });
}

// Projection from the world to the picture, column-major.
function camera(aspect: number): number[] {
  const [a, b] = [(FAR + NEAR) / (FAR - NEAR), (-2 * FAR * NEAR) / (FAR - NEAR)];
  const row = (way: V, by: number, plus = 0) => [...way.map((x) => by * x), plus - by * dot(way, EYE)];
  return columns([row(RIGHT, ZOOM / aspect), row(DOWN, -ZOOM), row(FORWARDS, a, b), row(FORWARDS, 1)]);
}

// Orthographic projection from the world to the shadow map, along the sun's rays.
function lamp(): number[] {
  const across = unit(cross([0, 0, 1], SUN));
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((i): V => [SHADED[i & 1]![0], SHADED[(i >> 1) & 1]![1], SHADED[i >> 2]![2]]);
  const rows = [across, cross(SUN, across), SUN.map((x) => -x) as V].map((way) => {
    const along = corners.map((corner) => dot(corner, way));
    const [low, high] = [Math.min(...along), Math.max(...along)];
    return [...way.map((x) => (2 * x) / (high - low)), -(high + low) / (high - low)];
  });
  return columns([...rows, [0, 0, 0, 1]]);
}

function columns(rows: number[][]): number[] {
  return [0, 1, 2, 3].flatMap((column) => rows.map((row) => row[column]!));
}

function program(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
  const made = gl.createProgram()!;
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]] as const) {
    const shader = gl.createShader(kind)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost())
    throw new Error(`a shader was refused: ${gl.getProgramInfoLog(made)} ${gl.getAttachedShaders(made)!.map((shader) => gl.getShaderInfoLog(shader))}`);
  return made;
}

function rgb(hex: string): number[] {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
