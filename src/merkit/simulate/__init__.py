"""Videos of faces with exact ground truth: action units, portrait engine, camera, the demo."""

from merkit.simulate.camera import Camera
from merkit.simulate.compare import Comparison, Match, match_events
from merkit.simulate.dataset import (
    ClipTruth,
    SimulatedTable,
    read_truths,
    settings_like,
    simulate_dataset,
    simulate_table,
)
from merkit.simulate.demo import film, plan, simulate_demo
from merkit.simulate.draw import draw_clip, draw_video
from merkit.simulate.head_motion import HeadMotion, HeadPose
from merkit.simulate.performance import Act, Distractor, Performance, PlantedEvent
from merkit.simulate.picture import load_portrait
from merkit.simulate.portrait import Portrait
from merkit.simulate.state import Engine, FaceState, Movement
from merkit.simulate.synthme import load_synthme, synthme_settings
from merkit.simulate.timing import TimeCourse
from merkit.simulate.truth import Truth

__all__ = [
    "Act",
    "Camera",
    "ClipTruth",
    "Comparison",
    "Distractor",
    "Engine",
    "FaceState",
    "HeadMotion",
    "HeadPose",
    "Match",
    "Movement",
    "Performance",
    "PlantedEvent",
    "Portrait",
    "SimulatedTable",
    "TimeCourse",
    "Truth",
    "draw_clip",
    "draw_video",
    "film",
    "load_portrait",
    "load_synthme",
    "match_events",
    "plan",
    "read_truths",
    "settings_like",
    "simulate_dataset",
    "simulate_demo",
    "simulate_table",
    "synthme_settings",
]
