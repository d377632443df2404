// The WebSocket to the server, and what to do when it is gone.

import type { Command, FromServer, Input } from "./messages";

const OCCUPIED = 4409;
const TAKEN = 4410;

export class Link {
  private socket: WebSocket | null = null;

  constructor(
    private received: (message: FromServer) => void,
    private lost: (reason: string, takeOver: boolean) => void,
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
      if (event.code === OCCUPIED || event.code === TAKEN) this.lost(event.reason, true);
      else {
        this.lost(event.reason || "There is no connection to the program.", false);
        setTimeout(() => this.socket === null && this.connect(), 1000);
      }
    };
  }

  say(message: Input | Command): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
