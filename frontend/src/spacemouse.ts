// A SpaceMouse by WebHID: pushing the cap moves the tool; its left button takes over, the right one hands back.
// Reports: 1 is the cap's translation (3 x int16, about -350 to 350), 3 the buttons, a bit each.

import { beyond, type Acts } from "./gamepad";

const VENDORS = [{ vendorId: 0x256f }, { vendorId: 0x046d, usagePage: 1, usage: 8 }]; // 3Dconnexion; Logitech's old ones
const FULL = 350;

interface Device extends EventTarget {
  productName: string;
  opened: boolean;
  open(): Promise<void>;
}
interface Hid extends EventTarget {
  requestDevice(options: { filters: object[] }): Promise<Device[]>;
}

export function offerSpaceMouse(button: HTMLButtonElement, acts: Acts): void {
  const hid = (navigator as Navigator & { hid?: Hid }).hid;
  if (hid === undefined) {
    button.onclick = () => acts.notice("This browser has no WebHID. Chromium, Chrome and Edge have; or use a gamepad or the keyboard.");
    return;
  }
  button.onclick = async () => {
    const [device] = await hid.requestDevice({ filters: VENDORS });
    if (device === undefined) return acts.notice("No SpaceMouse was chosen. Is it plugged in, and may the browser use it?");
    try {
      if (!device.opened) await device.open();
    } catch {
      return acts.notice(`${device.productName} cannot be opened. Another program may hold it; on Linux, udev must allow it.`);
    }
    acts.notice(`${device.productName}: push the cap to act; the left button takes over, the right one hands back.`);
    let before = 0;
    device.addEventListener("inputreport", (event) => {
      const { reportId, data } = event as unknown as { reportId: number; data: DataView };
      if (reportId === 1 && data.byteLength >= 6) push(acts, data);
      if (reportId !== 3 || data.byteLength < 1) return;
      const now = data.getUint8(0);
      if (now & ~before & 1) acts.engage(true);
      if (now & ~before & 2) acts.engage(false);
      before = now;
    });
  };
  hid.addEventListener("disconnect", (event) => {
    const { device } = event as unknown as { device: Device };
    acts.lost("device", device.productName);
  });
}

// The cap's x is to the right, y towards the person, z down; the tool's +y is to the right, +x towards them, +z up.
function push(acts: Acts, data: DataView): void {
  const [right, towards, down] = [0, 2, 4].map((at) => beyond(Math.max(-1, Math.min(1, data.getInt16(at, true) / FULL))));
  const hands = acts.hands();
  if (hands.takesVectors) {
    const vector = [towards!, right!, -down! + 0];
    hands.push(vector.some((part) => part !== 0) ? vector : null);
  } else {
    hands.keep("cap ArrowUp", towards! < -0.4);
    hands.keep("cap ArrowDown", towards! > 0.4);
    hands.keep("cap ArrowLeft", right! < -0.4);
    hands.keep("cap ArrowRight", right! > 0.4);
  }
  acts.changed();
}
