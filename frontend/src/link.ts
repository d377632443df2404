// The WebSocket to the server, and the reaction when it is closed.

import type { Command, FromServer, Input } from "./messages";

// Codes with which the server closes a WebSocket: mereq/web/server.py.
const [GOING_AWAY, OCCUPIED, TAKEN] = [1001, 4409, 4410];

// Why there is no connection, and what follows: reconnect at once, wait for the person to take control here, or nothing more.
export interface Loss {
  reason: string;
  then: "reconnect" | "take control" | "end";
}

export function lossOf(code: number, reason: string): Loss {
  if (code === GOING_AWAY) return { reason: reason || "The program has ended.", then: "end" };
  const then = code === OCCUPIED || code === TAKEN ? "take control" : "reconnect";
  return { reason: reason || "There is no connection to the program.", then };
}

export class Link {
  private socket: WebSocket | null = null;

  constructor(
    private received: (message: FromServer) => void,
    private lost: (loss: Loss) => void,
  ) {}

  connect(take = false): void {
    const token = new URLSearchParams(location.search).get("token") ?? "";
    const query = new URLSearchParams({ token, ...(take ? { take: "1" } : {}) });
    const socket = new WebSocket(`ws://${location.host}/wheel?${query}`);
    this.socket = socket;
    socket.onmessage = (event) => this.received(JSON.parse(event.data as string) as FromServer);
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      const loss = lossOf(event.code, event.reason);
      this.lost(loss);
      if (loss.then === "reconnect") setTimeout(() => this.socket === null && this.connect(), 1000);
    };
  }

  say(message: Input | Command): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
