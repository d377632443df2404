"""Expected information of a decision: against the mean reduction of the entropy of a discrete posterior."""

import numpy as np

from mereq.irl.information import information_of_a_decision


def test_it_is_the_mean_reduction_of_the_posteriors_entropy():
    weights, takeover = np.array([0.5, 0.3, 0.2]), np.array([[0.1, 0.6, 0.9], [0.4, 0.4, 0.4], [0.0, 0.0, 1.0]])
    before = -(weights * np.log(weights)).sum()
    for p, found in zip(takeover, information_of_a_decision(takeover, weights), strict=True):
        after = 0.0
        for likelihood in (p, 1.0 - p):
            joint = weights * likelihood
            posterior = joint[joint > 0] / joint.sum()
            after -= joint.sum() * (posterior * np.log(posterior)).sum()
        np.testing.assert_allclose(found, before - after, atol=1e-12)
