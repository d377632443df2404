"use strict";
var mereq = (() => {
  var __defProp = Object.defineProperty;
  var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
  var __getOwnPropNames = Object.getOwnPropertyNames;
  var __hasOwnProp = Object.prototype.hasOwnProperty;
  var __export = (target, all) => {
    for (var name in all)
      __defProp(target, name, { get: all[name], enumerable: true });
  };
  var __copyProps = (to, from, except, desc) => {
    if (from && typeof from === "object" || typeof from === "function") {
      for (let key of __getOwnPropNames(from))
        if (!__hasOwnProp.call(to, key) && key !== except)
          __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
    }
    return to;
  };
  var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

  // src/main.ts
  var main_exports = {};
  __export(main_exports, {
    Motion: () => Motion,
    between: () => between
  });

  // src/plots.ts
  var INK = "#30343b";
  var FAINT = "#c9cdd3";
  var COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];
  var DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [10, 4], [1, 3]];
  function plot(canvas, curves, rounds, least, most, mark) {
    const ratio = devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
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
        const item2 = document.createElement("li");
        const sample = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        sample.setAttribute("width", "22");
        sample.setAttribute("height", "8");
        const stroke = document.createElementNS("http://www.w3.org/2000/svg", "line");
        const about = { x1: "0", x2: "22", y1: "4", y2: "4", "stroke-width": "2", stroke: COLOURS[index % COLOURS.length] };
        for (const [key, value] of Object.entries(about)) stroke.setAttribute(key, value);
        stroke.setAttribute("stroke-dasharray", DASHES[index % DASHES.length].join(" "));
        sample.append(stroke);
        item2.append(sample, ` ${name}`);
        return item2;
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
    if (found === null) throw new Error(`The page has no element ${id}.`);
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
    const over2 = view2?.phase === "finished" || view2?.phase === "stopped";
    if (lost2?.then === "end" && !over2) return ["paused", "■", "STOPPED", lost2.reason];
    if (lost2 !== null && !(lost2.then === "end" && over2)) return ["paused", "✕", "NOT CONNECTED", lost2.reason];
    if (view2 === null) return ["paused", "…", "CONNECTING", ""];
    if (view2.phase === "preparing") return ["paused", "…", "PREPARING", "Loading the policy. This may take a minute."];
    if (view2.phase === "finished") return ["learning", "✓", "FINISHED", "Thank you. You may close this page."];
    if (view2.phase === "stopped") return ["paused", "■", "STOPPED", view2.words];
    if (view2.phase === "learning") {
      const at2 = view2.progress === null ? "" : ` Step ${view2.progress.step} of at most ${view2.progress.of}.`;
      return ["learning", "⟳", "LEARNING", `The policy is learning from your interventions.${at2}`];
    }
    if (view2.paused !== null) return ["paused", "❚❚", "PAUSED", `${sentence(view2.paused)} Nothing moves. Press P or click Continue.`];
    if (view2.awaits !== null) return ["paused", "…", "WAITING", `${view2.awaits}. Press P to pause.`];
    const driving = view2.last?.by === 1;
    if (view2.engaged) return ["you", "●", "YOU", driving ? "You are in control." : "You are in control from the next step."];
    return ["policy", "▶", "POLICY", driving ? "The policy is in control from the next step." : "The policy is in control."];
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
    const who = view2.last === null ? "–" : `${view2.last.action}, by ${view2.last.by === 1 ? "you" : "the policy"}${view2.last.terminated ? " (the episode ended)" : ""}`;
    const rows = [
      ["round", `${Math.min(view2.round + 1, view2.of_rounds)} of ${view2.of_rounds}`],
      ["step", `${view2.step} of ${view2.of_steps}`],
      ["episode", `${view2.episode + 1}, step ${view2.step_of_episode}`],
      ["last action", who],
      ...view2.readings,
      ["basic reward", number(view2.basic)],
      ["residual reward", number(view2.residual)],
      ["your steps", `${view2.yours} in this round (${rate})${view2.taken_back > 0 ? `, ${view2.taken_back} taken back` : ""}`],
      ["expert samples", `${view2.samples} in total`],
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
    element("learning-title").textContent = done ? "The run is finished" : behind ? `Learning during supervision: policy ${view2.version}` : `Learning from round ${view2.round + 1}`;
    bar.hidden = done || behind && view2.progress === null;
    if (view2.progress === null) bar.removeAttribute("value");
    else {
      bar.max = view2.progress.of;
      bar.value = view2.progress.step;
    }
    const gradient = view2.progress?.gradient ?? null;
    element("learning-words").textContent = done ? `${view2.samples} expert samples, ${view2.rounds.length} ${view2.rounds.length === 1 ? "round" : "rounds"}. The run is stored in ${view2.directory}` : gradient === null ? "" : `Difference in mean features between you and the policy: ${gradient.toFixed(3)}`;
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
        const button2 = document.createElement("button");
        button2.tabIndex = -1;
        const [label, shown2] = [document.createElement("span"), document.createElement("kbd")];
        label.textContent = key.label;
        shown2.textContent = key.shown;
        button2.append(label, shown2);
        const code = key.codes[0];
        button2.dataset.code = code;
        button2.onpointerdown = (event) => {
          event.preventDefault();
          button2.setPointerCapture(event.pointerId);
          press2(code, true);
        };
        button2.onpointerup = button2.onpointercancel = button2.onlostpointercapture = () => press2(code, false);
        button2.oncontextmenu = (event) => event.preventDefault();
        return button2;
      })
    );
    showHeld(hello2, hands2, null);
  }
  function showHeld(hello2, hands2, view2) {
    const able = view2 !== null && view2.paused === null && view2.phase === "supervising" && (view2.engaged || hands2.mode === "hold");
    element("actions").classList.toggle("off", !able);
    hello2.keys.forEach((key, i) => element("actions").children[i]?.classList.toggle("down", hands2.holds(key)));
    const hold = hands2.mode === "hold";
    element("how").textContent = hello2.device !== null ? `You act with the ${hello2.device} at the program's computer. On this page: Esc hands back, P pauses, M takes back your last intervention.` : hold ? "Hold: you are in control while an action key is down. Release it to hand back to the policy." : "Toggle: Enter takes over, Esc hands back. While you are in control, no key means no action.";
    element("mode-toggle").setAttribute("aria-pressed", String(!hold));
    element("mode-hold").setAttribute("aria-pressed", String(hold));
  }
  function percent(share) {
    return `${(100 * share).toFixed(1)} %`;
  }
  function number(value) {
    return value === null ? "–" : value.toFixed(3);
  }

  // src/beliefs.ts
  function barOf(weight) {
    const reach = Math.max(weight.before, -weight.low, weight.high) || 1;
    const at2 = (value) => Math.max(0, Math.min(1, 0.5 + value / (2 * reach)));
    return { low: at2(weight.low), high: at2(weight.high), mean: at2(weight.mean), was: at2(weight.was) };
  }
  function confusedIn(beliefs) {
    if (beliefs.confused.length === 0) return "";
    return `Not told apart yet: ${beliefs.confused.map(([one, other]) => `${one} and ${other}`).join("; ")}.`;
  }
  function sentenceOn(each) {
    const place = each.where.charAt(0).toUpperCase() + each.where.slice(1);
    const end = { counts: "", "is taken back": " It is taken back with the next step.", "taken back": " It is taken back.", "in a finished round": " Its round is over, so it stays." }[each.state];
    return `${place}: probably a slip (${Math.round(100 * each.slip)} %). It changed: ${arrowed(each.changed)}.${end}`;
  }
  function arrowed(words) {
    return words.replace(" -> ", " → ");
  }
  function button(words, act) {
    const made = document.createElement("button");
    made.textContent = words;
    made.tabIndex = -1;
    made.addEventListener("pointerdown", (event) => event.preventDefault());
    made.onclick = act;
    return made;
  }
  function buttonsFor(each, choices2) {
    const keep2 = button("Keep", () => choices2.keep(each));
    return each.state === "counts" ? [keep2, button("Take back", () => choices2.takeBack(each))] : [keep2];
  }
  function item(each, choices2) {
    const made = document.createElement("li");
    const words = document.createElement("span");
    words.textContent = sentenceOn(each);
    const { play } = choices2;
    made.append(words, ...play === null ? [] : [button("Play", () => play(each))], ...buttonsFor(each, choices2));
    return made;
  }
  var shown = "";
  function showBeliefs(beliefs, choices2) {
    const state = JSON.stringify([beliefs, choices2.play === null]);
    if (state === shown) return;
    shown = state;
    element("beliefs").hidden = beliefs === null;
    if (beliefs === null) return;
    const empty = beliefs.weights.length === 0;
    element("beliefs-none").hidden = !empty;
    element("beliefs-legend").hidden = empty;
    element("belief-rows").replaceChildren(...beliefs.weights.map(row));
    element("beliefs-confused").textContent = confusedIn(beliefs);
    element("beliefs-changed").textContent = arrowed(beliefs.changed);
    element("contradictions").hidden = beliefs.contradictions.length === 0;
    element("contradiction-rows").replaceChildren(...beliefs.contradictions.map((each) => item(each, choices2)));
  }
  function row(weight) {
    const [item2, name, words, bar] = [document.createElement("li"), part("name"), part("words"), part("bar")];
    item2.dataset.sign = weight.sign;
    name.textContent = weight.name;
    words.textContent = weight.words;
    const { low, high, mean, was } = barOf(weight);
    const [zero, span, before, now] = [part("zero"), part("span"), part("was"), part("mean")];
    span.style.left = percent2(low);
    span.style.width = percent2(high - low);
    before.style.left = percent2(was);
    now.style.left = percent2(mean);
    bar.append(span, zero, before, now);
    bar.setAttribute("aria-hidden", "true");
    item2.append(name, words, bar);
    return item2;
  }
  function part(name) {
    const made = document.createElement("span");
    made.className = name;
    return made;
  }
  function percent2(share) {
    return `${(100 * share).toFixed(2)}%`;
  }

  // src/calibration.ts
  var STANDARD = {
    right: [{ axis: 0, way: 1 }, { button: 15 }],
    left: [{ axis: 0, way: -1 }, { button: 14 }],
    towards: [{ axis: 1, way: 1 }, { button: 13 }],
    away: [{ axis: 1, way: -1 }, { button: 12 }],
    up: [{ button: 7 }],
    down: [{ button: 6 }],
    engage: [{ button: 0 }],
    handBack: [{ button: 1 }],
    retract: [{ button: 3 }],
    pause: [{ button: 9 }]
  };
  var PLAIN = { rest: 0, least: -1, most: 1 };
  var MOVED = 0.3;
  var PUSHED = 0.6;
  var QUESTIONS = [
    ["right", "Push the stick or button that moves to the right"],
    ["left", "Push the stick or button that moves to the left"],
    ["towards", "Push the stick or button that moves towards you (on the highway: SLOWER)"],
    ["away", "Push the stick or button that moves away from you (on the highway: FASTER)"],
    ["up", "Push the stick or button that raises the tool (arm only)", "skip"],
    ["down", "Push the stick or button that lowers the tool (arm only)", "skip"],
    ["engage", "Press the button that takes over"],
    ["handBack", "Press the button that hands back"],
    ["retract", "Press the button that takes back your last intervention", "skip"],
    ["pause", "Press the button that pauses and continues", "skip"]
  ];
  function along(value, { rest, least, most }) {
    const span = value >= rest ? most - rest : rest - least;
    return span < 0.05 ? 0 : Math.max(-1, Math.min(1, (value - rest) / span));
  }
  function axisOf(calibration, index) {
    return calibration.axes[index] ?? PLAIN;
  }
  function strength(source, pad, calibration) {
    if ("button" in source) return pad.buttons[source.button]?.value ?? 0;
    return Math.max(0, source.way * along(pad.axes[source.axis] ?? 0, axisOf(calibration, source.axis)));
  }
  function calibrationOf(pad) {
    return kept(pad.id) ?? (pad.mapping === "standard" ? { axes: [], sources: STANDARD } : null);
  }
  var keyOf = (id) => `mereq gamepad ${id}`;
  var memory = /* @__PURE__ */ new Map();
  function kept(id) {
    if (!memory.has(id)) memory.set(id, parsed(stored(id)));
    return memory.get(id) ?? null;
  }
  function stored(id) {
    try {
      return localStorage.getItem(keyOf(id));
    } catch {
      return null;
    }
  }
  function parsed(text2) {
    try {
      const found = JSON.parse(text2 ?? "null");
      return isCalibration(found) ? found : null;
    } catch {
      return null;
    }
  }
  function keep(id, calibration) {
    memory.set(id, calibration);
    try {
      if (calibration === null) localStorage.removeItem(keyOf(id));
      else localStorage.setItem(keyOf(id), JSON.stringify(calibration));
    } catch {
    }
  }
  function isCalibration(found) {
    const { axes, sources } = found ?? {};
    const right = (source) => {
      const { axis, way, button: button2 } = source ?? {};
      return Number.isInteger(button2) || Number.isInteger(axis) && (way === 1 || way === -1);
    };
    return Array.isArray(axes) && axes.every((axis) => axis !== null && [axis.rest, axis.least, axis.most].every(Number.isFinite)) && typeof sources === "object" && sources !== null && Object.values(sources).every((list) => Array.isArray(list) && list.every(right));
  }
  var Calibrating = class {
    constructor(id) {
      this.id = id;
    }
    at = "rest";
    letGo = true;
    // whether the last answer was released
    found = { axes: [], sources: {} };
    done = false;
    get words() {
      if (this.at === "rest") return "Release every stick and trigger, then press Next.";
      if (this.at === "range") return "Move every stick in a full circle, press every trigger fully, release them, then press Next.";
      if (!this.letGo) return "Recorded. Release it.";
      const [, words, skip] = QUESTIONS[this.at];
      return `${words}${skip ? ", or press Next to skip it" : ""}.`;
    }
    // Whether the button Next is enabled.
    get mayGoOn() {
      return typeof this.at === "string" || this.letGo && QUESTIONS[this.at][2] === "skip";
    }
    next(pad) {
      if (!this.mayGoOn) return;
      if (this.at === "rest") {
        this.found.axes = pad.axes.map((rest) => ({ rest, least: rest, most: rest }));
        this.at = "range";
      } else if (this.at === "range") {
        for (const axis of this.found.axes) {
          if (axis.most - axis.rest < MOVED) axis.most = Math.max(1, axis.rest);
          if (axis.rest - axis.least < MOVED) axis.least = Math.min(-1, axis.rest);
        }
        if (pad.mapping === "standard") this.finish(STANDARD);
        else this.at = 0;
      } else this.advance();
    }
    // Reads the pad. Called for every frame.
    look(pad) {
      if (this.at === "range") {
        this.found.axes.forEach((axis, i) => {
          axis.least = Math.min(axis.least, pad.axes[i] ?? axis.least);
          axis.most = Math.max(axis.most, pad.axes[i] ?? axis.most);
        });
      }
      if (typeof this.at === "string" || this.done) return;
      const all = [
        ...pad.axes.flatMap((_, axis) => [{ axis, way: 1 }, { axis, way: -1 }]),
        ...pad.buttons.map((_, button2) => ({ button: button2 }))
      ];
      const pushed = (source) => strength(source, pad, this.found);
      const most = all.reduce((best, source) => pushed(source) > pushed(best) ? source : best, all[0]);
      if (most === void 0) return;
      if (!this.letGo) this.letGo = pushed(most) < MOVED;
      else if (pushed(most) > PUSHED) {
        this.found.sources[QUESTIONS[this.at][0]] = [most];
        this.letGo = false;
        this.advance();
      }
    }
    advance() {
      this.at = this.at + 1;
      if (this.at >= QUESTIONS.length) this.finish(this.found.sources);
    }
    finish(sources) {
      this.done = true;
      keep(this.id, { axes: this.found.axes, sources });
    }
  };

  // ../src/mereq/web/devices/steering.json
  var steering_default = {
    dead_zone: 0.2,
    way: 0.4,
    silence: 0.7,
    spacemouse: {
      vendors: [9583, 1133],
      usage: { usagePage: 1, usage: 8 },
      full: 350,
      translation: 1,
      buttons: 3
    }
  };

  // src/steering.ts
  function beyond(value) {
    const far2 = (Math.abs(value) - steering_default.dead_zone) / (1 - steering_default.dead_zone);
    return far2 <= 0 ? 0 : value > 0 ? far2 : -far2;
  }
  function wayOf({ right, towards }) {
    if (Math.max(Math.abs(right), Math.abs(towards)) <= steering_default.way) return null;
    if (Math.abs(right) > Math.abs(towards)) return right > 0 ? "ArrowRight" : "ArrowLeft";
    return towards > 0 ? "ArrowDown" : "ArrowUp";
  }
  function steer(hands2, device, push) {
    const before = JSON.stringify(hands2.action());
    if (hands2.takesVectors) {
      const vector = [push.towards, push.right, push.up];
      hands2.push(device, vector.some((part2) => part2 !== 0) ? vector : null);
    } else {
      const way = wayOf(push);
      for (const code of ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]) hands2.keep(`${device} ${code}`, code === way);
    }
    return JSON.stringify(hands2.action()) !== before;
  }

  // src/gamepad.ts
  function watchGamepad(acts) {
    let before = null;
    addEventListener("gamepadconnected", (event) => {
      const pad = event.gamepad;
      acts.notice(calibrationOf(pad) === null ? `${pad.id}: the browser does not know its buttons. Press T to calibrate it.` : pad.mapping !== "standard" ? `${pad.id} uses your calibration. Press T to test it.` : `${pad.id}: the left stick or D-pad acts, A takes over, B hands back, Y takes back your last intervention, Start pauses. Press T to test it.`);
    });
    addEventListener("gamepaddisconnected", (event) => {
      before = null;
      acts.lost("gamepad", event.gamepad.id);
    });
    const look = () => {
      const pad = pads().find((each) => calibrationOf(each) !== null);
      if (pad) {
        const now = readPad(pad, calibrationOf(pad));
        const pressed = (deed) => now.down(deed) && before?.down(deed) !== true;
        const [engages, handsBack, retracts, pauses] = ["engage", "handBack", "retract", "pause"].map(pressed);
        before = now;
        if (engages) acts.engage(true);
        if (handsBack) acts.engage(false);
        if (retracts) acts.retract();
        if (pauses) acts.goOrPause();
        if (steer(acts.hands(), "pad", now.push)) acts.changed();
      }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }
  function pads() {
    return navigator.getGamepads().filter((pad) => pad?.connected === true);
  }
  function readPad(pad, calibration) {
    const held = Object.fromEntries(
      Object.entries(calibration.sources).map(([deed, sources]) => [deed, Math.max(0, ...sources.map((each) => strength(each, pad, calibration)))])
    );
    const between2 = (more, less) => beyond((held[more] ?? 0) - (held[less] ?? 0));
    return {
      push: { right: between2("right", "left"), towards: between2("towards", "away"), up: between2("up", "down") },
      down: (deed) => (held[deed] ?? 0) > 0.5
    };
  }

  // src/hands.ts
  var Hands = class {
    // vectors by device
    constructor(keys) {
      this.keys = keys;
    }
    mode = "toggle";
    engaged = false;
    down = [];
    // names of keys that are down, in the order in which they were pressed
    analog = {};
    // The action key with this code, if there is one. A device's direction is a key with a prefix ("pad ArrowUp").
    keyOf(name) {
      return this.keys.find((key) => key.codes.includes(name.replace(/^(pad|cap) /, "")));
    }
    // Whether actions are vectors; otherwise they are indices.
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
    push(device, analog) {
      if (analog === null) delete this.analog[device];
      else this.analog[device] = analog;
    }
    release() {
      this.engaged = false;
      this.down = [];
      this.analog = {};
    }
    holds(key) {
      return this.down.some((name) => this.keyOf(name) === key);
    }
    // The index of the key pressed last, or the sum of all vectors, clipped to [-1, 1]. Null: no input.
    action() {
      const held = this.down.map((name) => this.keyOf(name)).filter((key) => key !== void 0);
      const last = held.at(-1);
      if (last !== void 0 && typeof last.action === "number") return last.action;
      const vectors = [...held.map((key) => key.action), ...Object.values(this.analog)];
      if (vectors.length === 0) return null;
      const size = vectors[0].length;
      return Array.from(
        { length: size },
        (_, i) => Math.max(-1, Math.min(1, vectors.reduce((sum2, vector) => sum2 + (vector[i] ?? 0), 0)))
      );
    }
  };

  // src/keyboard.ts
  function meaningOf(key, hands2, isCommand) {
    if (key.ctrlKey || key.metaKey || key.altKey) return "shortcut";
    const isAction = hands2.keyOf(key.code) !== void 0;
    if (!isAction && !isCommand) return "none";
    if (key.repeat) return "repeat";
    return isAction ? "action" : "command";
  }

  // src/link.ts
  var [GOING_AWAY, OCCUPIED, TAKEN] = [1001, 4409, 4410];
  function lossOf(code, reason) {
    if (code === GOING_AWAY) return { reason: reason || "The program has ended.", then: "end" };
    const then = code === OCCUPIED || code === TAKEN ? "take control" : "reconnect";
    return { reason: reason || "There is no connection to the program.", then };
  }
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
        const loss = lossOf(event.code, event.reason);
        this.lost(loss);
        if (loss.then === "reconnect") setTimeout(() => this.socket === null && this.connect(), 1e3);
      };
    }
    say(message) {
      if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
    }
  };

  // src/camera.ts
  var EYE = [1.62, -0.42, 0.82];
  var LOOKED_AT = [0.36, 0.02, 0.29];
  var ZOOM = 2.15;
  var SUN = unit([0.25, -0.45, 0.86]);
  var AMBIENT = 0.52;
  var [SKY, FLOOR] = ["#eceff3", "#ced3d9"];
  var FORWARDS = unit(minus(LOOKED_AT, EYE));
  var RIGHT = unit(cross(FORWARDS, [0, 0, 1]));
  var DOWN = cross(FORWARDS, RIGHT);
  function project(point, width, height) {
    const to = minus(point, EYE);
    const scale = ZOOM * height / 2 / dot(to, FORWARDS);
    return [width / 2 + scale * dot(to, RIGHT), height / 2 + scale * dot(to, DOWN)];
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

  // src/ghost.ts
  var CAR = { length: 5, width: 2 };
  var APART = 14;
  var TOOL = "#6a3d9a";
  function outlines(car, path) {
    const found = [];
    for (const place of path.slice().reverse()) {
      const next = found.at(-1);
      if ((next === void 0 || apart(next, place) >= APART) && apart(place, car) >= CAR.length) found.push(place);
    }
    return found.reverse();
  }
  function ahead(car, path) {
    return path.filter((place) => place[0] > car[0]);
  }
  function drawCarGhost(pen, car, path, colour) {
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
      pen.globalAlpha = 0.3 - 0.15 * i / cars.length;
      pen.fill();
      pen.globalAlpha = 0.85 - 0.35 * i / cars.length;
      pen.lineWidth = 0.2;
      pen.setLineDash([0.7, 0.5]);
      pen.stroke();
      pen.restore();
    });
    pen.restore();
  }
  function drawToolGhost(pen, path) {
    if (path.length === 0) return;
    const { width, height } = pen.canvas;
    const points = path.map((place) => project(place, width, height));
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
      pen.globalAlpha = last ? 0.85 : 0.75 - 0.35 * i / points.length;
      pen.beginPath();
      pen.arc(x, y, height / (last ? 60 : 130), 0, 2 * Math.PI);
      if (last) pen.stroke();
      else pen.fill();
    });
    pen.restore();
  }
  function apart(a, b) {
    return Math.hypot(a[0] - b[0], a[1] - b[1]);
  }

  // src/highway.ts
  var LANE_WIDTH = 4;
  var CAR2 = { length: 5, width: 2 };
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
  function drawHighway(pen, picture, byPerson, ghost2) {
    const { width, height } = pen.canvas;
    const road = LANE_WIDTH * picture.lanes + 2 * SHOULDER;
    const scale = Math.min(width / VISIBLE, 0.92 * height / road);
    const left = picture.cars[0][0] - EGO_AT * width / scale;
    const top = LANE_WIDTH * (picture.lanes - 1) / 2 - height / 2 / scale;
    pen.fillStyle = COLOUR.grass;
    pen.fillRect(0, 0, width, height);
    pen.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
    drawRoad(pen, picture.lanes, left, width / scale);
    drawCarGhost(pen, picture.cars[0], ghost2 ?? [], COLOUR.ego);
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
    const [nose, side] = [CAR2.length / 2, CAR2.width / 2];
    pen.save();
    pen.translate(x, y);
    pen.rotate(heading);
    rounded(pen, -nose + 0.12, -side + 0.18, CAR2.length, CAR2.width, COLOUR.shade);
    rounded(pen, -nose, -side, CAR2.length, CAR2.width, colour);
    polygon(pen, [[1, 0.82], [1, -0.82], [0.25, -0.66], [0.25, 0.66]], COLOUR.glass);
    polygon(pen, [[-1.85, 0.76], [-1.85, -0.76], [-1.3, -0.64], [-1.3, 0.64]], COLOUR.glass);
    for (const at2 of [side - 0.44, 0.1 - side]) {
      pen.fillStyle = COLOUR.lamp;
      pen.fillRect(nose - 0.4, at2, 0.35, 0.34);
      pen.fillStyle = COLOUR.tail;
      pen.fillRect(0.05 - nose, at2, 0.35, 0.34);
    }
    pen.fillStyle = "rgb(0 0 0 / 18%)";
    pen.fillRect(-1.3, -0.66, 1.55, 1.32);
    if (marked) {
      pen.strokeStyle = "#111";
      pen.lineWidth = 0.22;
      pen.setLineDash([0.6, 0.4]);
      pen.strokeRect(-nose - 0.45, -side - 0.45, CAR2.length + 0.9, CAR2.width + 0.9);
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

  // src/motion.ts
  var SHARE = 0.75;
  var LONGEST = 200;
  var JUMP = { highway: 20, shapes: 0.5 };
  var Motion = class {
    from = null;
    to = null;
    begin = -Infinity;
    gap = Infinity;
    lasts = 0;
    // Receives a picture. `cut`: it does not follow from the one that is shown.
    aim(picture, now, cut) {
      const shown2 = this.at(now)?.picture ?? null;
      const gap = now - this.begin;
      this.from = cut || shown2 === null || !follows(shown2, picture) ? picture : shown2;
      this.lasts = this.from === picture ? 0 : SHARE * Math.min(gap, this.gap, LONGEST / SHARE);
      [this.to, this.begin, this.gap] = [picture, now, gap];
    }
    // The picture to show now, and whether it is the newest one itself.
    at(now) {
      if (this.to === null || this.from === null) return null;
      const share = this.lasts > 0 ? Math.max(0, (now - this.begin) / this.lasts) : 1;
      return share < 1 ? { picture: between(this.from, this.to, share), arrived: false } : { picture: this.to, arrived: true };
    }
  };
  function follows(a, b) {
    if (a.draw === "highway" && b.draw === "highway") return a.lanes === b.lanes && Math.abs(a.cars[0][0] - b.cars[0][0]) < JUMP.highway;
    if (a.draw !== "shapes" || b.draw !== "shapes" || a.shapes.length !== b.shapes.length) return false;
    return a.shapes.every((shape2, g) => shape2 === b.shapes[g] && far(a.positions[g], b.positions[g]) < JUMP.shapes);
  }
  function between(a, b, share) {
    if (a.draw === "highway" && b.draw === "highway") return betweenCars(a, b, share);
    if (a.draw === "shapes" && b.draw === "shapes") return betweenShapes(a, b, share);
    return b;
  }
  function betweenCars(a, b, share) {
    const before = new Map(a.ids.map((id, i) => [id, a.cars[i]]));
    const cars = b.cars.map((car, i) => {
      const was = before.get(b.ids[i]);
      return was === void 0 || Math.abs(was[0] - car[0]) > JUMP.highway ? car : mixCars(was, car, share);
    });
    return { ...b, cars };
  }
  function mixCars(a, b, share) {
    const turned2 = b[2] - a[2];
    const shorter = turned2 - 2 * Math.PI * Math.round(turned2 / (2 * Math.PI));
    return [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * shorter];
  }
  function betweenShapes(a, b, share) {
    return {
      ...b,
      positions: b.positions.map((to, g) => mix(a.positions[g], to, share)),
      orientations: b.orientations.map((to, g) => turn(a.orientations[g], to, share)),
      tip: mix(a.tip, b.tip, share)
    };
  }
  function mix(a, b, share) {
    return a.map((x, i) => x + share * (b[i] - x));
  }
  function turn(a, b, share) {
    const cosines = a.reduce((sum2, x2, i) => sum2 + x2 * b[i], -1);
    if (cosines > 2 - 1e-6 || cosines < 0) return b;
    const m = mix(a, b, share);
    const x = over(m[0], m[1], m[2]);
    const along2 = x[0] * m[3] + x[1] * m[4] + x[2] * m[5];
    const y = over(m[3] - along2 * x[0], m[4] - along2 * x[1], m[5] - along2 * x[2]);
    return [...x, ...y, x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
  }
  function over(x, y, z) {
    const n = Math.hypot(x, y, z);
    return [x / n, y / n, z / n];
  }
  function far(a, b) {
    return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  }

  // src/meshes.ts
  var meshes = /* @__PURE__ */ new Map();
  function kindOf(shape2) {
    return shape2 === "box" || shape2 === "cylinder" ? shape2 : "ball";
  }
  function meshOf(kind, round) {
    const key = `${kind} ${round}`;
    const known = meshes.get(key);
    if (known) return known;
    const mesh = kind === "box" ? box() : turned(kind === "cylinder" ? [[1, -1], [1, 1]] : ball(round / 4), round);
    meshes.set(key, mesh);
    return mesh;
  }
  function scaleOf(shape2, size) {
    if (shape2 === "sphere") return [[size[0], size[0], size[0]], 0];
    if (shape2 === "cylinder") return [[size[0], size[0], size[1]], 0];
    if (shape2 === "capsule") return [[size[0], size[0], size[0]], size[1]];
    return [size, 0];
  }
  function box() {
    const vertices = [];
    for (const x of [-1, 1]) for (const y of [-1, 1]) for (const z of [-1, 1]) vertices.push([x, y, z]);
    return { vertices, faces: [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]] };
  }
  function ball(bows) {
    const half = Array.from({ length: bows + 1 }, (_, i) => {
      const bow = (i / bows - 1) * Math.PI / 2;
      return [Math.cos(bow) + 1e-6, Math.sin(bow)];
    });
    return [...half, ...half.slice().reverse().map(([radius, z]) => [radius, -z])];
  }
  function turned(rings, round) {
    const vertices = rings.flatMap(
      ([radius, z]) => Array.from({ length: round }, (_, i) => [radius * Math.cos(2 * Math.PI * i / round), radius * Math.sin(2 * Math.PI * i / round), z])
    );
    const faces = [];
    for (let ring = 0; ring + 1 < rings.length; ring++)
      for (let i = 0; i < round; i++) {
        const j = (i + 1) % round;
        faces.push([ring * round + i, ring * round + j, (ring + 1) * round + j, (ring + 1) * round + i]);
      }
    const around = Array.from({ length: round }, (_, i) => i);
    faces.push(around.slice().reverse(), around.map((i) => i + vertices.length - round));
    return { vertices, faces };
  }

  // src/messages.ts
  var TOP_LAYER = 1e3;

  // src/shapes.ts
  var ROUND = 16;
  function drawShapes(pen, picture) {
    const { width, height } = pen.canvas;
    const sky = pen.createLinearGradient(0, 0, 0, height);
    sky.addColorStop(0, SKY);
    sky.addColorStop(1, FLOOR);
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
    for (const indices of meshOf(kindOf(picture.shapes[g]), ROUND).faces) {
      const corners = indices.map((i) => vertices[i]);
      const normal = unit(cross(minus(corners[2], corners[0]), minus(corners[3], corners[1])));
      const middle = corners.reduce((sum2, c) => [sum2[0] + c[0] / corners.length, sum2[1] + c[1] / corners.length, sum2[2] + c[2] / corners.length], [0, 0, 0]);
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
    const [at2, turn2] = [picture.positions[g], picture.orientations[g]];
    const [scale, stretch] = scaleOf(picture.shapes[g], picture.sizes[g]);
    const { vertices } = meshOf(kindOf(picture.shapes[g]), ROUND);
    return vertices.map((v, i) => {
      const own = [v[0] * scale[0], v[1] * scale[1], v[2] * scale[2] + (i < vertices.length / 2 ? -stretch : stretch)];
      return [0, 1, 2].map((r) => at2[r] + turn2[3 * r] * own[0] + turn2[3 * r + 1] * own[1] + turn2[3 * r + 2] * own[2]);
    });
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

  // src/replay.ts
  function at(replay, time) {
    const last = replay.pictures.length - 1;
    if (last < 0) return null;
    const number2 = Math.max(0, Math.min(last, time / replay.seconds));
    const before = Math.floor(number2);
    const next = Math.min(last, before + 1);
    const picture = between(replay.pictures[before], replay.pictures[next], number2 - before);
    return { picture, yours: replay.yours[next], over: number2 >= last };
  }
  var Player = class {
    dialog = element("replay");
    canvas = element("replay-scene");
    image = new Image();
    replay = null;
    began = 0;
    // ms
    asked = 0;
    // number of the newest request; the answers to earlier ones are dropped
    constructor() {
      element("replay-close").onclick = () => this.dialog.close();
      element("replay-again").onclick = () => this.play();
      this.dialog.addEventListener("close", () => {
        this.replay = null;
        this.asked += 1;
      });
    }
    get open() {
      return this.dialog.open;
    }
    // Opens the window for an intervention. `buttons` are what can be done with it.
    async show(place, title, buttons) {
      const number2 = ++this.asked;
      this.replay = null;
      element("replay-title").textContent = title;
      for (const button2 of buttons) button2.tabIndex = 0;
      element("replay-choices").replaceChildren(...buttons);
      this.say("Simulating it again …");
      if (!this.dialog.open) {
        this.dialog.showModal();
        this.dialog.focus();
      }
      const token = new URLSearchParams(location.search).get("token") ?? "";
      const query = new URLSearchParams({ token, place: place.join(",") });
      let found;
      try {
        const answer = await fetch(`/replay?${query}`);
        found = answer.ok ? await answer.json() : await answer.text();
      } catch {
        found = "There is no connection to the program.";
      }
      if (number2 !== this.asked) return;
      if (typeof found === "string") return this.say(found);
      this.replay = found;
      this.play();
    }
    close() {
      if (this.dialog.open) this.dialog.close();
    }
    play() {
      this.began = performance.now();
      requestAnimationFrame(() => this.draw());
    }
    draw() {
      const shown2 = this.replay === null ? null : at(this.replay, (performance.now() - this.began) / 1e3);
      if (shown2 === null) return;
      this.paint(shown2.picture, shown2.yours);
      this.say(`${shown2.yours ? "You are in control" : "The policy is in control"}${shown2.over ? ". The end." : "."}`);
      if (!shown2.over) requestAnimationFrame(() => this.draw());
    }
    paint(picture, yours) {
      const { canvas } = this;
      const [width, height] = [Math.round(canvas.clientWidth * devicePixelRatio), Math.round(canvas.clientHeight * devicePixelRatio)];
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      const pen = canvas.getContext("2d");
      pen.setTransform(1, 0, 0, 1, 0, 0);
      if (picture.draw === "highway") drawHighway(pen, picture, yours, null);
      else if (picture.draw === "shapes") drawShapes(pen, picture);
      else this.paintImage(pen, picture.source);
    }
    paintImage(pen, source) {
      const { image } = this;
      image.onload = () => {
        const scale = Math.min(pen.canvas.width / image.width, pen.canvas.height / image.height);
        pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
        pen.drawImage(image, 0, 0, image.width * scale, image.height * scale);
      };
      if (image.src !== source) image.src = source;
    }
    say(words) {
      const told = element("replay-words");
      if (told.textContent !== words) told.textContent = words;
    }
  };

  // src/axes.ts
  var LENGTH = 0.1;
  var ARROWS = [[[0, LENGTH, 0], "→", "#0072b2"], [[-LENGTH, 0, 0], "↑", "#d55e00"], [[0, 0, LENGTH], "E", "#009e73"]];
  function drawAxes(pen, tip, byPerson) {
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
      const [along2, across] = [[x / long * height, y / long * height], [-y / long * height, x / long * height]];
      const ahead2 = (by, beside) => [to[0] + by * along2[0] + beside * across[0], to[1] + by * along2[1] + beside * across[1]];
      const rim = byPerson ? [["#ffffff", 1 / 60]] : [];
      for (const [inked, thick] of [...rim, [colour, 1 / 150]]) {
        pen.strokeStyle = pen.fillStyle = inked;
        pen.lineWidth = height * thick;
        pen.beginPath();
        pen.moveTo(...from);
        pen.lineTo(...to);
        pen.stroke();
        pen.beginPath();
        for (const corner of [ahead2(0.022, 0), ahead2(-4e-3, 0.012), ahead2(-4e-3, -0.012)]) pen.lineTo(...corner);
        pen.closePath();
        pen.stroke();
        pen.fill();
      }
      pen.strokeStyle = "#ffffff";
      pen.lineWidth = height / 110;
      pen.fillStyle = colour;
      const at2 = ahead2(0.052, 0);
      if (byPerson) pen.strokeText(name, ...at2);
      pen.fillText(name, ...at2);
    }
    pen.globalAlpha = 1;
  }

  // src/shaders.ts
  var VERTEX = `#version 300 es
layout(location = 0) in vec4 corner; // position in the unit shape, and the half it belongs to
layout(location = 1) in vec3 upright;
layout(location = 2) in vec4 size; // scale, and the distance between the halves
layout(location = 3) in vec4 paint; // colour, and the offset towards the camera
layout(location = 4) in vec3 at;
layout(location = 5) in mat3 turn;
uniform mat4 seen, lit;
uniform bool throws; // draw only shapes that cast a shadow
out vec3 place, normal, shaded;
out vec3 colour;
void main() {
  place = at + turn * (corner.xyz * size.xyz + vec3(0, 0, corner.w * size.w));
  normal = normalize(turn * (upright / size.xyz));
  shaded = (lit * vec4(place + 0.006 * normal, 1)).xyz * 0.5 + 0.5;
  colour = paint.rgb;
  gl_Position = throws && paint.a > 0.0 ? vec4(2, 2, 2, 1) : seen * vec4(place, 1);
  gl_Position.z -= paint.a * gl_Position.w;
}`;
  var FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2DShadow;
uniform sampler2DShadow shadows;
uniform vec3 sun, eye;
uniform float ambient, texel;
in vec3 place, normal, shaded, colour;
out vec4 pixel;
void main() {
  vec3 n = normalize(normal);
  float facing = max(dot(n, sun), 0.0);
  float shine = 0.0;
  if (facing > 0.0) {
    float free = 0.0;
    for (int x = -1; x <= 1; x += 2)
      for (int y = -1; y <= 1; y += 2)
        free += 0.25 * texture(shadows, shaded + vec3(vec2(x, y) * 1.5 * texel, 0));
    facing *= mix(0.4, 1.0, free); // light from the sky, where the sun does not reach
    shine = 0.1 * free * pow(max(dot(n, normalize(sun + normalize(eye - place))), 0.0), 40.0);
  }
  pixel = vec4(colour * (ambient + (1.0 - ambient) * facing) + shine, 1);
}`;
  var DEPTH_ONLY = `#version 300 es
precision highp float;
void main() {}`;
  var SKY_ABOVE = `#version 300 es
uniform vec3 top, bottom;
out vec3 colour;
void main() {
  vec2 at = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0;
  colour = mix(bottom, top, at.y * 0.5 + 0.5);
  gl_Position = vec4(at, 1, 1);
}`;
  var NOTHING = `#version 300 es
precision highp float;
in vec3 colour;
out vec4 pixel;
void main() { pixel = vec4(colour, 1); }`;

  // src/solids.ts
  var ROUND2 = { box: 4, cylinder: 32, ball: 24 };
  var KINDS = Object.keys(ROUND2);
  var CORNER = [4, 3];
  var THING = [4, 4, 3, 3, 3, 3];
  var SHADOWS = 512;
  var [NEAR, FAR] = [0.5, 3];
  var [LAYER, LAYERS] = [3e-4, 4];
  var SHADED = [[-0.3, -0.55, 0], [1, 0.55, 1.1]];
  var Solids = class _Solids {
    constructor(gl, canvas, changed) {
      this.gl = gl;
      canvas.addEventListener("webglcontextlost", (event) => {
        event.preventDefault();
        changed();
      });
      canvas.addEventListener("webglcontextrestored", () => {
        this.build();
        changed();
      });
      this.build();
    }
    programs;
    kinds;
    shadows;
    // Returns null without a graphics card: software WebGL is slower than the plain canvas, and stalls the page for so
    // long that the dead man's switch pauses the run. `changed` is called when the context is lost, and when it is restored.
    static on(canvas, changed) {
      const gl = canvas.getContext("webgl2", { alpha: false, antialias: true, powerPreference: "high-performance" });
      if (gl === null) return null;
      if (!inSoftware(gl)) return new _Solids(gl, canvas, changed);
      gl.getExtension("WEBGL_lose_context")?.loseContext();
      return null;
    }
    get lost() {
      return this.gl.isContextLost();
    }
    draw(picture) {
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
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
    drawShapes(program2, counts) {
      const { gl } = this;
      gl.useProgram(program2);
      for (const kind of KINDS) {
        if (counts[kind] === 0) continue;
        gl.bindVertexArray(this.kinds[kind].corners);
        gl.drawArraysInstanced(gl.TRIANGLES, 0, this.kinds[kind].count, counts[kind]);
      }
    }
    // The number of shapes of each kind to draw.
    upload(picture) {
      const { gl } = this;
      const rows = { box: [], cylinder: [], ball: [] };
      const counts = { box: 0, cylinder: 0, ball: 0 };
      picture.shapes.forEach((shape2, g) => {
        const [colour, turn2] = [picture.colours[g], picture.orientations[g]];
        if (colour[3] === 0) return;
        const kind = kindOf(shape2);
        const [scale, stretch] = scaleOf(shape2, picture.sizes[g]);
        const layer = picture.layers[g] < TOP_LAYER ? Math.min(g + 1, LAYERS) * LAYER : 0;
        rows[kind].push(...scale, stretch, colour[0], colour[1], colour[2], layer, ...picture.positions[g]);
        for (const i of [0, 3, 6, 1, 4, 7, 2, 5, 8]) rows[kind].push(turn2[i]);
        counts[kind]++;
      });
      for (const kind of KINDS) {
        gl.bindBuffer(gl.ARRAY_BUFFER, this.kinds[kind].things);
        gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(rows[kind]), gl.DYNAMIC_DRAW);
      }
      return counts;
    }
    build() {
      const { gl } = this;
      if (gl.isContextLost()) return;
      const [shape2, shadow2, sky] = [program(gl, VERTEX, FRAGMENT), program(gl, VERTEX, DEPTH_ONLY), program(gl, SKY_ABOVE, NOTHING)];
      this.programs = { shape: shape2, shadow: shadow2, sky };
      this.kinds = { box: this.kind("box"), cylinder: this.kind("cylinder"), ball: this.kind("ball") };
      const map = gl.createTexture();
      gl.bindTexture(gl.TEXTURE_2D, map);
      gl.texStorage2D(gl.TEXTURE_2D, 1, gl.DEPTH_COMPONENT24, SHADOWS, SHADOWS);
      for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
      for (const way of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, way, gl.CLAMP_TO_EDGE);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_COMPARE_MODE, gl.COMPARE_REF_TO_TEXTURE);
      this.shadows = { into: gl.createFramebuffer(), size: SHADOWS };
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadows.into);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.TEXTURE_2D, map, 0);
      gl.polygonOffset(2, 4);
      gl.depthFunc(gl.LEQUAL);
      const light = lamp();
      gl.useProgram(shadow2);
      gl.uniformMatrix4fv(gl.getUniformLocation(shadow2, "seen"), false, light);
      gl.uniform1i(gl.getUniformLocation(shadow2, "throws"), 1);
      gl.useProgram(shape2);
      gl.uniformMatrix4fv(gl.getUniformLocation(shape2, "lit"), false, light);
      gl.uniform3fv(gl.getUniformLocation(shape2, "sun"), SUN);
      gl.uniform3fv(gl.getUniformLocation(shape2, "eye"), EYE);
      gl.uniform1f(gl.getUniformLocation(shape2, "ambient"), AMBIENT);
      gl.uniform1f(gl.getUniformLocation(shape2, "texel"), 1 / SHADOWS);
      gl.useProgram(sky);
      gl.uniform3fv(gl.getUniformLocation(sky, "top"), rgb(SKY));
      gl.uniform3fv(gl.getUniformLocation(sky, "bottom"), rgb(FLOOR));
    }
    kind(kind) {
      const { gl } = this;
      const corners = gl.createVertexArray();
      gl.bindVertexArray(corners);
      const mesh = new Float32Array(triangles(kind));
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, mesh, gl.STATIC_DRAW);
      attributes(gl, CORNER, 0, 0);
      const things = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, things);
      attributes(gl, THING, CORNER.length, 1);
      return { corners, count: mesh.length / sum(CORNER), things };
    }
  };
  function inSoftware(gl) {
    const names = gl.getExtension("WEBGL_debug_renderer_info");
    const name = String(gl.getParameter(names === null ? gl.RENDERER : names.UNMASKED_RENDERER_WEBGL));
    return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
  }
  function attributes(gl, sizes, first, divisor) {
    let offset = 0;
    sizes.forEach((size, i) => {
      gl.enableVertexAttribArray(first + i);
      gl.vertexAttribPointer(first + i, size, gl.FLOAT, false, 4 * sum(sizes), 4 * offset);
      gl.vertexAttribDivisor(first + i, divisor);
      offset += size;
    });
  }
  function triangles(kind) {
    const { vertices, faces } = meshOf(kind, ROUND2[kind]);
    return faces.flatMap((face) => {
      const points = face.map((i) => vertices[i]);
      const flat = unit(cross(minus(points[2], points[0]), minus(points.at(-1), points[1])));
      const smooth = (v) => kind === "ball" ? v : kind === "cylinder" && face.length === 4 ? [v[0], v[1], 0] : flat;
      const corner = (n) => [...points[n], face[n] < vertices.length / 2 ? -1 : 1, ...smooth(points[n])];
      return Array.from({ length: face.length - 2 }, (_, n) => [0, n + 1, n + 2].flatMap(corner)).flat();
    });
  }
  function camera(aspect) {
    const [a, b] = [(FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)];
    const row3 = (way, by, plus = 0) => [...way.map((x) => by * x), plus - by * dot(way, EYE)];
    return columns([row3(RIGHT, ZOOM / aspect), row3(DOWN, -ZOOM), row3(FORWARDS, a, b), row3(FORWARDS, 1)]);
  }
  function lamp() {
    const across = unit(cross([0, 0, 1], SUN));
    const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [SHADED[i & 1][0], SHADED[i >> 1 & 1][1], SHADED[i >> 2][2]]);
    const rows = [across, cross(SUN, across), SUN.map((x) => -x)].map((way) => {
      const along2 = corners.map((corner) => dot(corner, way));
      const [low, high] = [Math.min(...along2), Math.max(...along2)];
      return [...way.map((x) => 2 * x / (high - low)), -(high + low) / (high - low)];
    });
    return columns([...rows, [0, 0, 0, 1]]);
  }
  function columns(rows) {
    return [0, 1, 2, 3].flatMap((column) => rows.map((row3) => row3[column]));
  }
  function program(gl, vertex, fragment) {
    const made = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost())
      throw new Error(`a shader was refused: ${gl.getProgramInfoLog(made)} ${gl.getAttachedShaders(made).map((shader) => gl.getShaderInfoLog(shader))}`);
    return made;
  }
  function rgb(hex) {
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
  }
  function sum(numbers) {
    return numbers.reduce((total, n) => total + n, 0);
  }

  // src/scene.ts
  var Scene = class {
    // `flat` lies over `deep`. `told` is called when another picture was drawn completely.
    constructor(flat, deep, told) {
      this.flat = flat;
      this.deep = deep;
      this.told = told;
      this.image.onload = () => this.redraw();
    }
    drawn = 0;
    // number of the last picture that was drawn completely
    view = null;
    motion = new Motion();
    due = false;
    solids;
    // null: there is no graphics card for WebGL
    image = new Image();
    show(view2) {
      const before = this.view;
      this.view = view2;
      if (view2.picture === null) return;
      const cut = before === null || view2.last === null || view2.frame < before.frame;
      if (before?.picture == null || view2.frame !== before.frame) this.motion.aim(view2.picture, performance.now(), cut);
      if (view2.frame !== before?.frame || owned(view2) !== owned(before) || differs(view2.ghost, before.ghost)) this.redraw();
    }
    redraw() {
      if (this.due) return;
      this.due = true;
      requestAnimationFrame(() => this.draw());
    }
    draw() {
      this.due = false;
      const now = this.motion.at(performance.now());
      if (now === null || this.view === null) return;
      if (!this.paint(now.picture, owned(this.view))) return;
      if (!now.arrived) this.redraw();
      else if (this.drawn !== this.view.frame) {
        this.drawn = this.view.frame;
        this.told();
      }
    }
    // Returns false while an image is still loading.
    paint(picture, byPerson) {
      this.flat.dataset.draws = picture.draw;
      fit(this.flat);
      const pen = this.flat.getContext("2d");
      pen.setTransform(1, 0, 0, 1, 0, 0);
      if (picture.draw === "highway") drawHighway(pen, picture, byPerson, this.view?.ghost ?? null);
      else if (picture.draw === "shapes") this.paintShapes(pen, picture, byPerson);
      else return this.paintImage(pen, picture.source);
      return true;
    }
    paintShapes(pen, picture, byPerson) {
      if (this.solids === void 0) this.solids = Solids.on(this.deep, () => this.redraw());
      const solids = this.solids?.lost ? null : this.solids;
      this.flat.dataset.by = solids === null ? "canvas" : "webgl";
      if (solids === null) drawShapes(pen, picture);
      else {
        fit(this.deep);
        solids.draw(picture);
        pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
      }
      drawToolGhost(pen, this.view?.ghost ?? []);
      drawAxes(pen, picture.tip, byPerson);
    }
    paintImage(pen, source) {
      const { image } = this;
      if (image.src !== source) image.src = source;
      if (!image.complete || image.naturalWidth === 0) return false;
      const { width, height } = pen.canvas;
      const scale = Math.min(width / image.width, height / image.height);
      pen.clearRect(0, 0, width, height);
      pen.drawImage(image, 0, 0, image.width * scale, image.height * scale);
      return true;
    }
  };
  function owned(view2) {
    return view2 !== null && (view2.last?.by === 1 || view2.engaged && view2.picture?.draw === "shapes");
  }
  function differs(a, b) {
    return JSON.stringify(a) !== JSON.stringify(b);
  }
  function fit(canvas) {
    const [width, height] = [Math.round(canvas.clientWidth * devicePixelRatio), Math.round(canvas.clientHeight * devicePixelRatio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  }

  // src/spacemouse.ts
  var CAP = steering_default.spacemouse;
  var STILL = { push: { right: 0, towards: 0, up: 0 }, takesOver: false, handsBack: false };
  var NO_WEBHID = "This browser has no WebHID. Use Chromium, Chrome or Edge, a gamepad, the keyboard, or start `mereq supervise` with --device spacemouse.";
  function after(cap2, report, data) {
    if (report === CAP.translation && data.byteLength >= 6) {
      const [right, towards, down] = [0, 2, 4].map((at2) => beyond(Math.max(-1, Math.min(1, data.getInt16(at2, true) / CAP.full))));
      return { ...cap2, push: { right, towards, up: down === 0 ? 0 : -down } };
    }
    if (report === CAP.buttons && data.byteLength >= 1) {
      const down = data.getUint8(0);
      return { ...cap2, takesOver: (down & 1) !== 0, handsBack: (down & 2) !== 0 };
    }
    return cap2;
  }
  var SpaceMouse = class {
    constructor(acts, hid = navigator.hid) {
      this.acts = acts;
      this.hid = hid;
      this.hid?.addEventListener("connect", () => this.reopen());
      this.hid?.addEventListener("disconnect", (event) => {
        const { device } = event;
        if (device.productName === this.name) this.lose("is gone");
      });
      void this.reopen();
    }
    name = null;
    // of the open device
    cap = STILL;
    silent;
    // Lets the person choose a device.
    async choose() {
      if (this.hid === void 0) return this.acts.notice(NO_WEBHID);
      const [device] = await this.hid.requestDevice({ filters: CAP.vendors.map((vendorId) => ({ vendorId, ...CAP.usage })) });
      if (device === void 0) this.acts.notice("No SpaceMouse was chosen. Check that it is plugged in and that the browser may use it.");
      else await this.open(device);
    }
    // Opens a device that was chosen before: the browser remembers the permission.
    async reopen() {
      const device = (await this.hid?.getDevices())?.find((each) => CAP.vendors.includes(each.vendorId));
      if (device !== void 0 && this.name === null) await this.open(device);
    }
    async open(device) {
      try {
        if (!device.opened) await device.open();
      } catch {
        return this.acts.notice(`${device.productName} cannot be opened. Another program may be using it; on Linux, a udev rule must allow access.`);
      }
      this.name = device.productName;
      this.acts.notice(`${this.name}: push the cap to act, the left button takes over, the right button hands back. Press T to test it.`);
      device.addEventListener("inputreport", this.hear);
    }
    hear = (event) => {
      const { reportId, data } = event;
      this.take(after(this.cap, reportId, data));
    };
    take(now) {
      const before = this.cap;
      this.cap = now;
      clearTimeout(this.silent);
      if (Object.values(now.push).some((part2) => part2 !== 0)) {
        this.silent = setTimeout(() => this.lose("fell silent"), 1e3 * steering_default.silence);
      }
      if (now.takesOver && !before.takesOver) this.acts.engage(true);
      if (now.handsBack && !before.handsBack) this.acts.engage(false);
      if (steer(this.acts.hands(), "cap", now.push)) this.acts.changed();
    }
    lose(how) {
      clearTimeout(this.silent);
      const name = this.name ?? "SpaceMouse";
      if (how === "is gone") this.name = null;
      this.cap = STILL;
      this.acts.lost("device", name, how);
    }
  };

  // src/meters.ts
  var WIDTH = 220;
  var HEIGHT = 16;
  function meter(name, value, said = signed(value)) {
    const at2 = (x) => (x + 1) / 2 * (WIDTH - 2) + 1;
    const picture = shape("svg", { width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
    const outside = Math.abs(value) > steering_default.dead_zone;
    picture.append(
      shape("rect", { x: 0.5, y: 0.5, width: WIDTH - 1, height: HEIGHT - 1, fill: "#fff", stroke: "#6a7079" }),
      shape("rect", { x: at2(-steering_default.dead_zone), y: 1, width: at2(steering_default.dead_zone) - at2(-steering_default.dead_zone), height: HEIGHT - 2, fill: "#d5d9de" }),
      shape("rect", { x: Math.min(at2(0), at2(value)), y: 4, width: Math.abs(at2(value) - at2(0)), height: HEIGHT - 8, fill: outside ? "#d55e00" : "#6a7079" }),
      shape("line", { x1: at2(value), x2: at2(value), y1: 1, y2: HEIGHT - 1, stroke: "#111", "stroke-width": outside ? 4 : 2 })
    );
    return row2(name, picture, text("span", `${said}${outside ? "" : ", at rest"}`));
  }
  function lamps(name, buttons) {
    return row2(name, ...buttons.map(({ shown: shown2, down }) => {
      const lamp2 = text("span", down ? `● ${shown2}` : `○ ${shown2}`);
      lamp2.className = down ? "lamp down" : "lamp";
      return lamp2;
    }));
  }
  function row2(name, ...parts) {
    const line2 = document.createElement("div");
    line2.className = "meter";
    line2.dataset.name = name;
    line2.append(text("span", name), ...parts);
    return line2;
  }
  function text(kind, words) {
    const made = document.createElement(kind);
    made.textContent = words;
    return made;
  }
  function signed(value) {
    return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
  }
  function shape(kind, about) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [name, value] of Object.entries(about)) made.setAttribute(name, String(value));
    return made;
  }

  // src/trying.ts
  var NO_PAD = "No gamepad was found. Plug one in and press any of its buttons: browsers hide a gamepad until then.";
  var NO_MAPPING = "The browser does not know the buttons of this gamepad. Calibrate it before you use it.";
  var DEEDS = { engage: "take over", handBack: "hand back", retract: "take back", pause: "pause or continue" };
  var Trying = class {
    // leave: called when the panel closes. state: returns the newest messages from the server.
    constructor(mouse2, state, leave) {
      this.mouse = mouse2;
      this.state = state;
      const press2 = (id, does) => element(id).onclick = does;
      press2("trying-close", () => this.dialog.close());
      press2("try-mouse-choose", () => void this.mouse.choose());
      press2("calibrate", () => this.withPad((pad) => this.calibrating = new Calibrating(pad.id)));
      press2("calibrate-next", () => this.withPad((pad) => this.calibrating?.next(pad)));
      press2("calibrate-stop", () => this.calibrating = null);
      press2("calibrate-forget", () => this.withPad((pad) => keep(pad.id, null)));
      this.dialog.onclose = () => {
        this.calibrating = null;
        leave();
      };
    }
    dialog = element("trying");
    which = element("which-pad");
    hello = null;
    hands = new Hands([]);
    down = [];
    // keys, as KeyboardEvent.code
    deed = "none yet";
    calibrating = null;
    get open() {
      return this.dialog.open;
    }
    show() {
      this.hello = this.state().hello;
      this.hands = new Hands(this.hello?.keys ?? []);
      this.down = [];
      this.deed = "none yet";
      this.dialog.showModal();
      this.dialog.focus();
      this.draw();
    }
    // Effects of devices while the panel is open.
    acts = {
      hands: () => this.hands,
      changed: () => {
      },
      engage: (engaged) => this.deed = engaged ? "take over" : "hand back",
      retract: () => this.deed = "take back",
      goOrPause: () => this.deed = "pause or continue",
      notice: (words) => element("try-notice").textContent = words
    };
    // Handles a key that went down or up. Tab, Enter and Esc keep their function in the panel.
    key(event, deed) {
      const down = event.type === "keydown";
      this.down = this.down.filter((code) => code !== event.code);
      if (down) this.down.push(event.code);
      if (down && deed !== void 0) this.deed = deed;
      if (this.hands.keyOf(event.code) === void 0 || event.target.tagName === "SELECT") return;
      event.preventDefault();
      this.hands.keep(event.code, down);
    }
    release() {
      this.down = [];
      this.hands.release();
    }
    withPad(does) {
      const pad = this.pad();
      if (pad) does(pad);
    }
    pad() {
      const all = pads();
      const id = this.calibrating?.id ?? this.which.value;
      return all.find((pad) => pad.id === id) ?? all[0];
    }
    draw() {
      if (!this.open) return;
      const { hello: hello2, view: view2 } = this.state();
      if (hello2 !== this.hello) {
        this.hello = hello2;
        this.hands = new Hands(hello2?.keys ?? []);
      }
      element("would-act").textContent = inWords(this.hands.action(), hello2);
      element("would-do").textContent = this.deed;
      element("try-keys").replaceChildren(lamps("down", this.down.map((shown2) => ({ shown: shown2, down: true }))));
      if (this.down.length === 0) element("try-keys").replaceChildren(text("p", "No key is down. Press a key."));
      this.drawPad();
      this.drawMouse();
      const here = element("try-here");
      here.hidden = hello2?.device == null;
      if (!here.hidden) element("try-here-name").textContent = `${hello2.device}, at the program's computer`;
      const [right, towards, up, takesOver, handsBack] = view2?.felt ?? [0, 0, 0, false, false];
      element("try-here-meters").replaceChildren(...cap({ right, towards, up }, takesOver, handsBack));
      requestAnimationFrame(() => this.draw());
    }
    drawPad() {
      const all = pads();
      const ids = JSON.stringify(all.map((pad2) => pad2.id));
      if (this.which.dataset.ids !== ids) {
        this.which.dataset.ids = ids;
        this.which.replaceChildren(...all.map((pad2) => Object.assign(text("option", pad2.id), { value: pad2.id })));
        this.which.hidden = all.length < 2;
      }
      const pad = this.pad();
      const words = element("try-pad-words");
      if (pad !== void 0) this.calibrating?.look(pad);
      if (pad === void 0 || this.calibrating?.done) this.calibrating = null;
      element("calibrate-next").disabled = this.calibrating?.mayGoOn !== true;
      for (const id of ["calibrate-words", "calibrate-next", "calibrate-stop"]) element(id).hidden = this.calibrating === null;
      element("calibrate").hidden = pad === void 0 || this.calibrating !== null;
      element("calibrate-forget").hidden = pad === void 0 || this.calibrating !== null || kept(pad.id) === null;
      if (this.calibrating !== null) element("calibrate-words").textContent = this.calibrating.words;
      if (pad === void 0) {
        words.textContent = NO_PAD;
        element("try-pad-meters").replaceChildren();
        return;
      }
      const calibration = calibrationOf(pad);
      const how = calibration === null ? NO_MAPPING : kept(pad.id) === null ? "Standard mapping." : "Your calibration.";
      words.textContent = `${pad.id}. ${how}`;
      const read = calibration === null ? null : readPad(pad, calibration);
      const axis = (value, i) => {
        const shown2 = calibration === null ? Math.max(-1, Math.min(1, value)) : along(value, axisOf(calibration, i));
        return meter(`axis ${i}`, shown2, calibration === null ? void 0 : `${shown2.toFixed(2)} (raw ${value.toFixed(2)})`);
      };
      element("try-pad-meters").replaceChildren(
        ...pad.axes.map(axis),
        lamps("buttons", pad.buttons.map((button2, i) => ({ shown: String(i), down: button2.pressed || button2.value > 0.5 }))),
        ...read === null ? [] : [lamps("functions", Object.entries(DEEDS).map(([deed, shown2]) => ({ shown: shown2, down: read.down(deed) })))]
      );
    }
    drawMouse() {
      const { name, hid } = this.mouse;
      element("try-mouse-words").textContent = hid === void 0 ? NO_WEBHID : name === null ? "No SpaceMouse is connected. Plug it in, click the button below and choose it." : `${name}.`;
      element("try-mouse-choose").hidden = hid === void 0 || name !== null;
      const { push, takesOver, handsBack } = this.mouse.cap;
      element("try-mouse-meters").replaceChildren(...name === null ? [] : cap(push, takesOver, handsBack));
    }
  };
  function cap(push, takesOver, handsBack) {
    return [
      ...Object.entries(push).map(([name, value]) => beyondZone(name, value)),
      lamps("buttons", [{ shown: "take over", down: takesOver }, { shown: "hand back", down: handsBack }])
    ];
  }
  function beyondZone(name, value) {
    const zone = steering_default.dead_zone;
    return meter(name, value === 0 ? 0 : Math.sign(value) * (zone + Math.abs(value) * (1 - zone)), value.toFixed(2));
  }
  function inWords(action, hello2) {
    if (hello2 === null) return "unknown: the program is still loading";
    if (action === null) return "nothing";
    if (typeof action === "number") return hello2.keys.find((key) => key.action === action)?.label ?? String(action);
    const ways = hello2.keys.map((key) => ({ label: key.label, far: key.action.reduce((sum2, part2, i) => sum2 + part2 * action[i], 0) }));
    return ways.filter(({ far: far2 }) => far2 > 0).map(({ label, far: far2 }) => `${label} ${far2.toFixed(2)}`).join(", ") || "nothing";
  }

  // src/main.ts
  var HEARTBEAT = 50;
  var SILENCE = 1500;
  var hello = null;
  var view = null;
  var hands = new Hands([]);
  var lost = null;
  var heard = performance.now();
  var SILENT = { reason: "Nothing arrives from the program. What you see is old.", then: "reconnect" };
  var scene = new Scene(element("scene"), element("solids"), tell);
  var link = new Link(receive, (loss) => {
    lost = loss;
    hands.release();
    element("take").hidden = loss.then !== "take control";
    requestAnimationFrame(show2);
  });
  function receive(message) {
    if (message.kind === "refused") {
      element("notice").textContent = `A message was refused: ${message.reason}.`;
      return;
    }
    lost = null;
    heard = performance.now();
    element("take").hidden = true;
    if (message.kind === "hello") {
      const mode = hands.mode;
      hello = message;
      hands = new Hands(message.device === null ? message.keys : []);
      hands.mode = mode;
      document.title = `mereq: ${message.task}`;
      element("task").textContent = message.summary;
      showKeys(message, hands, press);
    } else {
      if (moves(view) && !moves(message)) hands.release();
      view = message;
      scene.show(message);
    }
    requestAnimationFrame(show2);
  }
  function moves(shown2) {
    return shown2 !== null && shown2.paused === null && shown2.awaits === null && shown2.phase === "supervising";
  }
  function show2() {
    showBanner(view, lost);
    if (view === null || hello === null) return;
    showStatus(view);
    showProgress(view);
    showPlots(view, hello);
    showBeliefs(view.beliefs, choices(hello.replays));
    element("ghost-group").hidden = !hello.foresees;
    element("ghost").setAttribute("aria-pressed", String(view.ghost !== null));
    showHeld(hello, hands, view);
    element("go").hidden = view.paused === null || view.phase !== "supervising" || lost !== null;
    element("retract").disabled = !view.can_retract;
  }
  function tell() {
    link.say({
      kind: "input",
      frame: scene.drawn,
      sent: Date.now() / 1e3,
      mode: hands.mode,
      engaged: hands.engaged,
      action: hands.action()
    });
    if (hello !== null) showHeld(hello, hands, view);
  }
  function command(name, value = null) {
    if (!["pace", "go", "ghost", "keep"].includes(name)) hands.release();
    tell();
    link.say({ kind: "command", name, value });
  }
  function press(code, down) {
    hands.keep(code, down);
    tell();
  }
  function engage(engaged) {
    if (hello?.device != null) return engaged ? void 0 : command("hand_back");
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
  function choices(replays) {
    const done = (name, each) => {
      player.close();
      command(name, each.at);
    };
    const all = {
      play: replays ? (each) => {
        if (moves(view)) command("pause", "you are watching an earlier intervention");
        void player.show(each.at, `Your intervention in ${each.where}`, buttonsFor(each, all));
      } : null,
      keep: (each) => done("keep", each),
      takeBack: (each) => done("retract", each)
    };
    return all;
  }
  var ONCE = {
    Enter: () => engage(true),
    NumpadEnter: () => engage(true),
    Escape: () => engage(false),
    KeyP: goOrPause,
    KeyM: () => command("retract"),
    KeyT: tryDevices,
    KeyG: ghost,
    KeyH: () => choose(hands.mode === "hold" ? "toggle" : "hold"),
    Minus: () => pace(1 / 1.25),
    NumpadSubtract: () => pace(1 / 1.25),
    Equal: () => pace(1.25),
    NumpadAdd: () => pace(1.25)
  };
  function ghost() {
    if (hello?.foresees) command("ghost");
  }
  function pace(factor) {
    if (view !== null) command("pace", Math.max(0.2, Math.min(20, view.pace * factor)));
  }
  var SAID = { Enter: "take over", NumpadEnter: "take over", KeyP: "pause or continue", KeyM: "take back" };
  function tryDevices() {
    if (moves(view)) command("pause", "you are testing your devices");
    hands.release();
    trying.show();
  }
  addEventListener("keydown", (event) => {
    const meaning = meaningOf(event, hands, event.code in ONCE);
    if (meaning === "shortcut") return;
    if (trying.open) return trying.key(event, SAID[event.code]);
    if (player.open) return;
    if (meaning === "none") return;
    event.preventDefault();
    if (meaning === "action") press(event.code, true);
    if (meaning === "command") ONCE[event.code]();
  });
  addEventListener("keyup", (event) => {
    if (trying.open) return trying.key(event, void 0);
    if (player.open) return;
    if (hands.keyOf(event.code) !== void 0) press(event.code, false);
  });
  addEventListener("blur", () => {
    trying.release();
    command("release", "the page lost the focus");
  });
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
  element("ghost").onclick = ghost;
  element("quicker").onclick = () => pace(1.25);
  element("take").onclick = () => link.connect(true);
  element("spacemouse").onclick = () => void mouse.choose();
  element("try").onclick = tryDevices;
  for (const button2 of document.querySelectorAll("#banner button, main button")) {
    button2.tabIndex = -1;
    button2.addEventListener("pointerdown", (event) => event.preventDefault());
  }
  addEventListener("resize", () => {
    scene.redraw();
    requestAnimationFrame(show2);
  });
  setInterval(tell, HEARTBEAT);
  setInterval(() => {
    if (lost !== null || view === null || performance.now() - heard < SILENCE) return;
    lost = SILENT;
    hands.release();
    show2();
  }, HEARTBEAT);
  var run = {
    hands: () => hands,
    changed: tell,
    engage,
    retract: () => command("retract"),
    goOrPause,
    lost: (kind, name, how = "is gone") => command("release", `the ${kind} ${shortened(name)} ${how}`),
    notice: (words) => element("notice").textContent = words
  };
  var devices = new Proxy(run, {
    get: (_, name) => name !== "lost" && trying.open ? trying.acts[name] : run[name]
  });
  var player = new Player();
  var mouse = new SpaceMouse(devices);
  var trying = new Trying(mouse, () => ({ hello, view }), () => hands.release());
  watchGamepad(devices);
  function shortened(name) {
    return name.replace(/\(.*/, "").replace(/[^ -~]/g, "").trim().slice(0, 40);
  }
  link.connect();
  return __toCommonJS(main_exports);
})();
