"""Hand-made descriptors of texture and motion, from arrays of frames or flow.

Each takes arrays and gives an array; none knows of faces, clips or labels.  Histograms are per block of a
grid: ``.ravel()`` of what comes is the vector for a classifier.
"""

from merkit.descriptors.bi_woof import bi_woof
from merkit.descriptors.fhofo import fhofo
from merkit.descriptors.higo import higo
from merkit.descriptors.hoof import hoof
from merkit.descriptors.lbp import lbp_codes
from merkit.descriptors.lbp_sip import lbp_sip
from merkit.descriptors.lbp_top import lbp_top
from merkit.descriptors.mdmo import main_flow, mdmo
from merkit.descriptors.mdmo_regions import MDMO_REGIONS, mdmo_regions

__all__ = [
    "MDMO_REGIONS",
    "bi_woof",
    "fhofo",
    "higo",
    "hoof",
    "lbp_codes",
    "lbp_sip",
    "lbp_top",
    "main_flow",
    "mdmo",
    "mdmo_regions",
]
