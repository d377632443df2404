// A SpaceMouse through WebHID: pushing the cap acts, the left button takes over, the right button hands back.

import { beyond, layout, steer, type Acts, type Push } from "./steering";

const CAP = layout.spacemouse;

export interface Device extends EventTarget {
  productName: string;
  opened: boolean;
  open(): Promise<void>;
}
export interface Hid extends EventTarget {
  requestDevice(options: { filters: object[] }): Promise<Device[]>;
  getDevices(): Promise<Device[]>;
}

export interface Cap {
  push: Push;
  takesOver: boolean;
  handsBack: boolean;
}
const STILL: Cap = { push: { right: 0, towards: 0, up: 0 }, takesOver: false, handsBack: false };
export const NO_WEBHID = "This browser has no WebHID. Use Chromium, Chrome or Edge, a gamepad, the keyboard, "
  + "or start `mereq supervise` with --device spacemouse.";

// The cap's state after a report. An unknown or short report changes nothing. mereq/web/devices/steering.py is its twin.
export function after(cap: Cap, report: number, data: DataView): Cap {
  if (report === CAP.translation && data.byteLength >= 6) {
    const [right, towards, down] = [0, 2, 4].map((at) => beyond(Math.max(-1, Math.min(1, data.getInt16(at, true) / CAP.full))));
    return { ...cap, push: { right: right!, towards: towards!, up: down === 0 ? 0 : -down! } };
  }
  if (report === CAP.buttons && data.byteLength >= 1) {
    const down = data.getUint8(0);
    return { ...cap, takesOver: (down & 1) !== 0, handsBack: (down & 2) !== 0 };
  }
  return cap;
}

export class SpaceMouse {
  name: string | null = null; // of the open device
  cap = STILL;
  private silent: ReturnType<typeof setTimeout> | undefined;

  constructor(private acts: Acts, readonly hid: Hid | undefined = (navigator as Navigator & { hid?: Hid }).hid) {
    this.hid?.addEventListener("connect", () => this.reopen());
    this.hid?.addEventListener("disconnect", (event) => {
      const { device } = event as unknown as { device: Device };
      if (device.productName === this.name) this.lose("is gone");
    });
    void this.reopen();
  }

  // Lets the person choose a device.
  async choose(): Promise<void> {
    if (this.hid === undefined) return this.acts.notice(NO_WEBHID);
    const [device] = await this.hid.requestDevice({ filters: CAP.vendors.map((vendorId) => ({ vendorId, ...CAP.usage })) });
    if (device === undefined) this.acts.notice("No SpaceMouse was chosen. Check that it is plugged in and that the browser may use it.");
    else await this.open(device);
  }

  // Opens a device that was chosen before: the browser remembers the permission.
  private async reopen(): Promise<void> {
    const device = (await this.hid?.getDevices())?.find((each) => CAP.vendors.includes((each as Device & { vendorId: number }).vendorId));
    if (device !== undefined && this.name === null) await this.open(device);
  }

  private async open(device: Device): Promise<void> {
    try {
      if (!device.opened) await device.open();
    } catch {
      return this.acts.notice(`${device.productName} cannot be opened. Another program may be using it; on Linux, a udev rule must allow access.`);
    }
    this.name = device.productName;
    this.acts.notice(`${this.name}: push the cap to act, the left button takes over, the right button hands back. Press T to test it.`);
    device.addEventListener("inputreport", this.hear); // registered once, even if the device is chosen again
  }

  private hear = (event: Event): void => {
    const { reportId, data } = event as unknown as { reportId: number; data: DataView };
    this.take(after(this.cap, reportId, data));
  };

  private take(now: Cap): void {
    const before = this.cap;
    this.cap = now;
    clearTimeout(this.silent); // a pushed cap repeats its report every few milliseconds
    if (Object.values(now.push).some((part) => part !== 0)) {
      this.silent = setTimeout(() => this.lose("fell silent"), 1000 * layout.silence);
    }
    if (now.takesOver && !before.takesOver) this.acts.engage(true);
    if (now.handsBack && !before.handsBack) this.acts.engage(false);
    if (steer(this.acts.hands(), "cap", now.push)) this.acts.changed();
  }

  private lose(how: string): void {
    clearTimeout(this.silent);
    const name = this.name ?? "SpaceMouse";
    if (how === "is gone") this.name = null;
    this.cap = STILL;
    this.acts.lost("device", name, how);
  }
}
