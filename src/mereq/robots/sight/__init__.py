"""Sight: tags, cameras, detection, poses, and a tracker that knows how old its knowledge is."""
