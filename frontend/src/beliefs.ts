// What the program believes the person wants: a line and a bar for each feature.

import type { BelievedWeight, Beliefs, Contradiction } from "./messages";
import { element } from "./panel";

// Places on a bar, as shares of its width: the whole bar is the interval before any evidence, or more if that is exceeded.
export interface Bar {
  low: number;
  high: number;
  mean: number;
  was: number;
}

export function barOf(weight: BelievedWeight): Bar {
  const reach = Math.max(weight.before, -weight.low, weight.high) || 1;
  const at = (value: number) => Math.max(0, Math.min(1, 0.5 + value / (2 * reach)));
  return { low: at(weight.low), high: at(weight.high), mean: at(weight.mean), was: at(weight.was) };
}

// A sentence on features that cannot be told apart; empty without any.
export function confusedIn(beliefs: Beliefs): string {
  if (beliefs.confused.length === 0) return "";
  return `Not told apart yet: ${beliefs.confused.map(([one, other]) => `${one} and ${other}`).join("; ")}.`;
}

// A sentence on an intervention that contradicts the others.
export function sentenceOn(each: Contradiction): string {
  const place = each.where.charAt(0).toUpperCase() + each.where.slice(1);
  const end = { counts: "", "is taken back": " It is taken back with the next step.", "taken back": " It is taken back.", "in a finished round": " Its round is over, so it stays." }[each.state];
  return `${place}: probably a slip (${Math.round(100 * each.slip)} %). It changed: ${arrowed(each.changed)}.${end}`;
}

// A change with an arrow on which no line breaks.
function arrowed(words: string): string {
  return words.replace(" -> ", "\u00a0→\u00a0");
}

// What can be done with such an intervention.
export interface Choices {
  play: ((each: Contradiction) => void) | null; // null: it cannot be shown again
  keep: (each: Contradiction) => void;
  takeBack: (each: Contradiction) => void;
}

export function button(words: string, act: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.textContent = words;
  made.tabIndex = -1; // action keys must not press a focused button
  made.addEventListener("pointerdown", (event) => event.preventDefault());
  made.onclick = act;
  return made;
}

// The two buttons: it was meant, or it was a mistake.
export function buttonsFor(each: Contradiction, choices: Choices): HTMLButtonElement[] {
  const keep = button("Keep", () => choices.keep(each));
  return each.state === "counts" ? [keep, button("Take back", () => choices.takeBack(each))] : [keep];
}

function item(each: Contradiction, choices: Choices): HTMLElement {
  const made = document.createElement("li");
  const words = document.createElement("span");
  words.textContent = sentenceOn(each);
  const { play } = choices;
  made.append(words, ...(play === null ? [] : [button("Play", () => play(each))]), ...buttonsFor(each, choices));
  return made;
}

let shown = "";

export function showBeliefs(beliefs: Beliefs | null, choices: Choices): void {
  const state = JSON.stringify([beliefs, choices.play === null]);
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
  element("contradiction-rows").replaceChildren(...beliefs.contradictions.map((each) => item(each, choices)));
}

function row(weight: BelievedWeight): HTMLElement {
  const [item, name, words, bar] = [document.createElement("li"), part("name"), part("words"), part("bar")];
  item.dataset.sign = weight.sign;
  name.textContent = weight.name;
  words.textContent = weight.words;
  const { low, high, mean, was } = barOf(weight);
  const [zero, span, before, now] = [part("zero"), part("span"), part("was"), part("mean")];
  span.style.left = percent(low);
  span.style.width = percent(high - low);
  before.style.left = percent(was);
  now.style.left = percent(mean);
  bar.append(span, zero, before, now);
  bar.setAttribute("aria-hidden", "true"); // the words say the same
  item.append(name, words, bar);
  return item;
}

function part(name: string): HTMLElement {
  const made = document.createElement("span");
  made.className = name;
  return made;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}
