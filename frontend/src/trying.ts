// The panel "Test your devices": each device's present input and the action that results. Nothing reaches the robot.

import { along, axisOf, Calibrating, calibrationOf, keep, kept, type Deed } from "./calibration";
import { pads, readPad } from "./gamepad";
import { Hands } from "./hands";
import type { Action, Hello, View } from "./messages";
import { lamps, meter, text } from "./meters";
import { element } from "./panel";
import { NO_WEBHID, type SpaceMouse } from "./spacemouse";
import { layout, type Acts, type Push } from "./steering";

const NO_PAD = "No gamepad was found. Plug one in and press any of its buttons: browsers hide a gamepad until then.";
const NO_MAPPING = "The browser does not know the buttons of this gamepad. Calibrate it before you use it.";
const DEEDS: Partial<Record<Deed, string>> = { engage: "take over", handBack: "hand back", retract: "take back", pause: "pause or continue" };

export class Trying {
  private dialog = element<HTMLDialogElement>("trying");
  private which = element<HTMLSelectElement>("which-pad");
  private hello: Hello | null = null;
  private hands = new Hands([]);
  private down: string[] = []; // keys, as KeyboardEvent.code
  private deed = "none yet";
  private calibrating: Calibrating | null = null;

  // leave: called when the panel closes. state: returns the newest messages from the server.
  constructor(private mouse: SpaceMouse, private state: () => { hello: Hello | null; view: View | null }, leave: () => void) {
    const press = (id: string, does: () => void) => (element(id).onclick = does);
    press("trying-close", () => this.dialog.close());
    press("try-mouse-choose", () => void this.mouse.choose());
    press("calibrate", () => this.withPad((pad) => (this.calibrating = new Calibrating(pad.id))));
    press("calibrate-next", () => this.withPad((pad) => this.calibrating?.next(pad)));
    press("calibrate-stop", () => (this.calibrating = null));
    press("calibrate-forget", () => this.withPad((pad) => keep(pad.id, null)));
    this.dialog.onclose = () => {
      this.calibrating = null;
      leave();
    };
  }

  get open(): boolean {
    return this.dialog.open;
  }

  show(): void {
    this.hello = this.state().hello;
    this.hands = new Hands(this.hello?.keys ?? []);
    this.down = [];
    this.deed = "none yet";
    this.dialog.showModal();
    this.dialog.focus();
    this.draw();
  }

  // Effects of devices while the panel is open.
  acts: Omit<Acts, "lost"> = {
    hands: () => this.hands,
    changed: () => {},
    engage: (engaged) => (this.deed = engaged ? "take over" : "hand back"),
    retract: () => (this.deed = "take back"),
    goOrPause: () => (this.deed = "pause or continue"),
    notice: (words) => (element("try-notice").textContent = words),
  };

  // Handles a key that went down or up. Tab, Enter and Esc keep their function in the panel.
  key(event: KeyboardEvent, deed: string | undefined): void {
    const down = event.type === "keydown";
    this.down = this.down.filter((code) => code !== event.code);
    if (down) this.down.push(event.code);
    if (down && deed !== undefined) this.deed = deed;
    if (this.hands.keyOf(event.code) === undefined || (event.target as Element).tagName === "SELECT") return;
    event.preventDefault();
    this.hands.keep(event.code, down);
  }

  release(): void {
    this.down = [];
    this.hands.release();
  }

  private withPad(does: (pad: Gamepad) => void): void {
    const pad = this.pad();
    if (pad) does(pad);
  }

  private pad(): Gamepad | undefined {
    const all = pads();
    const id = this.calibrating?.id ?? this.which.value;
    return all.find((pad) => pad.id === id) ?? all[0];
  }

  private draw(): void {
    if (!this.open) return;
    const { hello, view } = this.state();
    if (hello !== this.hello) {
      this.hello = hello;
      this.hands = new Hands(hello?.keys ?? []);
    }
    element("would-act").textContent = inWords(this.hands.action(), hello);
    element("would-do").textContent = this.deed;
    element("try-keys").replaceChildren(lamps("down", this.down.map((shown) => ({ shown, down: true }))));
    if (this.down.length === 0) element("try-keys").replaceChildren(text("p", "No key is down. Press a key."));
    this.drawPad();
    this.drawMouse();
    const here = element("try-here");
    here.hidden = hello?.device == null;
    if (!here.hidden) element("try-here-name").textContent = `${hello!.device}, at the program's computer`;
    const [right, towards, up, takesOver, handsBack] = view?.felt ?? [0, 0, 0, false, false];
    element("try-here-meters").replaceChildren(...cap({ right, towards, up }, takesOver, handsBack));
    requestAnimationFrame(() => this.draw());
  }

  private drawPad(): void {
    const all = pads();
    const ids = JSON.stringify(all.map((pad) => pad.id));
    if (this.which.dataset.ids !== ids) {
      this.which.dataset.ids = ids;
      this.which.replaceChildren(...all.map((pad) => Object.assign(text("option", pad.id), { value: pad.id })));
      this.which.hidden = all.length < 2;
    }
    const pad = this.pad();
    const words = element("try-pad-words");
    if (pad !== undefined) this.calibrating?.look(pad);
    if (pad === undefined || this.calibrating?.done) this.calibrating = null;
    element<HTMLButtonElement>("calibrate-next").disabled = this.calibrating?.mayGoOn !== true;
    for (const id of ["calibrate-words", "calibrate-next", "calibrate-stop"]) element(id).hidden = this.calibrating === null;
    element("calibrate").hidden = pad === undefined || this.calibrating !== null;
    element("calibrate-forget").hidden = pad === undefined || this.calibrating !== null || kept(pad.id) === null;
    if (this.calibrating !== null) element("calibrate-words").textContent = this.calibrating.words;
    if (pad === undefined) {
      words.textContent = NO_PAD;
      element("try-pad-meters").replaceChildren();
      return;
    }
    const calibration = calibrationOf(pad);
    const how = calibration === null ? NO_MAPPING : kept(pad.id) === null ? "Standard mapping." : "Your calibration.";
    words.textContent = `${pad.id}. ${how}`;
    const read = calibration === null ? null : readPad(pad, calibration);
    const axis = (value: number, i: number) => {
      const shown = calibration === null ? Math.max(-1, Math.min(1, value)) : along(value, axisOf(calibration, i));
      return meter(`axis ${i}`, shown, calibration === null ? undefined : `${shown.toFixed(2)} (raw ${value.toFixed(2)})`);
    };
    element("try-pad-meters").replaceChildren(
      ...pad.axes.map(axis),
      lamps("buttons", pad.buttons.map((button, i) => ({ shown: String(i), down: button.pressed || button.value > 0.5 }))),
      ...(read === null ? [] : [lamps("functions", Object.entries(DEEDS).map(([deed, shown]) => ({ shown, down: read.down(deed as Deed) })))]),
    );
  }

  private drawMouse(): void {
    const { name, hid } = this.mouse;
    element("try-mouse-words").textContent = hid === undefined ? NO_WEBHID
      : name === null ? "No SpaceMouse is connected. Plug it in, click the button below and choose it." : `${name}.`;
    element("try-mouse-choose").hidden = hid === undefined || name !== null;
    const { push, takesOver, handsBack } = this.mouse.cap;
    element("try-mouse-meters").replaceChildren(...(name === null ? [] : cap(push, takesOver, handsBack)));
  }
}

function cap(push: Push, takesOver: boolean, handsBack: boolean): HTMLElement[] {
  return [
    ...Object.entries(push).map(([name, value]) => beyondZone(name, value)),
    lamps("buttons", [{ shown: "take over", down: takesOver }, { shown: "hand back", down: handsBack }]),
  ];
}

// Meter of a value from which the dead zone was already removed.
function beyondZone(name: string, value: number): HTMLElement {
  const zone = layout.dead_zone;
  return meter(name, value === 0 ? 0 : Math.sign(value) * (zone + Math.abs(value) * (1 - zone)), value.toFixed(2));
}

// An action in the words of the task's keys.
export function inWords(action: Action | null, hello: Hello | null): string {
  if (hello === null) return "unknown: the program is still loading";
  if (action === null) return "nothing";
  if (typeof action === "number") return hello.keys.find((key) => key.action === action)?.label ?? String(action);
  const ways = hello.keys.map((key) => ({ label: key.label, far: (key.action as number[]).reduce((sum, part, i) => sum + part * action[i]!, 0) }));
  return ways.filter(({ far }) => far > 0).map(({ label, far }) => `${label} ${far.toFixed(2)}`).join(", ") || "nothing";
}
