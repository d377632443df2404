"""What supervising needs, beyond what `mereq.experiments.doctor` looks for."""

import os
import sys
import webbrowser

from mereq.experiments.doctor import Finding, version
from mereq.web.devices.spacemouse import RULE, spacemice

PACKAGES = ("starlette", "uvicorn", "websockets")


def examine_supervision() -> list[Finding]:
    """Look at the server's packages, the browser, and SpaceMice at this machine."""
    findings = [Finding(name, version(name), "the page of `mereq supervise`", True) for name in PACKAGES]
    findings.append(
        Finding(
            "browser with a window",
            _browser(),
            "opening the page; or open it elsewhere, through  ssh -L 8000:127.0.0.1:8000 MACHINE  and --port 8000",
            False,
        )
    )
    mice = spacemice()
    for mouse in mice:
        purpose = "`mereq supervise --device spacemouse`"
        if not mouse.may_be_read:
            purpose += f"; you may not read it: put  {RULE}  into /etc/udev/rules.d/70-spacemouse.rules"
        state = "may be read" if mouse.may_be_read else "may not be read"
        findings.append(Finding("SpaceMouse", f"{mouse.name}, {mouse.path}: {state}", purpose, False))
    if not mice:
        findings.append(
            Finding(
                "SpaceMouse at this machine", "", "`--device spacemouse`, on Linux; the page's needs nothing", False
            )
        )
    return findings


def has_windows() -> bool:
    """Whether a browser could show a window here."""
    return sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ


def _browser() -> str:
    try:
        found = webbrowser.get() if has_windows() else None
    except webbrowser.Error:
        return ""
    return "" if found is None else getattr(found, "name", type(found).__name__)
