"""What the benchmarks of `mereq supervise` share: the command as a process, and a page in a headless Chromium."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))  # browser
from browser import FLAGS, chromium

__all__ = ["COMMAND", "FLAGS", "SEE", "SMALL", "Supervise", "chromium", "who"]

COMMAND = (sys.executable, "-c", "import sys; from mereq.cli import main; sys.argv[0] = 'mereq'; main()")
SMALL = {"width": 640, "height": 480}  # a window that costs little to draw


class Supervise:
    """`mereq supervise`, started with these words, and stopped in the end.

    code: a folder that holds the package to run, when it is not the one that is imported here.
    """

    def __init__(self, *words: str, code: Path | None = None, wait: bool = True):
        environment = os.environ | {"JAX_PLATFORMS": "cpu"} | ({"PYTHONPATH": str(code)} if code else {})
        command = [*COMMAND, "supervise", *words, "--no-browser"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.address = ""
        if wait:
            self.wait_for_address()

    def wait_for_address(self) -> None:
        """Until the command has said where its page is, or until its end: then `address` stays empty."""
        assert self.process.stderr is not None
        said = ""
        for line in self.process.stderr:
            said += line
            if found := re.search(r"http://\S+/\?token=\S+", said):
                self.address = found.group()
                return
        self.process.wait()
        if self.process.returncode != -signal.SIGKILL:
            raise SystemExit(f"mereq supervise failed: {said}")

    def memory(self) -> int:
        """What the process holds now [bytes]."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self) -> "Supervise":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


def who(page: Page) -> str:
    """Controller that the page's banner names."""
    return page.inner_text("#who")


# Put into the page before its own program: keeps what the server sent, in the order in which it was drawn.
SEE = """
(() => {
  const seen = {number: 0, view: null, drawn: 0};
  let told = () => {};
  window.seen = seen;
  window.next = async (after) => {
    if (seen.number <= after)
      await Promise.race([new Promise((done) => (told = done)), new Promise((done) => setTimeout(done, 1000))]);
    return seen;
  };
  window.WebSocket = class extends WebSocket {
    constructor(...words) {
      super(...words);
      setTimeout(() => this.addEventListener("message", (event) => { // after the page's own listener
        const message = JSON.parse(event.data);
        if (message.kind !== "view") return;
        requestAnimationFrame(() => {
          Object.assign(seen, {
            number: seen.number + 1, view: message, drawn: performance.timeOrigin + performance.now(),
          });
          told();
        });
      }));
    }
  };
})();
"""
