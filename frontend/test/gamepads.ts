// Gamepads for tests.

export function pad(axes: number[] = [0, 0, 0, 0], pressed: Record<number, number> = {}, about: Partial<Gamepad> = {}): Gamepad {
  const buttons = Array.from({ length: 17 }, (_, i) => ({ value: pressed[i] ?? 0, pressed: (pressed[i] ?? 0) > 0, touched: false }));
  return { id: "Pad (fake)", mapping: "standard", connected: true, axes, buttons, ...about } as unknown as Gamepad;
}
