"use strict";
(() => {
  // src/gamepad.ts
  var DEAD_ZONE = 0.2;
  var [A, B, Y, LEFT_TRIGGER, RIGHT_TRIGGER, START, UP, DOWN, LEFT, RIGHT] = [0, 1, 3, 6, 7, 9, 12, 13, 14, 15];
  function watchGamepad(acts) {
    let before = [];
    addEventListener("gamepadconnected", (event) => {
      const { id, mapping } = event.gamepad;
      acts.notice(mapping === "standard" ? `${id}: stick or cross act, A takes over, B hands back, Y takes back, Start pauses.` : `${id} has no standard mapping; this browser cannot tell which button is which. Use the keyboard.`);
    });
    addEventListener("gamepaddisconnected", (event) => {
      before = [];
      acts.lost("gamepad", event.gamepad.id);
    });
    const look = () => {
      const pad = navigator.getGamepads().find((each) => each !== null && each.mapping === "standard" && each.connected);
      if (pad) {
        const now = pad.buttons.map((button) => button.pressed);
        const pressed = (button) => now[button] === true && before[button] !== true;
        if (pressed(A)) acts.engage(true);
        if (pressed(B)) acts.engage(false);
        if (pressed(Y)) acts.retract();
        if (pressed(START)) acts.goOrPause();
        before = now;
        if (steer(acts.hands(), pad, now)) acts.changed();
      }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }
  function beyond(value) {
    return Math.abs(value) < DEAD_ZONE ? 0 : Math.sign(value) * (Math.abs(value) - DEAD_ZONE) / (1 - DEAD_ZONE);
  }
  function steer(hands2, pad, down) {
    const before = JSON.stringify(hands2.action());
    const [x, y] = [beyond(pad.axes[0] ?? 0), beyond(pad.axes[1] ?? 0)];
    if (hands2.takesVectors) {
      const z = (pad.buttons[RIGHT_TRIGGER]?.value ?? 0) - (pad.buttons[LEFT_TRIGGER]?.value ?? 0);
      const vector = [y, x, beyond(z)];
      hands2.push(vector.some((part) => part !== 0) ? vector : null);
    } else {
      const ways = [
        ["ArrowUp", y < -0.4 || down[UP] === true],
        ["ArrowDown", y > 0.4 || down[DOWN] === true],
        ["ArrowLeft", x < -0.4 || down[LEFT] === true],
        ["ArrowRight", x > 0.4 || down[RIGHT] === true]
      ];
      for (const [code, held] of ways) hands2.keep(`pad ${code}`, held);
    }
    return JSON.stringify(hands2.action()) !== before;
  }

  // src/hands.ts
  var Hands = class {
    // sticks of a gamepad or a SpaceMouse
    constructor(keys) {
      this.keys = keys;
    }
    mode = "toggle";
    engaged = false;
    down = [];
    // names of what is down, the last one pressed at the end
    analog = null;
    // The action key with this code, if it is one; what other devices ask for stands for keys ("pad ArrowUp").
    keyOf(name) {
      return this.keys.find((key) => key.codes.includes(name.replace(/^(pad|cap) /, "")));
    }
    // Whether actions are vectors, not some of a few.
    get takesVectors() {
      return Array.isArray(this.keys[0]?.action);
    }
    press(name) {
      if (!this.down.includes(name)) this.down.push(name);
    }
    lift(name) {
      this.down = this.down.filter((other) => other !== name);
    }
    keep(name, down) {
      if (down) this.press(name);
      else this.lift(name);
    }
    push(analog) {
      this.analog = analog;
    }
    release() {
      this.engaged = false;
      this.down = [];
      this.analog = null;
    }
    holds(key) {
      return this.down.some((name) => this.keyOf(name) === key);
    }
    // Of finitely many actions the one pressed last; of vectors the sum, cut to [-1, 1].
    action() {
      const held = this.down.map((name) => this.keyOf(name)).filter((key) => key !== void 0);
      const last = held.at(-1);
      if (last !== void 0 && typeof last.action === "number") return last.action;
      const vectors = held.map((key) => key.action);
      if (this.analog !== null) vectors.push(this.analog);
      if (vectors.length === 0) return null;
      const size = vectors[0].length;
      return Array.from(
        { length: size },
        (_, i) => Math.max(-1, Math.min(1, vectors.reduce((sum, vector) => sum + (vector[i] ?? 0), 0)))
      );
    }
  };

  // src/highway.ts
  var LANE_WIDTH = 4;
  var CAR = { length: 5, width: 2 };
  var VISIBLE = 100;
  var EGO_AT = 0.3;
  var SHOULDER = 1.2;
  var [DASH, GAP] = [3, 5];
  var COLOUR = {
    grass: "#d6ddd0",
    asphalt: "#4a4e56",
    line: "#ecedf0",
    dashes: "#b0b4bc",
    glass: "#202630",
    lamp: "#fff6c8",
    tail: "#c43434",
    shade: "#3a3d44",
    other: "#5c92de",
    ego: "#4cbe6e",
    egoUnderPerson: "#f6c844",
    wreck: "#e44c46"
  };
  function drawHighway(pen, picture, byPerson) {
    const { width, height } = pen.canvas;
    const road = LANE_WIDTH * picture.lanes + 2 * SHOULDER;
    const scale = Math.min(width / VISIBLE, 0.92 * height / road);
    const left = picture.cars[0][0] - EGO_AT * width / scale;
    const top = LANE_WIDTH * (picture.lanes - 1) / 2 - height / 2 / scale;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = COLOUR.grass;
    pen.fillRect(0, 0, width, height);
    pen.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
    drawRoad(pen, picture.lanes, left, width / scale);
    const order = picture.cars.map((_, i) => i).sort((a, b) => rank(picture, a) - rank(picture, b));
    for (const i of order) {
      const ego = byPerson ? COLOUR.egoUnderPerson : COLOUR.ego;
      drawCar(pen, picture.cars[i], picture.crashed[i] ? COLOUR.wreck : i === 0 ? ego : COLOUR.other, i === 0 && byPerson);
    }
  }
  function rank(picture, car) {
    return car === 0 ? 2 : picture.crashed[car] ? 0 : 1;
  }
  function drawRoad(pen, lanes, left, length) {
    const first = -LANE_WIDTH / 2;
    const last = LANE_WIDTH * (lanes - 0.5);
    pen.fillStyle = COLOUR.asphalt;
    pen.fillRect(left, first - SHOULDER, length, last - first + 2 * SHOULDER);
    pen.fillStyle = COLOUR.line;
    for (const y of [first, last]) pen.fillRect(left, y - 0.09, length, 0.18);
    pen.fillStyle = COLOUR.dashes;
    for (let line2 = 1; line2 < lanes; line2++)
      for (let x = Math.floor(left / (DASH + GAP)) * (DASH + GAP); x < left + length; x += DASH + GAP)
        pen.fillRect(x, first + LANE_WIDTH * line2 - 0.09, DASH, 0.18);
  }
  function drawCar(pen, [x, y, heading], colour, marked) {
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
      pen.strokeStyle = "#111";
      pen.lineWidth = 0.22;
      pen.setLineDash([0.6, 0.4]);
      pen.strokeRect(-nose - 0.45, -side - 0.45, CAR.length + 0.9, CAR.width + 0.9);
    }
    pen.restore();
  }
  function rounded(pen, x, y, w, h, colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.roundRect(x, y, w, h, 0.55);
    pen.fill();
  }
  function polygon(pen, corners, colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    for (const [x, y] of corners) pen.lineTo(x, y);
    pen.fill();
  }

  // src/link.ts
  var OCCUPIED = 4409;
  var TAKEN = 4410;
  var Link = class {
    constructor(received, lost2) {
      this.received = received;
      this.lost = lost2;
    }
    socket = null;
    connect(take = false) {
      const token = new URLSearchParams(location.search).get("token") ?? "";
      const query = new URLSearchParams({ token, ...take ? { take: "1" } : {} });
      const socket = new WebSocket(`ws://${location.host}/wheel?${query}`);
      this.socket = socket;
      socket.onmessage = (event) => this.received(JSON.parse(event.data));
      socket.onclose = (event) => {
        if (this.socket !== socket) return;
        this.socket = null;
        if (event.code === OCCUPIED || event.code === TAKEN) this.lost(event.reason, true);
        else {
          this.lost(event.reason || "There is no connection to the program.", false);
          setTimeout(() => this.socket === null && this.connect(), 1e3);
        }
      };
    }
    say(message) {
      if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
    }
  };

  // src/plots.ts
  var INK = "#30343b";
  var FAINT = "#c9cdd3";
  var COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];
  var DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [10, 4], [1, 3]];
  function plot(canvas2, curves, rounds, least, most, mark) {
    const ratio = devicePixelRatio;
    const [width, height] = [canvas2.clientWidth, canvas2.clientHeight];
    canvas2.width = width * ratio;
    canvas2.height = height * ratio;
    const pen = canvas2.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "11px system-ui, sans-serif";
    const box2 = { left: 36, right: width - 8, top: 8, bottom: height - 18 };
    const x = (i) => box2.left + (box2.right - box2.left) * i / Math.max(rounds - 1, 1);
    const y = (value) => box2.bottom - (box2.bottom - box2.top) * (value - least) / (most - least || 1);
    pen.fillStyle = INK;
    pen.strokeStyle = FAINT;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (const value of /* @__PURE__ */ new Set([least, 0, most])) {
      pen.fillText(shortly(value), box2.left - 5, y(value));
      line(pen, [[box2.left, y(value)], [box2.right, y(value)]]);
    }
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    const every = Math.ceil(rounds / 10);
    for (let i = 0; i < rounds; i += every) pen.fillText(String(i + 1), x(i), height - 4);
    if (mark !== void 0 && mark > least) {
      pen.setLineDash([2, 3]);
      pen.strokeStyle = INK;
      line(pen, [[box2.left, y(mark)], [box2.right, y(mark)]]);
    }
    curves.forEach((curve, index) => {
      pen.strokeStyle = pen.fillStyle = COLOURS[index % COLOURS.length];
      pen.setLineDash(DASHES[index % DASHES.length]);
      pen.lineWidth = 2;
      line(pen, curve.values.map((value, i) => [x(i), y(value)]));
      pen.setLineDash([]);
      curve.values.forEach((value, i) => pen.fillRect(x(i) - 2.5, y(value) - 2.5, 5, 5));
    });
  }
  function legend(list, names) {
    list.replaceChildren(
      ...names.map((name, index) => {
        const item = document.createElement("li");
        const sample = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        sample.setAttribute("width", "22");
        sample.setAttribute("height", "8");
        const stroke = document.createElementNS("http://www.w3.org/2000/svg", "line");
        const about = { x1: "0", x2: "22", y1: "4", y2: "4", "stroke-width": "2", stroke: COLOURS[index % COLOURS.length] };
        for (const [key, value] of Object.entries(about)) stroke.setAttribute(key, value);
        stroke.setAttribute("stroke-dasharray", DASHES[index % DASHES.length].join(" "));
        sample.append(stroke);
        item.append(sample, ` ${name}`);
        return item;
      })
    );
  }
  function line(pen, points) {
    pen.beginPath();
    for (const [x, y] of points) pen.lineTo(x, y);
    pen.stroke();
  }
  function shortly(value) {
    return value === 0 ? "0" : Math.abs(value) >= 10 ? value.toFixed(0) : value.toPrecision(2);
  }

  // src/panel.ts
  function element(id) {
    const found = document.getElementById(id);
    if (found === null) throw new Error(`the page has no element ${id}`);
    return found;
  }
  function showBanner(view2, lost2) {
    const [who, sign, words, sub] = banner(view2, lost2);
    document.body.dataset.who = who;
    element("sign").textContent = sign;
    element("who").textContent = words;
    element("sub").textContent = sub;
  }
  function banner(view2, lost2) {
    if (lost2 !== null) return ["paused", "✕", "NOT CONNECTED", lost2];
    if (view2 === null) return ["paused", "…", "CONNECTING", ""];
    if (view2.phase === "preparing") return ["paused", "…", "PREPARING", "Loading the policy. This may take a minute."];
    if (view2.phase === "finished") return ["learning", "✓", "FINISHED", "Thank you. You may close this page."];
    if (view2.phase === "stopped") return ["paused", "■", "STOPPED", view2.words];
    if (view2.phase === "learning") {
      const at = view2.progress === null ? "" : ` Step ${view2.progress.step} of at most ${view2.progress.of}.`;
      return ["learning", "⟳", "LEARNING", `The policy learns from what you did.${at}`];
    }
    if (view2.paused !== null) return ["paused", "❚❚", "PAUSED", `${sentence(view2.paused)} Nothing moves. Press P, or click Go on.`];
    const driving = view2.last?.by === 1;
    if (view2.engaged) return ["you", "●", "YOU", driving ? "You are in control." : "You are in control from the next step on."];
    return ["policy", "▶", "POLICY", driving ? "The policy is in control from the next step on." : "The policy is in control."];
  }
  function sentence(reason) {
    return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
  }
  function showStatus(view2) {
    if (view2.phase === "finished") {
      show([
        ["rounds", String(view2.rounds.length)],
        ["expert samples", String(view2.samples)],
        ["last rate", percent(view2.rounds.at(-1)?.rate ?? 0)]
      ]);
      return;
    }
    const rate = view2.step === 0 ? "–" : percent(view2.yours / view2.step);
    const who = view2.last === null ? "–" : `${view2.last.action}, by ${view2.last.by === 1 ? "you" : "the policy"}${view2.last.terminated ? " (the episode ended there)" : ""}`;
    const rows = [
      ["round", `${Math.min(view2.round + 1, view2.of_rounds)} of ${view2.of_rounds}`],
      ["step", `${view2.step} of ${view2.of_steps}`],
      ["episode", `${view2.episode + 1}, step ${view2.step_of_episode}`],
      ["last action", who],
      ...view2.readings,
      ["basic reward", number(view2.basic)],
      ["residual reward", number(view2.residual)],
      ["your steps", `${view2.yours} this round (${rate})${view2.taken_back > 0 ? `, ${view2.taken_back} taken back` : ""}`],
      ["expert samples", `${view2.samples} in all`],
      ["pace", `${view2.pace.toPrecision(2)} steps/s`]
    ];
    show(rows);
  }
  function show(rows) {
    element("status").replaceChildren(
      ...rows.flatMap(([name, value]) => {
        const [term, detail] = [document.createElement("dt"), document.createElement("dd")];
        term.textContent = name;
        detail.textContent = value;
        return [term, detail];
      })
    );
  }
  function showProgress(view2) {
    const box2 = element("learning");
    const behind = view2.version !== null && view2.phase === "supervising";
    box2.hidden = view2.phase !== "learning" && view2.phase !== "finished" && !behind;
    if (box2.hidden) return;
    const bar = element("bar");
    const done = view2.phase === "finished";
    element("learning-title").textContent = done ? "The run is finished" : behind ? `Learning while you watch: policy ${view2.version}` : `Learning from round ${view2.round + 1}`;
    bar.hidden = done || behind && view2.progress === null;
    if (view2.progress === null) bar.removeAttribute("value");
    else {
      bar.max = view2.progress.of;
      bar.value = view2.progress.step;
    }
    const gradient = view2.progress?.gradient ?? null;
    element("learning-words").textContent = done ? `${view2.samples} expert samples, ${view2.rounds.length} ${view2.rounds.length === 1 ? "round" : "rounds"}. The run is stored in ${view2.directory}` : gradient === null ? "" : `Distance between you and the policy, in mean features: ${gradient.toFixed(3)}`;
  }
  var plotted = "";
  function showPlots(view2, hello2) {
    const state = JSON.stringify([view2.rounds, innerWidth]);
    if (state === plotted) return;
    plotted = state;
    const rates = view2.rounds.map((round) => round.rate);
    plot(element("rates"), [{ name: "rate", values: rates }], view2.of_rounds, 0, Math.max(0.5, ...rates), hello2.delta);
    const thetas = hello2.features.map((name, i) => ({ name, values: view2.rounds.map((round) => round.theta[i] ?? 0) }));
    const all = thetas.flatMap((curve) => curve.values);
    const infers = hello2.features.length > 0 && view2.rounds.every((round) => round.theta.length > 0);
    element("theta-box").hidden = !infers;
    if (infers) {
      plot(element("thetas"), thetas, view2.of_rounds, Math.min(-0.5, ...all), Math.max(0.5, ...all));
      legend(element("theta-names"), hello2.features);
    }
    element("rate-words").textContent = rates.map((rate, i) => `round ${i + 1}: ${percent(rate)}`).join(", ");
  }
  function showKeys(hello2, hands2, press2) {
    element("actions").replaceChildren(
      ...hello2.keys.map((key) => {
        const button = document.createElement("button");
        button.tabIndex = -1;
        const [label, shown] = [document.createElement("span"), document.createElement("kbd")];
        label.textContent = key.label;
        shown.textContent = key.shown;
        button.append(label, shown);
        const code = key.codes[0];
        button.dataset.code = code;
        button.onpointerdown = (event) => {
          event.preventDefault();
          button.setPointerCapture(event.pointerId);
          press2(code, true);
        };
        button.onpointerup = button.onpointercancel = button.onlostpointercapture = () => press2(code, false);
        button.oncontextmenu = (event) => event.preventDefault();
        return button;
      })
    );
    showHeld(hello2, hands2, null);
  }
  function showHeld(hello2, hands2, view2) {
    const able = view2 !== null && view2.paused === null && view2.phase === "supervising" && (view2.engaged || hands2.mode === "hold");
    element("actions").classList.toggle("off", !able);
    hello2.keys.forEach((key, i) => element("actions").children[i]?.classList.toggle("down", hands2.holds(key)));
    const hold = hands2.mode === "hold";
    element("how").textContent = hold ? "Hold: you are in control for as long as an action key is down. Let go, and the policy goes on." : "Toggle: Enter takes over, Esc hands back. In between, only your keys act; without a key nothing is done.";
    element("mode-toggle").setAttribute("aria-pressed", String(!hold));
    element("mode-hold").setAttribute("aria-pressed", String(hold));
  }
  function percent(share) {
    return `${(100 * share).toFixed(1)} %`;
  }
  function number(value) {
    return value === null ? "–" : value.toFixed(3);
  }

  // src/shapes.ts
  var EYE = [1.62, -0.42, 0.82];
  var LOOKED_AT = [0.36, 0.02, 0.29];
  var ZOOM = 2.15;
  var SUN = unit([0.25, -0.45, 0.86]);
  var AMBIENT = 0.52;
  var TOP_LAYER = 1e3;
  var ROUND = 16;
  var FORWARDS = unit(minus(LOOKED_AT, EYE));
  var RIGHT2 = unit(cross(FORWARDS, [0, 0, 1]));
  var DOWN2 = cross(FORWARDS, RIGHT2);
  var meshes = /* @__PURE__ */ new Map();
  function drawShapes(pen, picture, byPerson) {
    const { width, height } = pen.canvas;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    const sky = pen.createLinearGradient(0, 0, 0, height);
    sky.addColorStop(0, "#eceff3");
    sky.addColorStop(1, "#ced3d9");
    pen.fillStyle = sky;
    pen.fillRect(0, 0, width, height);
    const view2 = (point) => project(point, width, height);
    const solid = [];
    picture.shapes.forEach((_, g) => {
      if (picture.layers[g] < TOP_LAYER) paint(pen, facesOf(picture, g, view2));
      else solid.push(g);
    });
    for (const g of solid) shadow(pen, picture, g, view2);
    paint(pen, solid.flatMap((g) => facesOf(picture, g, view2)));
    drawAxes(pen, picture.tip, view2, byPerson);
  }
  function drawAxes(pen, tip, view2, byPerson) {
    const arrows = [[[0, 0.1, 0], "→", "#0072b2"], [[-0.1, 0, 0], "↑", "#d55e00"], [[0, 0, 0.1], "E", "#009e73"]];
    pen.globalAlpha = byPerson ? 1 : 0.35;
    pen.lineWidth = pen.canvas.height / 180;
    pen.font = `bold ${pen.canvas.height / 26}px system-ui, sans-serif`;
    for (const [way, name, colour] of arrows) {
      const [from, to] = [view2(tip), view2([tip[0] + way[0], tip[1] + way[1], tip[2] + way[2]])];
      pen.strokeStyle = pen.fillStyle = colour;
      pen.beginPath();
      pen.moveTo(...from);
      pen.lineTo(...to);
      pen.stroke();
      pen.fillText(name, to[0] + 4, to[1] + 4);
    }
    pen.globalAlpha = 1;
  }
  function paint(pen, faces) {
    faces.sort((a, b) => b.distance - a.distance);
    pen.lineWidth = 1;
    for (const face of faces) {
      pen.fillStyle = pen.strokeStyle = face.colour;
      outline(pen, face.corners);
      pen.fill();
      pen.stroke();
    }
  }
  function facesOf(picture, g, view2) {
    const colour = picture.colours[g];
    if (colour[3] === 0) return [];
    const vertices = verticesOf(picture, g);
    const faces = [];
    for (const indices of meshOf(picture.shapes[g]).faces) {
      const corners = indices.map((i) => vertices[i]);
      const normal = unit(cross(minus(corners[2], corners[0]), minus(corners[3], corners[1])));
      const middle = corners.reduce((sum, c) => [sum[0] + c[0] / corners.length, sum[1] + c[1] / corners.length, sum[2] + c[2] / corners.length], [0, 0, 0]);
      const toEye = minus(EYE, middle);
      if (dot(normal, toEye) <= 0) continue;
      const light = 255 * (AMBIENT + (1 - AMBIENT) * Math.max(dot(normal, SUN), 0));
      faces.push({
        distance: Math.hypot(...toEye),
        corners: corners.map(view2),
        colour: `rgb(${light * colour[0]} ${light * colour[1]} ${light * colour[2]})`
      });
    }
    return faces;
  }
  function shadow(pen, picture, g, view2) {
    const ground = verticesOf(picture, g).map((v) => {
      const t = Math.max(v[2], 0) / SUN[2];
      return [v[0] - t * SUN[0], v[1] - t * SUN[1], v[2] - t * SUN[2]];
    });
    pen.fillStyle = "rgb(60 66 74 / 22%)";
    outline(pen, hull(ground.map(view2)));
    pen.fill();
  }
  function verticesOf(picture, g) {
    const [shape, size, at, turn] = [picture.shapes[g], picture.sizes[g], picture.positions[g], picture.orientations[g]];
    const { vertices } = meshOf(shape);
    return vertices.map((v, i) => {
      let own = [v[0] * size[0], v[1] * size[1], v[2] * size[2]];
      if (shape === "sphere") own = [v[0] * size[0], v[1] * size[0], v[2] * size[0]];
      if (shape === "cylinder") own = [v[0] * size[0], v[1] * size[0], v[2] * size[1]];
      if (shape === "capsule") own = [v[0] * size[0], v[1] * size[0], v[2] * size[0] + (i < vertices.length / 2 ? -size[1] : size[1])];
      return [0, 1, 2].map((r) => at[r] + turn[3 * r] * own[0] + turn[3 * r + 1] * own[1] + turn[3 * r + 2] * own[2]);
    });
  }
  function meshOf(shape) {
    const known = meshes.get(shape);
    if (known) return known;
    const mesh = shape === "box" ? box() : turned(shape === "cylinder" ? [[1, -1], [1, 1]] : ball());
    meshes.set(shape, mesh);
    return mesh;
  }
  function box() {
    const vertices = [];
    for (const x of [-1, 1]) for (const y of [-1, 1]) for (const z of [-1, 1]) vertices.push([x, y, z]);
    return { vertices, faces: [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]] };
  }
  function ball() {
    const half = [0, 1, 2, 3, 4].map((i) => {
      const bow = -Math.PI / 2 + i * Math.PI / 8;
      return [Math.cos(bow) + 1e-6, Math.sin(bow)];
    });
    return [...half, ...half.slice().reverse().map(([radius, z]) => [radius, -z])];
  }
  function turned(rings) {
    const vertices = rings.flatMap(
      ([radius, z]) => Array.from({ length: ROUND }, (_, i) => [radius * Math.cos(2 * Math.PI * i / ROUND), radius * Math.sin(2 * Math.PI * i / ROUND), z])
    );
    const faces = [];
    for (let ring = 0; ring + 1 < rings.length; ring++)
      for (let i = 0; i < ROUND; i++) {
        const j = (i + 1) % ROUND;
        faces.push([ring * ROUND + i, ring * ROUND + j, (ring + 1) * ROUND + j, (ring + 1) * ROUND + i]);
      }
    const around = Array.from({ length: ROUND }, (_, i) => i);
    faces.push(around.slice().reverse(), around.map((i) => i + vertices.length - ROUND));
    return { vertices, faces };
  }
  function project(point, width, height) {
    const to = minus(point, EYE);
    const scale = ZOOM * height / 2 / dot(to, FORWARDS);
    return [width / 2 + scale * dot(to, RIGHT2), height / 2 + scale * dot(to, DOWN2)];
  }
  function outline(pen, corners) {
    pen.beginPath();
    for (const [x, y] of corners) pen.lineTo(x, y);
    pen.closePath();
  }
  function hull(points) {
    const sorted = points.slice().sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const side = (ordered) => {
      const chain = [];
      for (const p of ordered) {
        while (chain.length > 1 && turns(chain.at(-2), chain.at(-1), p) <= 0) chain.pop();
        chain.push(p);
      }
      return chain.slice(0, -1);
    };
    return [...side(sorted), ...side(sorted.reverse())];
  }
  function turns(a, b, c) {
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
  }
  function minus(a, b) {
    return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  }
  function dot(a, b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  }
  function cross(a, b) {
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  }
  function unit(a) {
    const n = Math.hypot(...a) + 1e-12;
    return [a[0] / n, a[1] / n, a[2] / n];
  }

  // src/spacemouse.ts
  var VENDORS = [{ vendorId: 9583 }, { vendorId: 1133, usagePage: 1, usage: 8 }];
  var FULL = 350;
  function offerSpaceMouse(button, acts) {
    const hid = navigator.hid;
    if (hid === void 0) {
      button.onclick = () => acts.notice("This browser has no WebHID. Chromium, Chrome and Edge have; or use a gamepad or the keyboard.");
      return;
    }
    button.onclick = async () => {
      const [device] = await hid.requestDevice({ filters: VENDORS });
      if (device === void 0) return acts.notice("No SpaceMouse was chosen. Is it plugged in, and may the browser use it?");
      try {
        if (!device.opened) await device.open();
      } catch {
        return acts.notice(`${device.productName} cannot be opened. Another program may hold it; on Linux, udev must allow it.`);
      }
      acts.notice(`${device.productName}: push the cap to act; the left button takes over, the right one hands back.`);
      let before = 0;
      device.addEventListener("inputreport", (event) => {
        const { reportId, data } = event;
        if (reportId === 1 && data.byteLength >= 6) push(acts, data);
        if (reportId !== 3 || data.byteLength < 1) return;
        const now = data.getUint8(0);
        if (now & ~before & 1) acts.engage(true);
        if (now & ~before & 2) acts.engage(false);
        before = now;
      });
    };
    hid.addEventListener("disconnect", (event) => {
      const { device } = event;
      acts.lost("device", device.productName);
    });
  }
  function push(acts, data) {
    const [right, towards, down] = [0, 2, 4].map((at) => beyond(Math.max(-1, Math.min(1, data.getInt16(at, true) / FULL))));
    const hands2 = acts.hands();
    if (hands2.takesVectors) {
      const vector = [towards, right, -down + 0];
      hands2.push(vector.some((part) => part !== 0) ? vector : null);
    } else {
      hands2.keep("cap ArrowUp", towards < -0.4);
      hands2.keep("cap ArrowDown", towards > 0.4);
      hands2.keep("cap ArrowLeft", right < -0.4);
      hands2.keep("cap ArrowRight", right > 0.4);
    }
    acts.changed();
  }

  // src/main.ts
  var HEARTBEAT = 50;
  var hello = null;
  var view = null;
  var hands = new Hands([]);
  var lost = null;
  var drawn = 0;
  var image = new Image();
  var canvas = element("scene");
  var link = new Link(receive, (reason, takeOver) => {
    lost = reason;
    hands.release();
    element("take").hidden = !takeOver;
    requestAnimationFrame(show2);
  });
  function receive(message) {
    if (message.kind === "refused") {
      element("notice").textContent = `A message was refused: ${message.reason}.`;
      return;
    }
    lost = null;
    element("take").hidden = true;
    if (message.kind === "hello") {
      const mode = hands.mode;
      hello = message;
      hands = new Hands(message.keys);
      hands.mode = mode;
      document.title = `mereq: ${message.task}`;
      element("task").textContent = message.summary;
      showKeys(message, hands, press);
    } else {
      if (moves(view) && !moves(message)) hands.release();
      view = message;
    }
    requestAnimationFrame(show2);
  }
  function moves(shown) {
    return shown !== null && shown.paused === null && shown.phase === "supervising";
  }
  function show2() {
    showBanner(view, lost);
    if (view === null || hello === null) return;
    draw(view);
    showStatus(view);
    showProgress(view);
    showPlots(view, hello);
    showHeld(hello, hands, view);
    element("go").hidden = view.paused === null || view.phase !== "supervising" || lost !== null;
    element("retract").disabled = !view.can_retract;
    drawn = view.frame;
  }
  function draw(shown) {
    const picture = shown.picture;
    canvas.dataset.draws = picture?.draw ?? "";
    if (picture === null) return;
    const [width, height] = [canvas.clientWidth * devicePixelRatio, canvas.clientHeight * devicePixelRatio].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const pen = canvas.getContext("2d");
    const byPerson = shown.last?.by === 1;
    if (picture.draw === "highway") drawHighway(pen, picture, byPerson);
    else if (picture.draw === "shapes") drawShapes(pen, picture, byPerson || shown.engaged);
    else {
      image.onload = () => drawImage(pen);
      image.src = picture.source;
    }
  }
  function drawImage(pen) {
    const scale = Math.min(canvas.width / image.width, canvas.height / image.height);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, image.width * scale, image.height * scale);
  }
  function tell() {
    link.say({
      kind: "input",
      frame: drawn,
      sent: Date.now() / 1e3,
      mode: hands.mode,
      engaged: hands.engaged,
      action: hands.action()
    });
    if (hello !== null) showHeld(hello, hands, view);
  }
  function command(name, value = null) {
    if (name !== "pace" && name !== "go") hands.release();
    tell();
    link.say({ kind: "command", name, value });
  }
  function press(code, down) {
    hands.keep(code, down);
    tell();
  }
  function engage(engaged) {
    if (engaged && (hands.mode !== "toggle" || !moves(view))) return;
    hands.engaged = engaged;
    tell();
  }
  function choose(mode) {
    hands.release();
    hands.mode = mode;
    tell();
  }
  function goOrPause() {
    if (view === null) return;
    if (view.paused === null) command("pause", "you asked for a pause");
    else command("go");
  }
  var ONCE = {
    Enter: () => engage(true),
    NumpadEnter: () => engage(true),
    Escape: () => engage(false),
    KeyP: goOrPause,
    KeyM: () => command("retract"),
    KeyH: () => choose(hands.mode === "hold" ? "toggle" : "hold"),
    Minus: () => pace(1 / 1.25),
    NumpadSubtract: () => pace(1 / 1.25),
    Equal: () => pace(1.25),
    NumpadAdd: () => pace(1.25)
  };
  function pace(factor) {
    if (view !== null) command("pace", Math.max(0.2, Math.min(20, view.pace * factor)));
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const once = ONCE[event.code];
    const action = hands.keyOf(event.code);
    if (once === void 0 && action === void 0) return;
    event.preventDefault();
    if (event.repeat) return;
    if (action !== void 0) press(event.code, true);
    else once?.();
  });
  addEventListener("keyup", (event) => {
    if (hands.keyOf(event.code) !== void 0) press(event.code, false);
  });
  addEventListener("blur", () => command("release", "the page lost the focus"));
  addEventListener("pagehide", () => command("release", "the page was left"));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) command("release", "the page was hidden");
  });
  element("go").onclick = () => command("go");
  element("pause").onclick = goOrPause;
  element("retract").onclick = () => command("retract");
  element("mode-toggle").onclick = () => choose("toggle");
  element("mode-hold").onclick = () => choose("hold");
  element("slower").onclick = () => pace(1 / 1.25);
  element("quicker").onclick = () => pace(1.25);
  element("take").onclick = () => link.connect(true);
  for (const button of document.querySelectorAll("button")) {
    button.tabIndex = -1;
    button.addEventListener("pointerdown", (event) => event.preventDefault());
  }
  addEventListener("resize", () => requestAnimationFrame(show2));
  setInterval(tell, HEARTBEAT);
  var devices = {
    hands: () => hands,
    changed: tell,
    engage,
    retract: () => command("retract"),
    goOrPause,
    lost: (kind, name) => command("release", `the ${kind} ${shortened(name)} is gone`),
    notice: (words) => element("notice").textContent = words
  };
  watchGamepad(devices);
  offerSpaceMouse(element("spacemouse"), devices);
  function shortened(name) {
    return name.replace(/\(.*/, "").replace(/[^ -~]/g, "").trim().slice(0, 40);
  }
  link.connect();
})();
