"""The folder that TensorBoard's Embedding Projector reads, written so that its page just works."""

from fmnist_viz.export.projector.check import check_folder
from fmnist_viz.export.projector.config import CONFIG
from fmnist_viz.export.projector.tensor import TensorForm
from fmnist_viz.export.projector.view import View
from fmnist_viz.export.projector.writer import ProjectorTensor, class_order, projector_folder, write_projector, write_tensors

__all__ = ["CONFIG", "ProjectorTensor", "TensorForm", "View", "check_folder", "class_order", "projector_folder", "write_projector", "write_tensors"]
