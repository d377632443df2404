"""Cost of an acknowledged step: `RunWriter.add_step` at a person's pace, surviving power cuts or not.

    python benchmarks/speed/store_latency.py --folder runs --seconds 20

Prints the median, the 99th percentile and the maximum of the time per step [ms], and the share of the time between two
steps. The folder decides which disk is measured.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from mereq.core.supervisor import Controller, SeenFrame
from mereq.interventions.rollout import SupervisedStep
from mereq.store.run_writer import RunWriter

OBS = np.zeros(25, np.float32)


def measure(folder: Path, hz: float, seconds: float, survive: str) -> np.ndarray:
    """Times of `add_step` [s] at a pace; `survive`: "power cut" or "death"."""
    times = []
    with tempfile.TemporaryDirectory(dir=folder) as name, RunWriter.create(Path(name) / "run", {}) as writer:
        writer.database.survive(survive)
        for number in range(int(hz * seconds)):
            made = SupervisedStep(
                episode=0,
                step=number,
                obs=OBS,
                proposed=np.int64(1),
                executed=np.int64(1),
                controller=Controller.POLICY,
                next_obs=OBS,
                features=np.zeros(3),
                terminated=False,
                truncated=False,
                retracts=0,
                seen=SeenFrame(number, 0.0, 0.0),
            )
            begun = time.perf_counter()
            writer.add_step(made)
            times.append(time.perf_counter() - begun)
            time.sleep(max(0.0, 1 / hz - times[-1]))
    return np.array(times)


def main() -> None:
    """Measure at 10 and 20 Hz."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    for hz in (10.0, 20.0):
        for survive in ("death", "power cut"):
            times = 1000 * measure(given.folder, hz, given.seconds, survive)
            median, late, most = np.percentile(times, [50, 99, 100])
            share = median * hz / 10
            print(f"{hz:g} Hz, survives {survive:9s}: {median:.2f} {late:.2f} {most:.2f} ms, {share:.1f} % of a step")


if __name__ == "__main__":
    main()
