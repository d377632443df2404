"""A RealSense without the device: a recording of librealsense's own software device, played through its pipeline."""

import numpy as np
import pyrealsense2 as rs
import pytest

from mereq.core.errors import RobotLost
from mereq.robots.cell_file import CameraEntry
from mereq.robots.sight.cameras import camera_of
from waiting import until

WIDTH, HEIGHT = 320, 240
PICTURES = [np.random.default_rng(k).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8) for k in range(5)]


@pytest.fixture
def recording(tmp_path):
    """A recording of these pictures, as the camera's viewer makes one."""
    found = rs.intrinsics()
    found.width, found.height, found.fx, found.fy, found.ppx, found.ppy = WIDTH, HEIGHT, 300.0, 300.0, 159.5, 119.5
    found.model, found.coeffs = rs.distortion.brown_conrady, [0.1, 0.0, 0.0, 0.0, 0.0]
    colour = rs.video_stream()
    colour.type, colour.index, colour.uid, colour.fmt = rs.stream.color, 0, 0, rs.format.rgb8
    colour.width, colour.height, colour.fps, colour.bpp, colour.intrinsics = WIDTH, HEIGHT, 30, 3, found
    device = rs.software_device()
    sensor = device.add_sensor("Color")
    profile = sensor.add_video_stream(colour, True).as_video_stream_profile()
    file, queue = tmp_path / "recorded.db3", rs.frame_queue(len(PICTURES))
    recorder = rs.recorder(str(file), device)
    recorded = recorder.query_sensors()[0]
    recorded.open(recorded.get_stream_profiles()[0])
    recorded.start(queue)
    for k, picture in enumerate(PICTURES):
        frame = rs.software_video_frame()
        frame.pixels, frame.stride, frame.bpp, frame.profile = picture.copy(), 3 * WIDTH, 3, profile
        frame.timestamp, frame.frame_number, frame.domain = 33.3 * k, k + 1, rs.timestamp_domain.hardware_clock
        sensor.on_video_frame(frame)
        queue.wait_for_frame()  # it is written then
    recorded.stop()
    recorded.close()
    recorder.pause()
    return file


def test_a_recording_plays_bit_for_bit(recording):
    """Pictures come as they were recorded, with the projection that the camera reported."""
    frames = []

    def plays():
        try:
            with camera_of(CameraEntry(source=f"realsense:{recording}")) as camera:
                frames.append((camera.read(), camera.intrinsics()))
        except RobotLost:  # a busy machine came too late for a recording of 40 ms
            return False
        return True

    until(plays)
    frame, intrinsics = frames[0]
    assert any(np.array_equal(frame.picture, picture) for picture in PICTURES)
    assert (intrinsics.focal, intrinsics.centre, intrinsics.size) == ((300.0, 300.0), (160.0, 120.0), (WIDTH, HEIGHT))
    assert intrinsics.distortion == pytest.approx((0.1, 0.0, 0.0, 0.0, 0.0))


def test_a_recording_that_is_missing(tmp_path):
    with pytest.raises(RobotLost, match="there is no recording"):
        camera_of(CameraEntry(source=f"realsense:{tmp_path}/none.db3")).__enter__()
