// Meaning of a key that goes down, before the page acts on it.

import type { Hands } from "./hands";

export interface KeyDown {
  code: string;
  repeat: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

// shortcut: the browser's own. repeat: a known key that is held down, which changes nothing. none: an unknown key.
export type Meaning = "shortcut" | "none" | "repeat" | "action" | "command";

// An action of the task wins over a command of the page.
export function meaningOf(key: KeyDown, hands: Hands, isCommand: boolean): Meaning {
  if (key.ctrlKey || key.metaKey || key.altKey) return "shortcut";
  const isAction = hands.keyOf(key.code) !== undefined;
  if (!isAction && !isCommand) return "none";
  if (key.repeat) return "repeat";
  return isAction ? "action" : "command";
}
