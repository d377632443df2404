"""The compiled highway is highway-env: every vehicle, every flag, every observation, whole episodes."""

from dataclasses import replace
from itertools import pairwise

import numba
import numpy as np
import pytest

from mereq.tasks.highway import engine as engine_module
from mereq.tasks.highway import random_bits
from mereq.tasks.highway.config import FASTER, IDLE, LANE_RIGHT, HighwayConfig
from mereq.tasks.highway.engine import HighwayEngine
from mereq.tasks.highway.reference import compare_episode, compare_state, reference_env
from mereq.tasks.highway.road import car_ahead, car_behind
from mereq.tasks.highway.state import COS, DELTA, HEADING, SIN, SPEED, TARGET_SPEED, TIMER, X, Y, cars_in

pytestmark = pytest.mark.paper("App. A.1.1 highway, features")

TASK, HIGHWAY_V0, HIGHWAY_FAST_V0 = HighwayConfig.TASK, HighwayConfig.HIGHWAY_V0, HighwayConfig.HIGHWAY_FAST_V0

# name: config, seeds, number of steps after a crash, most steps of an episode
EPISODES = {
    "task": (TASK, 2, 0, 40),
    "task, all lanes right": (TASK, 1, 0, 40),
    "highway-v0": (HIGHWAY_V0, 1, 0, 6),
    "highway-fast-v0": (HIGHWAY_FAST_V0, 2, 0, 30),
    "past the crash": (replace(TASK, vehicles=20, density=1.5), 2, 8, 40),
    "two lanes, dense": (replace(TASK, lanes=2, density=2.0, vehicles=14), 3, 4, 40),
    "five lanes, sparse": (replace(TASK, lanes=5, density=0.5, vehicles=10), 1, 4, 40),
    "five lanes, 10 Hz, policy at 2 Hz": (replace(TASK, lanes=5, vehicles=12, simulation_hz=10, policy_hz=2), 2, 4, 30),
    "one lane": (replace(TASK, lanes=1, vehicles=4), 2, 4, 40),
    "empty road": (replace(TASK, vehicles=0), 1, 0, 40),
}


@pytest.mark.parametrize("name", EPISODES)
def test_whole_episodes_equal_highway_env(name):
    config, n_seeds, beyond_crash, max_steps = EPISODES[name]
    engine, env = HighwayEngine(config), reference_env(config)
    rng = np.random.default_rng(len(name))

    def choose(_obs):
        return LANE_RIGHT if name.endswith("right") else int(rng.integers(5))

    for seed in range(n_seeds):
        worst = compare_episode(engine, env, seed, choose, max_steps, beyond_crash)
        assert worst.flags == 0, worst
        assert worst.continuous < 1e-9, worst
        assert worst.features < 1e-9, worst
        assert worst.obs <= 1e-6, worst


def test_without_a_seed_the_random_stream_goes_on_as_in_highway_env():
    config = replace(TASK, vehicles=6, lanes=3)
    engine, env = HighwayEngine(config), reference_env(config)
    env.reset(seed=3)
    engine.reset(seeds=[3])
    for _ in range(5):
        env.reset()
        engine.reset()
        assert compare_state(engine, env).continuous < 1e-9


def adopt(engine, env):
    """Put highway-env's vehicles into environment 0 of the engine."""
    state, cars = engine.state, env.road.vehicles
    headings = np.array([car.heading for car in cars])
    rows = {
        X: [car.position[0] for car in cars],
        Y: [car.position[1] for car in cars],
        HEADING: headings,
        COS: np.cos(headings),
        SIN: np.sin(headings),
        SPEED: [car.speed for car in cars],
        TARGET_SPEED: [car.target_speed for car in cars],
        DELTA: [0.0] + [car.DELTA for car in cars[1:]],
        TIMER: [0.0] + [car.timer for car in cars[1:]],
    }
    for row, values in rows.items():
        state.reals[0, row] = values
    state.lane[0] = [car.lane_index[2] for car in cars]
    state.target_lane[0] = [car.target_lane_index[2] for car in cars]
    order = sorted(range(len(cars)), key=lambda car: (cars[car].position[0], car))
    state.wholes[0, 2] = [car.crashed for car in cars]
    state.wholes[0, 3] = 0
    state.wholes[0, 4] = order
    state.wholes[0, 5] = np.argsort(order)


def scatter(env, rng, *, wild, grid):
    """Crowd highway-env's vehicles into odd places.

    `wild`: overlapping, at any heading, off the road, past its ends, at any speed. `grid`: several at the same x.

    Vehicles that are exactly parallel are not put side by side overlapping: the push that parts them leaves a gap of 0
    give or take a rounding error, and highway-env itself, whose sines depend on the CPU, then goes either way.
    """
    start = rng.choice([0.0, 500.0, 9990.0]) if wild else 500.0
    n_lanes = env.config["lanes_count"]
    cells = rng.permutation(5 * n_lanes)
    for cell, car in zip(cells, env.road.vehicles, strict=False):
        askew = wild or rng.random() < 0.5
        lane = cell % n_lanes if grid else rng.integers(n_lanes)
        x = start + (7.0 * (cell // n_lanes) if grid else rng.uniform(-20.0, 40.0))
        y = 4.0 * lane + (rng.normal(0.0, 2.0 if wild else 0.7) if askew else 0.0)
        car.position = np.array([x, y])
        car.heading = rng.normal(0.0, 1.5 if wild else 0.15) if askew else 0.0
        car.speed = rng.uniform(-5.0, 45.0) if wild else rng.uniform(15.0, 30.0)
        car.crashed = bool(rng.random() < 0.15)
        if hasattr(car, "timer"):
            car.timer = rng.uniform(0.0, 1.3)
        car.on_state_update()
        target = car.lane_index[2] + (rng.integers(-1, 2) if rng.random() < 0.4 else 0)
        car.target_lane_index = ("0", "1", int(np.clip(target, 0, n_lanes - 1)))


@pytest.mark.parametrize(("wild", "grid"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("check_all", [True, False])
def test_pile_ups_equal_highway_env(wild, grid, check_all):
    """From crowded scenes: ties along the road, several impacts on one vehicle, the end of the road."""
    config = replace(TASK, vehicles=7, check_all_collisions=check_all)
    engine, env = HighwayEngine(config), reference_env(config)
    rng = np.random.default_rng(1 + wild + 2 * grid)
    crashes = 0
    for seed in range(25):
        env.reset(seed=seed)
        engine.reset(seeds=[seed])
        scatter(env, rng, wild=wild, grid=grid)
        adopt(engine, env)
        for _ in range(2):
            action = int(rng.integers(5))
            obs, *_ = env.step(action)
            outputs = engine.step([action])
            now = compare_state(engine, env)
            assert now.flags == 0, (seed, now)
            assert now.continuous < 1e-9, (seed, now)
            assert np.abs(outputs.obs[0] - obs.ravel()).max() <= 1e-6
        crashes += int(engine.state.crashed.sum())
    assert crashes > 25


@numba.njit
def neighbours(reals, wholes, lane):
    cars = cars_in(reals, wholes, 0)
    return [(car_ahead(cars, car, lane), car_behind(cars, car, lane)) for car in range(cars.n)]


def reference_neighbours(road, lane):
    numbers = {car: number for number, car in enumerate(road.vehicles)} | {None: -1}
    return [tuple(numbers[other] for other in road.neighbour_vehicles(car, ("0", "1", lane))) for car in road.vehicles]


@pytest.mark.parametrize("grid", [False, True])
def test_decisions_in_dense_traffic_equal_highway_env(grid):
    """One frame in which nearly everyone thinks about changing lanes, many of them between two lanes."""
    config = replace(TASK, lanes=4, vehicles=24, policy_hz=5)
    engine, env = HighwayEngine(config), reference_env(config)
    rng = np.random.default_rng(5)
    changes = 0
    for seed in range(35):
        env.reset(seed=seed)
        engine.reset(seeds=[seed])
        cells = rng.permutation(10 * config.lanes)
        for cell, car in zip(cells, env.road.vehicles, strict=False):
            x = 500.0 + (9.0 * (cell // config.lanes) if grid else rng.uniform(0.0, 150.0))
            car.position = np.array([x, 4.0 * (cell % config.lanes) + rng.choice([0.0, rng.uniform(-1.95, 1.95)])])
            car.speed = rng.uniform(12.0, 30.0)
            if car is not env.vehicle:
                car.timer = rng.uniform(0.9, 1.5)
                car.target_speed = rng.uniform(12.0, 35.0)
            car.on_state_update()
            aim = car.lane_index[2] + (rng.integers(-1, 2) if rng.random() < 0.2 else 0)
            car.target_lane_index = ("0", "1", int(np.clip(aim, 0, config.lanes - 1)))
        adopt(engine, env)
        lane = seed % config.lanes
        assert neighbours(engine.state.reals, engine.state.wholes, lane) == reference_neighbours(env.road, lane)
        before = engine.state.target_lane.copy()
        env.step(IDLE)
        engine.step([IDLE])
        now = compare_state(engine, env)
        assert now.flags == 0, (seed, now)
        assert now.continuous < 1e-9, (seed, now)
        changes += np.count_nonzero(engine.state.target_lane != before)
    assert changes > 30


@numba.njit
def draw_from(words, kinds):
    drawn = np.zeros(len(kinds))
    for i, kind in enumerate(kinds):
        drawn[i] = random_bits.uniform(words, -2.0, 7.5) if kind == 0 else random_bits.choose(words, kind)
    return drawn


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**40])
def test_the_compiled_generator_is_numpys(seed):
    kinds = np.random.default_rng(99).choice([0, 1, 2, 3, 4, 5, 7, 3_000_000_000], size=2000)
    theirs = np.random.Generator(np.random.PCG64(seed))
    words = random_bits.words_from_seed(seed)
    expected = [theirs.uniform(-2.0, 7.5) if kind == 0 else theirs.choice(kind) for kind in kinds]
    np.testing.assert_array_equal(draw_from(words, kinds), expected)
    np.testing.assert_array_equal(words, random_bits.words_from_generator(theirs))


def drive(engine, actions):
    """The trace of a drive: every output of every step."""
    return [np.concatenate([part.ravel() for part in engine.step(action)]) for action in actions]


def random_actions(n_steps, n_envs, seed=0):
    return np.random.default_rng(seed).integers(0, 5, (n_steps, n_envs))


def test_a_restored_state_repeats_the_drive_bit_for_bit():
    engine = HighwayEngine(replace(TASK, duration=7), 3, autoreset=True)
    engine.reset(seeds=[1, 2, 3])
    drive(engine, random_actions(5, 3))
    saved = engine.save()
    first = drive(engine, random_actions(30, 3, seed=1))
    other = HighwayEngine(replace(TASK, duration=7), 3, autoreset=True)
    for resumed in (engine, other):
        resumed.restore(saved)
        np.testing.assert_array_equal(drive(resumed, random_actions(30, 3, seed=1)), first)


def test_a_saved_state_shares_no_memory_with_the_engine():
    engine = HighwayEngine(TASK)
    saved = engine.save()
    assert not any(np.shares_memory(ours, theirs) for ours in engine.state for theirs in saved)


def test_environments_in_a_batch_are_those_stepped_alone():
    config, actions = replace(TASK, duration=9), random_actions(25, 4)
    batch = HighwayEngine(config, 4, autoreset=True)
    batch.reset(seeds=[5, 6, 7, 8])
    singles = [HighwayEngine(config, autoreset=True) for _ in range(4)]
    for env, single in enumerate(singles):
        single.reset(seeds=[5 + env])
    for action in actions:
        together = batch.step(action)
        for env, single in enumerate(singles):
            for ours, theirs in zip(together, single.step(action[env : env + 1]), strict=True):
                np.testing.assert_array_equal(ours[env], theirs[0])


def test_autoreset_starts_the_next_episode_of_the_same_stream_within_the_step():
    config = replace(TASK, duration=5)
    engine, plain = HighwayEngine(config, 2, autoreset=True), HighwayEngine(config, 2)
    engine.reset(seeds=[0, 1])
    plain.reset(seeds=[0, 1])
    for step, action in enumerate(random_actions(12, 2)):
        ours, theirs = engine.step(action), plain.step(action)
        over = theirs.terminated | theirs.truncated
        for name in ("next_obs", "features", "speed", "on_road", "terminated", "truncated"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        np.testing.assert_array_equal(ours.obs[~over], ours.next_obs[~over])
        if over.any():
            assert step >= 4 or theirs.terminated[over].all()
            np.testing.assert_array_equal(ours.obs[over], plain.reset(mask=over).obs[over])
    np.testing.assert_array_equal(engine.state.random, plain.state.random)


def test_truncation_comes_at_the_duration_and_not_with_termination_of_its_own():
    engine = HighwayEngine(replace(TASK, vehicles=0, duration=3))
    flags = [(out.terminated[0], out.truncated[0]) for out in (engine.step([IDLE]) for _ in range(4))]
    assert flags == [(False, False), (False, False), (False, True), (False, True)]


def test_the_same_seed_gives_the_same_drive_and_another_seed_another():
    actions = random_actions(10, 1)

    def trace(seed):
        engine = HighwayEngine(TASK)
        engine.reset(seeds=[seed])
        return np.array(drive(engine, actions))

    np.testing.assert_array_equal(trace(4), trace(4))
    assert np.abs(trace(4) - trace(5)).max() > 0.01
    starts = {HighwayEngine(TASK).state.x[0, 1] for _ in range(4)}
    assert len(starts) == 4, "without a seed every engine has entropy of its own"


def test_a_masked_reset_leaves_the_others_alone():
    engine = HighwayEngine(TASK, 3)
    engine.reset(seeds=[1, 2, 3])
    engine.step([IDLE, FASTER, IDLE])
    before = engine.save()
    engine.reset(seeds=[9, 9, 9], mask=np.array([False, True, False]))
    for ours, theirs in zip(engine.state, before, strict=True):
        np.testing.assert_array_equal(ours[[0, 2]], theirs[[0, 2]])
    assert engine.state.time.tolist() == [1.0, 0.0, 1.0]
    alone = HighwayEngine(TASK)
    np.testing.assert_array_equal(engine.outputs.obs[1], alone.reset(seeds=[9]).obs[0])


def test_the_film_shows_every_simulation_frame_and_changes_nothing():
    plain, filmed = HighwayEngine(TASK, 2), HighwayEngine(TASK, 2, film=True)
    fine = HighwayEngine(replace(TASK, policy_hz=5), 2)
    for engine in (plain, filmed, fine):
        engine.reset(seeds=[1, 2])
    np.testing.assert_array_equal(drive(plain, [[FASTER, IDLE]]), drive(filmed, [[FASTER, IDLE]]))
    scenes = filmed.film_scenes(env=1)
    assert len(scenes) == 5
    for scene in scenes:  # with one frame a step, idling steps equal the frames within a step
        fine.step([FASTER if scene is scenes[0] else IDLE, IDLE])
        np.testing.assert_array_equal(scene.x, fine.state.x[1])
        np.testing.assert_array_equal(scene.heading, fine.state.heading[1])
    assert all(later.x[0] > earlier.x[0] for earlier, later in pairwise(scenes))
    for last, now in zip(scenes[-1], filmed.scene(env=1), strict=True):
        np.testing.assert_array_equal(last, now)


def test_after_one_use_the_engine_is_compiled():
    engine_module.warm_up()
    assert engine_module.is_compiled()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lanes", 0),
        ("vehicles", -1),
        ("vehicles", 10**6),
        ("simulation_hz", 0),
        ("policy_hz", 6),
        ("duration", 0.0),
        ("density", -1.0),
        ("ego_spacing", float("nan")),
        ("duration", float("inf")),
    ],
)
def test_a_config_out_of_range_is_refused(field, value):
    with pytest.raises(ValueError, match=rf"{field} is {value}; allowed is"):
        replace(TASK, **{field: value})


@pytest.mark.parametrize("actions", [[0], [0, 1, 2], [[0], [1]], [0.0, 1.0], [True, False], [0, 5], [-1, 0]])
def test_wrong_actions_are_refused_and_nothing_moves(actions):
    engine = HighwayEngine(TASK, 2)
    before = engine.save()
    with pytest.raises(ValueError, match="allowed is"):
        engine.step(np.array(actions))
    for ours, theirs in zip(engine.state, before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_mistakes_are_refused():
    engine = HighwayEngine(TASK, 2)
    with pytest.raises(ValueError, match="n_envs is 0; allowed is"):
        HighwayEngine(TASK, 0)
    with pytest.raises(ValueError, match="3 seeds were given; allowed is"):
        engine.reset(seeds=[1, 2, 3])
    with pytest.raises(ValueError, match="mask has shape"):
        engine.reset(mask=np.ones(3, dtype=np.bool_))
    with pytest.raises(ValueError, match="same config and n_envs"):
        engine.restore(HighwayEngine(TASK, 3).save())
    with pytest.raises(ValueError, match="keeps no frames"):
        engine.film_scenes()
