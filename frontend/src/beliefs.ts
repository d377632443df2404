// What the program believes the person wants: a line and a bar for each feature.

import type { BelievedWeight, Beliefs } from "./messages";
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

let shown = "";

export function showBeliefs(beliefs: Beliefs | null): void {
  const state = JSON.stringify(beliefs);
  if (state === shown) return;
  shown = state;
  element("beliefs").hidden = beliefs === null;
  if (beliefs === null) return;
  const empty = beliefs.weights.length === 0;
  element("beliefs-none").hidden = !empty;
  element("beliefs-legend").hidden = empty;
  element("belief-rows").replaceChildren(...beliefs.weights.map(row));
  element("beliefs-confused").textContent = confusedIn(beliefs);
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
