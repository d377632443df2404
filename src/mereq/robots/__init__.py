"""Robots of real parts: arms on their own protocols, cameras with AprilTags, and an emulator of the whole cell."""
