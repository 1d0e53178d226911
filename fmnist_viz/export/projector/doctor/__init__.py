"""What TensorBoard's Projector will make of a log folder: every rule in `rules`, asked file by file, and what can be mended."""

from fmnist_viz.export.projector.doctor.examine import Examination, examine
from fmnist_viz.export.projector.doctor.mend import Mended, mend, needed_bytes
from fmnist_viz.export.projector.doctor.rules import RULES, SEVERITIES, Finding, Rule

__all__ = ["RULES", "SEVERITIES", "Examination", "Finding", "Mended", "Rule", "examine", "mend", "needed_bytes"]
