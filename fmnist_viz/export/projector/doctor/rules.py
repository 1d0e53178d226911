"""Every rule of TensorBoard's Projector that a log folder can break: how bad it is, why it matters, what to do.

The rules are those of TensorBoard 2.21's server (`projector_plugin.py`) and page (`projector_binary.js`). The checks
beside this module say where a rule is broken; what is said about it stands here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["breaks", "misleads", "slow", "note"]
SEVERITIES: tuple[Severity, ...] = ("breaks", "misleads", "slow", "note")
Fact = tuple[str, str]  # a rule's name, and what was found


@dataclass(frozen=True)
class Rule:
    """One rule.

    severity : ``breaks`` (something is not shown, hangs or crashes), ``misleads`` (shown wrong), ``slow``, ``note``;
    reach : whom it hits: ``all`` runs of the log folder, this ``run``, this ``tensor``, a ``view`` (bookmark), or nobody;
    why : what TensorBoard does then;  remedy : what to do;  mends : whether a copy can be mended without guessing;
    strict : whether this program refuses to publish a folder of its own with it.
    """

    severity: Severity
    reach: Literal["all", "run", "tensor", "view", "none"]
    why: str
    remedy: str
    mends: bool = False
    strict: bool = True


@dataclass(frozen=True)
class Finding:
    """A rule that is broken, and where: `file` relative to the log folder, run and tensor as TensorBoard names them."""

    rule: str
    fact: str
    file: str = ""
    run: str = ""
    tensor: str = ""

    @property
    def severity(self) -> Severity:
        return RULES[self.rule].severity

    @property
    def reach(self) -> str:
        return RULES[self.rule].reach

    @property
    def why(self) -> str:
        return RULES[self.rule].why

    @property
    def remedy(self) -> str:
        return RULES[self.rule].remedy

    @property
    def mends(self) -> bool:
        return RULES[self.rule].mends

    @property
    def strict(self) -> bool:
        return RULES[self.rule].strict


_CRASH = "The server stops on it while it reads the configurations, so that no run of the log folder is shown until the file is mended and it is started again."
_DIALOG = "The page stops with an error and never shows the tensor."

_FOLDER: dict[str, Rule] = {
    "nothing-to-show": Rule(
        "breaks", "all", "The tab lists runs with a projector_config.pbtxt that names tensor files, or with a TensorFlow checkpoint; there is none.",
        "Export something: fmnist_viz.add_embedding, SummaryWriter.add_embedding of PyTorch, or fmnist-viz export.", strict=False,
    ),
    "no-event-file": Rule(
        "breaks", "run", "TensorBoard finds runs by their event files; a folder without one is invisible, unless --logdir names exactly it.",
        "Write any summary into the folder; an event file with nothing but its version record is enough.", mends=True,
    ),
    "event-file-empty": Rule(
        "breaks", "run", "TensorBoard's fast loader lists no run for an event file without a complete record.",
        "Flush and close the writer, or write one more event file into the folder.", mends=True,
    ),
    "run-name": Rule(
        "breaks", "run", "The page puts the run's name into addresses as it is, so that the server is asked for another name.",
        "Rename the folder with letters, digits and _ . - alone.", mends=True,
    ),
    "config-overridden": Rule(
        "note", "run", "TensorBoard takes the configuration below plugins/org_tensorflow_tensorboard_projector in place of the run's own.",
        "Remove one of the two.", mends=True, strict=False,
    ),
    "config-malformed": Rule(
        "breaks", "all", _CRASH, "Mend the configuration by hand: it is protocol-buffer text; or move the file away.", mends=True,
    ),
    "config-unknown-field": Rule("breaks", "all", _CRASH, "Remove the field; it has no meaning for the Projector.", mends=True),
    "config-encoding": Rule("breaks", "all", _CRASH, "Save the configuration as UTF-8 without a byte order mark.", mends=True),
    "config-empty": Rule(
        "breaks", "run", "The configuration names no tensor file and there is no checkpoint: the run is left out ('No checkpoint was found').",
        "Name a tensor with tensor_path.",
    ),
    "checkpoint-lists-all": Rule(
        "misleads", "run", "TensorBoard looks for a checkpoint in the configuration's folder and the one above; each of its two-dimensional variables is listed "
        "beside the tensors that were meant.", "Keep the Projector's files in a folder of their own, two levels away from checkpoints.", mends=True,
    ),
    "checkpoint-state": Rule(
        "note", "none", "It leads to no checkpoint now; variables of one that is saved there later would be listed beside the tensors.",
        "Keep the Projector's files in a folder of their own.", mends=True,
    ),
    "checkpoint-run": Rule(
        "note", "run", "Without a configuration every two-dimensional variable of the checkpoint is listed, without labels and images.",
        "Nothing, if that is wanted.", strict=False,
    ),
    "checkpoint-missing": Rule(
        "breaks", "run", "The run is left out where no file begins with model_checkpoint_path (taken from the folder that TensorBoard is started in).",
        "Give an absolute path, or remove the line where all tensors are files.", mends=True,
    ),
    "checkpoint-unreadable": Rule(
        "note", "run", "The checkpoint's list of variables cannot be read here, so that its tensors were not checked.", "Look at them in TensorBoard.", strict=False,
    ),
    "checkpoint-key": Rule(
        "breaks", "tensor", "A checkpoint's variable is found by its exact key, such as embedding/.ATTRIBUTES/VARIABLE_VALUE; under another name nothing is found.",
        "Give the key as tensor_name.", mends=True,
    ),
    "no-source": Rule(
        "breaks", "run", "The tensors have neither a tensor_path nor a TensorFlow checkpoint to come from: the run is left out ('No checkpoint was found').",
        "Give each tensor a tensor_path, or save a checkpoint with tf.train.Checkpoint into the folder.",
    ),
    "keras-embeddings-freq": Rule(
        "breaks", "run", "TensorBoard(embeddings_freq=...) of Keras 3 saves .weights.h5 files, which the Projector cannot read: the run is left out.",
        "Write the layer's weights with fmnist_viz.add_embedding, or train with fmnist_viz.ProjectorCallback.",
    ),
    "checkpoint-dir-ignored": Rule("note", "none", "model_checkpoint_dir is never read.", "Use model_checkpoint_path.", mends=True, strict=False),
}  # fmt: skip

_ENTRY: dict[str, Rule] = {
    "name-missing": Rule("breaks", "tensor", "Only the first tensor with a file gets a name by itself; the others cannot be asked for.", "Give tensor_name.", mends=True),
    "name-default": Rule("note", "none", "The first tensor with a file is named after the file.", "Give tensor_name.", mends=True),
    "name-unsafe": Rule(
        "breaks", "tensor", "The page puts the name into addresses as it is; & # + % and control characters make it ask for another name.",
        "Use letters, digits and _ . / : - alone.", mends=True,
    ),
    "name-unusual": Rule(
        "note", "none", "The name works in today's browsers only because they escape it.", "Use letters, digits and _ . / : - alone.", mends=True,
    ),
    "name-twice": Rule("breaks", "tensor", "A tensor is found by its name, without a final :0; of two equal ones only the first is shown.", "Rename one.", mends=True),
    "path-outside": Rule(
        "breaks", "tensor", "From version 2.21 on TensorBoard reads only files inside the configuration's folder, links followed; others are refused.",
        "Copy the file beside the configuration and name it by a relative path.", mends=True,
    ),
    "path-absolute": Rule(
        "note", "none", "The folder works only where it lies: moved or copied, its configuration points elsewhere.", "Use a relative path.", mends=True,
    ),
    "tensor-file-missing": Rule("breaks", "all", _CRASH, "Put the file there, or remove the tensor from the configuration.", mends=True),
    "file-missing": Rule("breaks", "tensor", _DIALOG, "Put the file there (paths are relative to the configuration), or remove the line.", mends=True),
}  # fmt: skip

_TENSOR: dict[str, Rule] = {
    "tensor-empty": Rule("breaks", "all", _CRASH, "Write the tensor again, or remove it from the configuration.", mends=True),
    "tensor-header": Rule("breaks", "all", _CRASH, "Remove the header row: a tensor file holds numbers alone.", mends=True),
    "tensor-separator": Rule("breaks", "all", _CRASH, "Separate the values with tabs.", mends=True),
    "tensor-blanks": Rule("breaks", "all", _CRASH, "Remove tabs and blanks at the lines' ends and lines of blanks.", mends=True),
    "tensor-ragged": Rule("breaks", "all", _CRASH, "Give every row the same number of values."),
    "tensor-not-numbers": Rule("breaks", "all", _CRASH, "Write numbers separated by tabs, or raw 32-bit floats."),
    "tensor-npy": Rule(
        "breaks", "all", "The server knows no .npy files: it takes the header for values. " + _CRASH, "Write array.astype('<f4').tobytes() and tensor_shape.", mends=True,
    ),
    "tensor-shape-missing": Rule("breaks", "all", "Raw floats need their tensor_shape, two numbers. " + _CRASH, "Give tensor_shape twice: rows, columns.", mends=True),
    "tensor-size": Rule("breaks", "all", "The values do not fill the declared shape. " + _CRASH, "Correct tensor_shape, or write 32-bit floats.", mends=True),
    "tensor-reads-as-text": Rule(
        "breaks", "all", "The server tries text first, and these floats happen to begin like valid text. " + _CRASH,
        "Set the file's first byte to 0xFF: it changes the first value by 3e-5 of it at most.", mends=True,
    ),
    "tensor-unstamped": Rule(
        "note", "none", "The server tries text first; that these floats are not taken for it is luck.", "Set the file's first byte to 0xFF.", mends=True,
    ),
    "tensor-shape-wrong": Rule("misleads", "tensor", "The page believes the declared shape: values are cut into wrong rows.", "Correct tensor_shape.", mends=True),
    "tensor-not-finite": Rule(
        "breaks", "tensor", "One NaN or infinity is enough: the page's PCA does not converge and the plot stays empty.",
        "Find out where it comes from; leave those rows out of tensor, metadata and images alike.",
    ),
    "tensor-single": Rule("breaks", "tensor", "The page leaves tensors with one row or one column out of its list.", "Export more rows; a single column can be padded.", mends=True),
    "tensor-flat": Rule("breaks", "tensor", "Two columns have no third principal component: the plot that opens first is blank.", "Add a column of zeros.", mends=True),
    "tensor-narrow": Rule(
        "misleads", "tensor", "Below 50 columns the page neither centres nor normalises rows, its PCA assumes the first and its neighbours (t-SNE and UMAP with them) "
        "the second: PCA shows the mean, neighbours can be none, UMAP stops with an error.",
        "Centre the columns and give the rows unit length, or pad with zeros to 50 columns, so that the page does it.", mends=True, strict=False,
    ),
    "tensor-wide": Rule("note", "none", "Above 200 columns the page projects at random to 200 before its PCA.", "Reduce by PCA to 200 or fewer for an exact one.", strict=False),
    "tensor-constant": Rule("misleads", "tensor", "All rows are equal; there is nothing to map.", "Leave the tensor out.", strict=False),
    "tensor-too-many": Rule("misleads", "tensor", "The page takes the first 100,000 rows.", "Export a stratified sample."),
    "tensor-sampled": Rule(
        "note", "none", "The page's own t-SNE takes 10,000 rows drawn at random, its UMAP 5,000.", "Export fewer rows, or ready-made maps as bookmarks.", strict=False,
    ),
    "tensor-text": Rule(
        "slow", "none", "Text is parsed value by value, all files of all runs whenever a run is added; raw floats are read at once.",
        "Write raw 32-bit floats with tensor_shape.", mends=True, strict=False,
    ),
}  # fmt: skip

_METADATA: dict[str, Rule] = {
    "metadata-encoding": Rule("breaks", "tensor", "The server cannot decode the file (error 500). " + _DIALOG, "Save it as UTF-8.", mends=True),
    "metadata-hangs": Rule(
        "breaks", "tensor", "The page waits for ever for an end of line in the file's last million bytes ('Parsing metadata...').", "End the last line.", mends=True,
    ),
    "metadata-unended": Rule(
        "note", "none", "The last line is not ended: the page may wait for ever once the file grows.", "End the last line.", mends=True,
    ),
    "metadata-single-header": Rule(
        "breaks", "tensor", "A single column must not have a header. " + _DIALOG, "Remove the first line, or add a second column.", mends=True,
    ),
    "metadata-no-header": Rule(
        "breaks", "tensor", "Two or more columns must have a header; the page takes the first row for it. " + _DIALOG, "Add a header line.", mends=True,
    ),
    "metadata-rows": Rule(
        "misleads", "tensor", "Rows are given to points by their number: where the counts differ, labels may belong to other points.", "Write one row per point.",
    ),
    "metadata-blank-rows": Rule(
        "misleads", "tensor", "The page skips lines that look blank, so that every later label moves to another point.", "Write a word such as (empty).", mends=True,
    ),
    "metadata-ends-blank": Rule("note", "none", "The page skips blank lines; these are the last and move no label.", "Remove them.", mends=True),
    "metadata-blank-breaks": Rule(
        "breaks", "tensor", "The page skips the blank line, finds one row too few and takes a header for missing. " + _DIALOG, "Write a word such as (empty).", mends=True,
    ),
    "metadata-carriage-return": Rule(
        "misleads", "tensor", "The carriage return stays in the last column's name and values.", "End lines with a line feed alone.", mends=True,
    ),
    "metadata-empty-cell": Rule(
        "misleads", "tensor", "An empty cell is null to the page; search, custom axes and tag editing stop with an error there.", "Write a word such as (empty).", mends=True,
    ),
    "metadata-ragged": Rule("misleads", "tensor", "Cells are given to columns by their number; what is too much is lost.", "Give every row the header's number of cells."),
    "metadata-columns": Rule("misleads", "tensor", "Columns are found by their names; of two equal ones only the last is shown.", "Name every column differently.", mends=True),
    "metadata-piece": Rule(
        "misleads", "tensor", "The page decodes the file a million bytes at a time; a character across such a border is damaged.",
        "Pad a cell before the border with a blank.", mends=True,
    ),
    "metadata-single-column": Rule("note", "none", "A single column has no name.", "Add a second column and a header."),
    "metadata-no-colour": Rule(
        "note", "none", "Text columns with more than 50 different values are not offered for colouring, and there is no other column.",
        "Add a column with 50 values at most.", strict=False,
    ),
    "metadata-number-labels": Rule(
        "note", "none", "The label 0 shows no text on hovering, and number labels are coloured by size rather than by class.", "Use class names.", strict=False,
    ),
}  # fmt: skip

_SPRITE: dict[str, Rule] = {
    "sprite-unreadable": Rule("breaks", "tensor", "The page waits for ever for the image ('Fetching sprite image...').", "Write a PNG.", mends=True),
    "sprite-too-large": Rule("breaks", "tensor", "Above 8192 pixels a side the page refuses the whole tensor, not just the images.", "Use smaller thumbnails.", mends=True),
    "sprite-dimensions": Rule(
        "breaks", "tensor", "Without single_image_dim (width, height) the page cannot cut the sheet. " + _DIALOG, "Give single_image_dim twice.", mends=True,
    ),
    "sprite-not-divisible": Rule(
        "misleads", "tensor", "The sheet's sides are no whole multiples of a thumbnail's: images are cut in the wrong places.", "Correct single_image_dim.",
    ),
    "sprite-grid": Rule(
        "misleads", "tensor", "The page finds a thumbnail's row by the number of rows: sheets need as many rows as columns, else points show wrong or no images.",
        "Lay the thumbnails out row by row on a square grid.", mends=True,
    ),
    "sprite-short": Rule("misleads", "tensor", "There are fewer places than points: the last points show no image.", "Write one thumbnail per point."),
    "sprite-spare": Rule("note", "none", "The sheet has more rows than its points need.", "Nothing; a smaller sheet loads sooner."),
    "sprite-stretched": Rule("note", "none", "Points are squares: thumbnails that are not are stretched.", "Pad the thumbnails to squares.", strict=False),
}  # fmt: skip

_BOOKMARKS: dict[str, Rule] = {
    "bookmarks-unreadable": Rule("breaks", "view", "The page stops reading: no bookmark of the tensor is listed.", "Write a JSON list of states.", mends=True),
    "bookmark-not-finite": Rule("breaks", "view", "NaN and Infinity are no JSON: no bookmark of the tensor is listed.", "Write finite coordinates.", mends=True),
    "bookmark-fields": Rule("breaks", "view", "A click on the bookmark stops with an error where one of its fields is missing.", "Write all fields.", mends=True),
    "bookmark-too-long": Rule("breaks", "view", "A click on the bookmark stops with an error: it places more points than there are.", "Write one place per point."),
    "bookmark-points": Rule("misleads", "view", "Points without coordinates vanish from the map.", "Write one place per point, all with the same axes."),
    "bookmark-tsne": Rule(
        "misleads", "view", "The page takes coordinates in the t-SNE slot as a start and moves them at once.", "Put them into the UMAP slot, which stays.", mends=True,
    ),
    "bookmark-slot": Rule("breaks", "view", "The page knows the slots pca, umap, custom and tsne; a click stops with an error.", "Use the slot umap."),
    "bookmark-column": Rule("misleads", "view", "The column by which it colours or labels is not in the metadata.", "Name a column of the metadata.", mends=True),
    "bookmark-indices": Rule(
        "breaks", "view", "It names points that do not exist, or an empty shuffle, with which the page's t-SNE and UMAP have no points.", "Use null.", mends=True,
    ),
}  # fmt: skip

RULES: Mapping[str, Rule] = {**_FOLDER, **_ENTRY, **_TENSOR, **_METADATA, **_SPRITE, **_BOOKMARKS}
