"""Random stream for compiled code: NumPy's PCG64 (XSL-RR 128/64) and the draws that highway-env makes from it.

It equals, bit for bit, `numpy.random.Generator(numpy.random.PCG64(seed))`. A stream is six words, in place of
`PCG64.state`: the 128-bit state and increment (high half first), whether half a draw is kept, and that half.
"""

import numpy as np
from gymnasium.utils import seeding
from jaxtyping import UInt64

from mereq.tasks.highway.compiling import compiled

N_WORDS = 6
STATE_HIGH, STATE_LOW, INCREMENT_HIGH, INCREMENT_LOW, HAS_HALF, HALF = range(N_WORDS)

MULTIPLIER_HIGH = np.uint64(0x2360ED051FC65DA4)
MULTIPLIER_LOW = np.uint64(0x4385DF649FCCF645)
LOW_32 = np.uint64(0xFFFFFFFF)
ONE, ELEVEN, THIRTY_TWO, FIFTY_EIGHT, SIXTY_THREE = (np.uint64(n) for n in (1, 11, 32, 58, 63))
ZERO = np.uint64(0)
UNIT = 1.0 / 9007199254740992.0  # 2^-53


def words_from_seed(seed: int | None) -> UInt64[np.ndarray, "6"]:
    """Stream of Gymnasium's seeding with `seed` (random if None).

    Raises:
        gymnasium.error.Error: `seed` is neither None nor a non-negative integer.
    """
    generator, _ = seeding.np_random(seed)
    return words_from_generator(generator)


def words_from_generator(generator: np.random.Generator) -> UInt64[np.ndarray, "6"]:
    """Stream in the present state of a NumPy generator, which must be a PCG64."""
    bits = generator.bit_generator.state
    state, increment = bits["state"]["state"], bits["state"]["inc"]
    halves = (state >> 64, state & (2**64 - 1), increment >> 64, increment & (2**64 - 1))
    return np.array([*halves, bits["has_uint32"], bits["uinteger"]], dtype=np.uint64)


@compiled
def high_half_of_product(a, b):
    """Upper 64 bits of the 128-bit product of two 64-bit words."""
    a_high, a_low = a >> THIRTY_TWO, a & LOW_32
    b_high, b_low = b >> THIRTY_TWO, b & LOW_32
    middle = a_high * b_low + ((a_low * b_low) >> THIRTY_TWO)
    other_middle = a_low * b_high + (middle & LOW_32)
    return a_high * b_high + (middle >> THIRTY_TWO) + (other_middle >> THIRTY_TWO)


@compiled
def next_64_bits(words):
    """Next 64 random bits: a step of the generator, then the xor of its halves, rotated by the top six bits."""
    high, low = words[STATE_HIGH], words[STATE_LOW]
    product_high = high_half_of_product(low, MULTIPLIER_LOW) + high * MULTIPLIER_LOW + low * MULTIPLIER_HIGH
    new_low = low * MULTIPLIER_LOW + words[INCREMENT_LOW]
    carry = ONE if new_low < words[INCREMENT_LOW] else ZERO
    new_high = product_high + words[INCREMENT_HIGH] + carry
    words[STATE_HIGH], words[STATE_LOW] = new_high, new_low
    mixed = new_high ^ new_low
    turn = new_high >> FIFTY_EIGHT
    return (mixed >> turn) | (mixed << ((SIXTY_THREE - turn + ONE) & SIXTY_THREE))


@compiled
def next_32_bits(words):
    """Next 32 random bits: the low half of a draw, then its high half at the next call, as in `numpy.random`."""
    if words[HAS_HALF] != ZERO:
        words[HAS_HALF] = ZERO
        return words[HALF]
    drawn = next_64_bits(words)
    words[HAS_HALF] = ONE
    words[HALF] = drawn >> THIRTY_TWO
    return drawn & LOW_32


@compiled
def uniform(words, low, high):
    """Random number of `Generator.uniform(low, high)`."""
    return low + (high - low) * (float(next_64_bits(words) >> ELEVEN) * UNIT)


@compiled
def choose(words, n):
    """Random number of `Generator.choice(n)`: Lemire's method on 32-bit draws; no draw if n is 1."""
    if n == 1:
        return 0
    choices = np.uint64(n)
    product = next_32_bits(words) * choices
    if product & LOW_32 < choices:
        threshold = (LOW_32 - (choices - ONE)) % choices
        while product & LOW_32 < threshold:
            product = next_32_bits(words) * choices
    return np.int64(product >> THIRTY_TWO)
