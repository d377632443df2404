"""Model card of the highway: speed, lanes and crashes."""

from typing import Any

import numpy as np

from mereq.evaluation.rollouts import Evaluation

SPEED_OF_ONE = 80.0  # m/s that the observation's vx = 1 represents


def highway_card(evaluation: Evaluation) -> dict[str, Any]:
    """Model card: crashes, speeds and lanes, which the mean features do not show."""
    speed = evaluation.next_obs[:, 3] * SPEED_OF_ONE
    lanes, counts = np.unique(evaluation.features[:, 2], return_counts=True)
    names = {0.0: "left", 0.5: "middle", 1.0: "right"}
    return {
        "crash_rate": round(float(evaluation.terminated.mean()), 4),
        "speed_mean": round(float(speed.mean()), 2),
        "speed_quartiles": [round(float(q), 2) for q in np.quantile(speed, [0.25, 0.5, 0.75])],
        "lane_shares": {
            names.get(lane, f"{lane:g}"): round(float(share), 4)
            for lane, share in zip(lanes, counts / counts.sum(), strict=True)
        },
    }
