// Text beside the picture: who is in control, the state of the run, and the keys.

import type { Hands } from "./hands";
import type { Loss } from "./link";
import type { Hello, View } from "./messages";
import { legend, plot } from "./plots";

export function element<E extends HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element ${id}.`);
  return found as E;
}

// Shows who is in control, by words, a sign and a colour.
export function showBanner(view: View | null, lost: Loss | null): void {
  const [who, sign, words, sub] = banner(view, lost);
  document.body.dataset.who = who;
  element("sign").textContent = sign;
  element("who").textContent = words;
  element("sub").textContent = sub;
}

// Style, sign, title and sentence of the banner. A run that is over stays so when the program ends.
export function banner(view: View | null, lost: Loss | null): [string, string, string, string] {
  const over = view?.phase === "finished" || view?.phase === "stopped";
  if (lost?.then === "end" && !over) return ["paused", "■", "STOPPED", lost.reason];
  if (lost !== null && !(lost.then === "end" && over)) return ["paused", "✕", "NOT CONNECTED", lost.reason];
  if (view === null) return ["paused", "…", "CONNECTING", ""];
  if (view.phase === "preparing") return ["paused", "…", "PREPARING", "Loading the policy. This may take a minute."];
  if (view.phase === "finished") return ["learning", "✓", "FINISHED", "Thank you. You may close this page."];
  if (view.phase === "stopped") return ["paused", "■", "STOPPED", view.words];
  if (view.phase === "learning") {
    const at = view.progress === null ? "" : ` Step ${view.progress.step} of at most ${view.progress.of}.`;
    return ["learning", "⟳", "LEARNING", `The policy is learning from your interventions.${at}`];
  }
  if (view.paused !== null) return ["paused", "❚❚", "PAUSED", `${sentence(view.paused)} Nothing moves. Press P or click Continue.`];
  if (view.awaits !== null) return ["paused", "…", "WAITING", `${view.awaits}. Press P to pause.`];
  const driving = view.last?.by === 1;
  if (view.engaged) return ["you", "●", "YOU", driving ? "You are in control." : "You are in control from the next step."];
  return ["policy", "▶", "POLICY", driving ? "The policy is in control from the next step." : "The policy is in control."];
}

function sentence(reason: string): string {
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
}

export function showStatus(view: View): void {
  if (view.phase === "finished") {
    show([
      ["rounds", String(view.rounds.length)],
      ["expert samples", String(view.samples)],
      ["last rate", percent(view.rounds.at(-1)?.rate ?? 0)],
    ]);
    return;
  }
  const rate = view.step === 0 ? "–" : percent(view.yours / view.step);
  const who = view.last === null ? "–" : `${view.last.action}, by ${view.last.by === 1 ? "you" : "the policy"}${view.last.terminated ? " (the episode ended)" : ""}`;
  const rows: [string, string][] = [
    ["round", `${Math.min(view.round + 1, view.of_rounds)} of ${view.of_rounds}`],
    ["step", `${view.step} of ${view.of_steps}`],
    ["episode", `${view.episode + 1}, step ${view.step_of_episode}`],
    ["last action", who],
    ...view.readings,
    ["basic reward", number(view.basic)],
    ["residual reward", number(view.residual)],
    ["your steps", `${view.yours} in this round (${rate})${view.taken_back > 0 ? `, ${view.taken_back} taken back` : ""}`],
    ["expert samples", `${view.samples} in total`],
    ["pace", `${view.pace.toPrecision(2)} steps/s`],
  ];
  show(rows);
}

function show(rows: [string, string][]): void {
  element("status").replaceChildren(
    ...rows.flatMap(([name, value]) => {
      const [term, detail] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      detail.textContent = value;
      return [term, detail];
    }),
  );
}

export function showProgress(view: View): void {
  const box = element("learning");
  const behind = view.version !== null && view.phase === "supervising";
  box.hidden = view.phase !== "learning" && view.phase !== "finished" && !behind;
  if (box.hidden) return;
  const bar = element<HTMLProgressElement>("bar");
  const done = view.phase === "finished";
  element("learning-title").textContent = done
    ? "The run is finished"
    : behind ? `Learning during supervision: policy ${view.version}` : `Learning from round ${view.round + 1}`;
  bar.hidden = done || (behind && view.progress === null);
  if (view.progress === null) bar.removeAttribute("value");
  else {
    bar.max = view.progress.of;
    bar.value = view.progress.step;
  }
  const gradient = view.progress?.gradient ?? null;
  element("learning-words").textContent = done
    ? `${view.samples} expert samples, ${view.rounds.length} ${view.rounds.length === 1 ? "round" : "rounds"}. The run is stored in ${view.directory}`
    : gradient === null ? "" : `Difference in mean features between you and the policy: ${gradient.toFixed(3)}`;
}

let plotted = "";

export function showPlots(view: View, hello: Hello): void {
  const state = JSON.stringify([view.rounds, innerWidth]);
  if (state === plotted) return;
  plotted = state;
  const rates = view.rounds.map((round) => round.rate);
  plot(element("rates"), [{ name: "rate", values: rates }], view.of_rounds, 0, Math.max(0.5, ...rates), hello.delta);
  const thetas = hello.features.map((name, i) => ({ name, values: view.rounds.map((round) => round.theta[i] ?? 0) }));
  const all = thetas.flatMap((curve) => curve.values);
  const infers = hello.features.length > 0 && view.rounds.every((round) => round.theta.length > 0);
  element("theta-box").hidden = !infers;
  if (infers) {
    plot(element("thetas"), thetas, view.of_rounds, Math.min(-0.5, ...all), Math.max(0.5, ...all));
    legend(element("theta-names"), hello.features);
  }
  element("rate-words").textContent = rates.map((rate, i) => `round ${i + 1}: ${percent(rate)}`).join(", ");
}

export function showKeys(hello: Hello, hands: Hands, press: (code: string, down: boolean) => void): void {
  element("actions").replaceChildren(
    ...hello.keys.map((key) => {
      const button = document.createElement("button");
      button.tabIndex = -1;
      const [label, shown] = [document.createElement("span"), document.createElement("kbd")];
      label.textContent = key.label;
      shown.textContent = key.shown;
      button.append(label, shown);
      const code = key.codes[0]!;
      button.dataset.code = code;
      button.onpointerdown = (event) => {
        event.preventDefault();
        button.setPointerCapture(event.pointerId);
        press(code, true);
      };
      button.onpointerup = button.onpointercancel = button.onlostpointercapture = () => press(code, false);
      button.oncontextmenu = (event) => event.preventDefault();
      return button;
    }),
  );
  showHeld(hello, hands, null);
}

export function showHeld(hello: Hello, hands: Hands, view: View | null): void {
  const able = view !== null && view.paused === null && view.phase === "supervising" && (view.engaged || hands.mode === "hold");
  element("actions").classList.toggle("off", !able);
  hello.keys.forEach((key, i) => element("actions").children[i]?.classList.toggle("down", hands.holds(key)));
  const hold = hands.mode === "hold";
  element("how").textContent = hello.device !== null
    ? `You act with the ${hello.device} at the program's computer. On this page: Esc hands back, P pauses, M takes back your last intervention.`
    : hold
    ? "Hold: you are in control while an action key is down. Release it to hand back to the policy."
    : "Toggle: Enter takes over, Esc hands back. While you are in control, no key means no action.";
  element("mode-toggle").setAttribute("aria-pressed", String(!hold));
  element("mode-hold").setAttribute("aria-pressed", String(hold));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function number(value: number | null): string {
  return value === null ? "–" : value.toFixed(3);
}
