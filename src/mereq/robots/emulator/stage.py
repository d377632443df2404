"""The emulated table: the task's MuJoCo model with tags, a second lamp and a camera, and its spoilt pictures."""

# MuJoCo's classes are compiled, and pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float, UInt8

from mereq.robots.cell_file import CubeEntry
from mereq.robots.emulator.canvas import Canvas
from mereq.robots.sight.pose import Intrinsics, Pose, quaternion_of
from mereq.robots.sight.tags import INK, TagFace, flat_tag, tag_picture
from mereq.tasks.arm.world import Setup

FOVY = 42.0  # of a RealSense D435's colour camera at 16:9 [deg]
EYE, LOOKED_AT = np.array([1.18, -0.42, 0.62]), np.array([0.56, 0.0, 0.14])  # opposite the robot [m]
CUBE, CUBE_HEIGHT = 0.056, 0.125  # side, and its middle above the bottle's [m]
CUBE_AHEAD = 0.046  # of its middle from the bottle's axis: on the neck, the tool's holder would run into it [m]
LAMP = np.array([1.35, -0.55, 1.2])  # beside the camera, so that the tags are bright which it sees [m]
CUBE_TAGS, GOAL_TAG, TABLE_TAGS = (0, 1, 2, 3, 4), 10, (20, 21, 22, 23)
PILLOW_TAGS = (5, 6, 7, 8, 9)
# By object. The pillow's is on a bracket towards the camera, where no finger comes, and dark: beside a bright table the
# white frame of an oblique tag is too narrow for the detector, which then sees a larger tag.
CUBES = {
    "bottle": CubeEntry(list(CUBE_TAGS), CUBE, CUBE_HEIGHT, CUBE_AHEAD),
    "pillow": CubeEntry(list(PILLOW_TAGS), 0.068, 0.03, 0.11, CUBE, -90.0),
}
FLAT_SIDE = 0.064  # of the black square of the goal's and the table's tags [m]
TABLE_PLACES = np.array([[0.36, 0.27], [0.36, -0.24], [0.80, 0.24], [0.66, -0.24]])  # middles [m]
THICKNESS = 0.0005  # of paper, which keeps the picture above the table [m]
MODULE = 24  # pixels of a texture per module of a tag
NOISE, DARK = 4.0, 8.0  # of the sensor: standard deviation, and what it reports in the dark, of 255
EXPOSURE = (0.85, 1.1)
CAMERA = "d435"


@dataclass
class Faults:
    """What can go wrong in front of the camera; each field may be changed at any time."""

    exposure: tuple[float, float] = EXPOSURE  # brightness is uniform in this range
    noise: float = NOISE
    hidden: set[int] = field(default_factory=set[int])  # tags that something covers
    lost: float = 0.0  # probability that a picture does not arrive
    moved: Float[np.ndarray, "3"] = field(default_factory=lambda: np.zeros(3))  # displacement of the camera [m]


class Stage:
    """The emulated table.

    Args:
        setup: physics of the task.
        size: of the pictures, width and height.
        seed: of noise and exposure.
    """

    def __init__(self, setup: Setup, size: tuple[int, int] = (1280, 720), seed: int = 0):
        self.size, self.faults = size, Faults()
        self.model = _model(setup, size)
        self._canvas: Canvas | None = None
        self._rng = np.random.default_rng(seed)
        self._noise = self._rng.standard_normal(size[::-1], np.float32)
        self._eye = self.model.cam_pos[0].copy()

    @property
    def intrinsics(self) -> Intrinsics:
        """Projection of the camera."""
        width, height = self.size
        focal = height / 2.0 / float(np.tan(np.radians(FOVY / 2.0)))
        return Intrinsics((focal, focal), (width / 2.0, height / 2.0), self.size)

    @property
    def camera(self) -> Pose:
        """Pose of the camera where it was set up, in the table's frame."""
        right, up, backwards = _axes_of_camera()
        return Pose(np.stack([right, -up, -backwards], axis=1), EYE.copy())

    def picture(self, data: mujoco.MjData) -> UInt8[np.ndarray, "height width 3"] | None:
        """What the camera sees now, with blur (0.63 px), exposure and noise; None if the picture is lost."""
        if self._rng.uniform() < self.faults.lost:
            return None
        self.model.cam_pos[0] = self._eye + self.faults.moved
        for tag in range(len(self.model.geom_group)):
            name = self.model.geom(tag).name
            if name.startswith("tag"):
                self.model.geom_rgba[tag, 3] = 0.0 if int(name.removeprefix("tag")) in self.faults.hidden else 1.0
        if self._canvas is None:
            self._canvas = Canvas(self.model, self.size)
        return self._spoilt(self._canvas.picture(data, CAMERA))

    def close(self) -> None:
        """Free the graphics."""
        if self._canvas is not None:
            self._canvas.close()
            self._canvas = None

    def _spoilt(self, sharp: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 3"]:
        """Lens, exposure and sensor. Noise is equal in the three channels, and drawn from a table: it is costly."""
        summed = sharp.astype(np.uint16)
        for axis in (0, 1):
            summed = 3 * summed + np.roll(summed, 1, axis) + np.roll(summed, -1, axis)
        gain = self._rng.uniform(*self.faults.exposure) / 25.0
        exposed = np.rint(np.arange(25 * 255 + 1) * gain + DARK).astype(np.int16)[summed]
        noise = np.roll(self._noise, self._rng.integers(0, self.size[::-1]), (0, 1))
        exposed += np.rint(noise * self.faults.noise).astype(np.int16)[:, :, None]
        return exposed.clip(0, 255).astype(np.uint8)


def _model(setup: Setup, size: tuple[int, int]) -> mujoco.MjModel:
    """The task's model with everything that only the camera sees. Its physics are not changed."""
    spec = setup.spec()
    spec.visual.global_.offwidth, spec.visual.global_.offheight = size
    spec.visual.quality.offsamples = 4
    for name, side in (("cube", CUBE), ("flat", FLAT_SIDE / INK)):
        _add_square(spec, name, side)
    for name, entry in CUBES.items():
        if (body := spec.body(name)) is not None:
            _add_cube(spec, body, entry)
    if spec.body("bottle") is not None:
        goal = spec.worldbody.add_body(name="goal_tag", mocap=True, pos=[0.7, 0.0, 0.0])
        _add_tag(spec, goal, flat_tag(GOAL_TAG, FLAT_SIDE, (0.0, 0.0, THICKNESS)), "flat")
    for tag, (x, y) in zip(TABLE_TAGS, TABLE_PLACES, strict=True):
        _add_tag(spec, spec.worldbody, flat_tag(tag, FLAT_SIDE, (x, y, THICKNESS)), "flat")
    spec.worldbody.add_light(pos=LAMP, dir=LOOKED_AT - LAMP, diffuse=[0.35] * 3, specular=[0.0] * 3, castshadow=False)
    right, up, _ = _axes_of_camera()
    spec.worldbody.add_camera(name=CAMERA, pos=EYE, fovy=FOVY, quat=_quaternion(right, up))
    return spec.compile()


def _axes_of_camera() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right, up and backwards of the camera, unit vectors."""
    backwards = (EYE - LOOKED_AT) / np.linalg.norm(EYE - LOOKED_AT)
    right = np.cross([0.0, 0.0, 1.0], backwards)
    right /= np.linalg.norm(right)
    return right, np.cross(backwards, right), backwards


def _unfelt() -> dict[str, Any]:
    return {"mass": 0.0, "contype": 0, "conaffinity": 0}


def _add_cube(spec: Any, body: Any, entry: CubeEntry) -> None:
    faces = entry.faces
    half, middle = 0.5 * entry.side - 2.0 * THICKNESS, faces[4].middle - 0.5 * entry.side * faces[4].outwards
    turn = _quaternion(faces[0].outwards, faces[1].outwards)
    box = mujoco.mjtGeom.mjGEOM_BOX
    colour = [1, 1, 1, 1] if entry.printed == entry.side else [0.05, 0.05, 0.05, 1]
    body.add_geom(type=box, size=[half] * 3, pos=middle, quat=turn, rgba=colour, **_unfelt())
    for face in faces:
        _add_tag(spec, body, face, "cube")


def _add_material(spec: Any, tag: int) -> None:
    grey = tag_picture(tag, MODULE)
    texture = spec.add_texture(name=f"tag{tag}", type=mujoco.mjtTexture.mjTEXTURE_2D, nchannel=3)
    texture.height, texture.width = grey.shape
    texture.data = np.repeat(grey[:, :, None], 3, axis=2).tobytes()
    material = spec.add_material(name=f"tag{tag}", specular=0.1)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = f"tag{tag}"


def _add_square(spec: Any, name: str, side: float) -> None:
    """A square sheet of paper with coordinates of a picture; a fifth corner below makes it a solid."""
    h = 0.5 * side
    spec.add_mesh(
        name=name,
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
        uservert=[-h, -h, 0, h, -h, 0, h, h, 0, -h, h, 0, 0, 0, -THICKNESS],
        usertexcoord=[0, 1, 1, 1, 1, 0, 0, 0, 0.5, 0.5],
        userface=[0, 1, 2, 0, 2, 3, 1, 0, 4, 2, 1, 4, 3, 2, 4, 0, 3, 4],
    )


def _add_tag(spec: Any, body: Any, face: TagFace, sheet: str) -> None:
    _add_material(spec, face.tag)
    body.add_geom(
        name=f"tag{face.tag}",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=sheet,
        pos=face.middle,
        quat=_quaternion(face.right, face.up),
        material=f"tag{face.tag}",
        **_unfelt(),
    )


def _quaternion(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return quaternion_of(np.stack([x, y, np.cross(x, y)], axis=1))
