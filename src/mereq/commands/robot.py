"""`mereq robot check | tags | calibrate | jog`: a cell of real parts, before a run."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from mereq.commands.jog import jog
from mereq.commands.output import words
from mereq.core.errors import MereqError
from mereq.robots.arm import Finding
from mereq.robots.assembly import arm_of, sight_of
from mereq.robots.calibration import calibrated
from mereq.robots.cell import CAMERA_MOVED
from mereq.robots.cell_file import CalibrationEntry, CellFile, read_cell, write_calibration
from mereq.robots.sight.cameras import camera_of
from mereq.robots.sight.detect import apriltag_detector, contrast, grey_of
from mereq.robots.sight.sheets import write_sheets

PICTURES = 30  # of a calibration
LOOKING = 2.0  # s for which `check` looks
DIM = 60.0  # difference of black and white, of 255, below which tags are lost
CORNERS = ("top left", "top right", "bottom right", "bottom left")


def robot(what: str, file: Path, out: Path | None, results: Console, console: Console) -> bool:
    """Do one of the four. Returns whether everything is fine."""
    if what == "tags":
        to = out or Path("tags.pdf")
        n = write_sheets(read_cell(file).tags, to)
        console.print(f"{n} pages are in {to}. Print them without scaling, and measure the ruler.")
        return True
    if what == "calibrate":
        _calibrate(file, console)
        return True
    if what == "jog":
        return jog(read_cell(file), console)
    return _check(read_cell(file), results)


def _check(cell: CellFile, console: Console) -> bool:
    """Print the findings of the arm and of the camera."""
    findings = _part("arm", lambda: _arm_findings(cell)) + _part("camera", lambda: _camera_findings(cell))
    table = Table(box=None, header_style="bold")
    for column in ("", "what", "found", "advice"):
        table.add_column(column)
    for finding in findings:
        mark = words(("✓", "green") if finding.fine else ("✗", "red"))
        table.add_row(mark, finding.what, finding.found, "" if finding.fine else finding.advice)
    console.print(table)
    return all(finding.fine for finding in findings)


def _part(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except MereqError as error:
        return [Finding(name, str(error), False, "see docs/fanuc.md")]


def _arm_findings(cell: CellFile) -> list[Finding]:
    with arm_of(cell) as arm:
        return arm.findings()


def _camera_findings(cell: CellFile) -> list[Finding]:
    with sight_of(cell) as sight:
        time.sleep(LOOKING)
        tracker = sight.tracker()
        rate = tracker.pictures / LOOKING
        picture, seen = tracker.seen()
        shifts = tracker.table_shift()
    found = [Finding("pictures", f"{rate:.0f} a second", rate > 8.0, "use a faster camera, a smaller size, `decimate`")]
    for where, tags in cell.tags.numbers.items():
        for tag in tags:
            if picture is not None and tag in seen:
                light = contrast(grey_of(picture), seen[tag])
                what = f"tag {tag} ({where})"
                found.append(Finding(what, f"contrast {light:.0f} of 255", light > DIM, "put a lamp at the camera"))
        if where != "table":
            n = len(set(tags) & set(seen))
            found.append(Finding(where, f"{n} tags seen", n > 0, "turn it, move the camera, add light"))
    moved = max(shifts.values(), default=np.inf)
    words_ = f"at most {1000 * moved:.1f} mm off" if shifts else "no tag is seen"
    found.append(Finding("table's tags", words_, moved <= CAMERA_MOVED, "calibrate again"))
    return found


def _calibrate(file: Path, console: Console) -> None:
    """Ask for touches at the terminal, look, and write the calibration into the file."""
    cell = read_cell(file)
    side, touched = cell.tags.table.side, {}
    wire = "rmi" if cell.arm.wire == "stream" else cell.arm.wire  # a stream would end when the pendant is on
    with arm_of(replace(cell, calibration=None, arm=replace(cell.arm, wire=wire))) as arm:
        utool = arm.tool_frame()
        console.print(
            "Jog the tool's tip to the corners of the black squares with the pendant, one after the other. Turn the "
            "pendant off again before Enter. An empty `s` skips a tag."
        )
        for tag in cell.tags.table.ids:
            corners = []
            for corner in CORNERS:
                if input(f"Tag {tag}, {corner} corner: ").strip() == "s":
                    break
                corners.append(arm.tool())
            if len(corners) == len(CORNERS):
                touched[tag] = np.array(corners)
    detect, pictures = apriltag_detector(cell.camera.decimate), []
    with camera_of(cell.camera) as camera:
        intrinsics = cell.camera.intrinsics or camera.intrinsics()
        for _ in range(PICTURES):
            pictures.append(detect(grey_of(camera.read().picture)))
    found = calibrated(touched, side, pictures, intrinsics)
    pose = np.column_stack([found.camera.rotation, found.camera.position])
    entry = CalibrationEntry(
        camera=pose.tolist(),
        table={str(tag): corners.tolist() for tag, corners in found.corners.items()},
        utool=utool,
        residual_mm=1000.0 * found.residual,
    )
    write_calibration(file, entry)
    console.print(
        f"Calibrated: touches within {1000 * found.residual:.2f} mm, the camera within {found.error:.2f} px. "
        f"It is written to {file}."
    )
