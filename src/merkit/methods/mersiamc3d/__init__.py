"""MERSiamC3D: a flow sequence over eleven key frames, and a 3D network that learns in two stages."""
