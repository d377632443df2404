"""Infos of vector environments, compared to the last bit."""

import numpy as np


def assert_equal_infos(ours, theirs):
    assert set(ours) == set(theirs)
    for key, value in ours.items():
        if isinstance(value, dict):
            assert_equal_infos(value, theirs[key])
        elif value.dtype == object:
            for our, their in zip(value, theirs[key], strict=True):
                np.testing.assert_array_equal(our, their)
        else:
            np.testing.assert_array_equal(value, theirs[key])
