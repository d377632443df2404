"""`python -m mereq.robots.emulator --write lab.toml`: the emulated cell, until Ctrl-C.

A word on its standard input is something that happens in the cell: "stop" and "release" (the emergency stop), "pendant"
and "remote" (its switch), "hide" and "show" (the object's tags), "unplug" and "plug" (the camera).
"""

import argparse
import signal
import sys
import threading
from pathlib import Path

from mereq.robots.cell_file import WIRES, RosEntry
from mereq.robots.emulator.cell import EmulatedCell
from mereq.robots.emulator.server import EmulatorServer
from mereq.tasks.arm.tasks import ARM_TASKS


def main() -> None:
    """Play the cell until SIGINT or SIGTERM."""
    form = argparse.RawDescriptionHelpFormatter
    words = argparse.ArgumentParser(prog="python -m mereq.robots.emulator", description=__doc__, formatter_class=form)
    words.add_argument("--write", type=Path, metavar="FILE", help="write the file that --robot fanuc:FILE reads")
    words.add_argument("--task", choices=[*ARM_TASKS], default="bottle-pushing", help="default: bottle-pushing")
    words.add_argument("--wire", choices=WIRES, default="rmi", help="what moves the arm (default: rmi)")
    words.add_argument(
        "--port", type=int, default=0, help="of RMI or rosbridge (default: any free one; a controller's is 16001)"
    )
    words.add_argument("--stream-port", type=int, default=0, help="of the stream (default: any free one)")
    words.add_argument("--session-port", type=int, default=0, help="of the session (default: any free one)")
    words.add_argument("--size", default="640x480", help="of the camera's pictures (default: 640x480)")
    words.add_argument("--rate", type=float, default=15.0, help="pictures per second (default: 15)")
    words.add_argument("--seed", type=int, default=0, help="of the starts and the noise")
    words.add_argument("--delay", type=float, default=0.0, help="of each answer of the controller [s]")
    arguments = words.parse_args()
    width, height = (int(part) for part in arguments.size.split("x"))
    ended = threading.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, lambda *_: ended.set())
    cell = EmulatedCell(ARM_TASKS[arguments.task], size=(width, height), rate=arguments.rate, seed=arguments.seed)
    ros = RosEntry() if arguments.wire == "rosbridge" else None
    ports = {name: getattr(arguments, name) for name in ("port", "session_port", "stream_port")}
    server = EmulatorServer(cell, **ports, delay=arguments.delay, ros=ros, stream=arguments.wire == "stream")
    with server:
        if arguments.write is not None:
            arguments.write.write_text(server.toml, "utf-8")
        port = server.port if server.stream is None else server.stream.rmi_port
        at = f"{arguments.wire} at 127.0.0.1:{port}, camera at port {server.camera_port}"
        print(f"The emulated cell waits: {at}", flush=True)
        threading.Thread(target=_listen, args=(cell,), daemon=True).start()
        ended.wait()


def _listen(cell: EmulatedCell) -> None:
    """Let happen what is told, until the input ends."""
    for line in sys.stdin:
        try:
            cell.happen(line.strip())
        except KeyError:
            print(f"Nothing is called {line.strip()!r} here. Known: {', '.join(cell.HAPPENINGS)}", flush=True)


if __name__ == "__main__":
    main()
