"""`[data]`: where images and labels come from, how they are split, and where they live while training."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from saccade.recipes.expressions import find_endless
from saccade.recipes.tables.base import Table


class Keep(Table):
    """Named filters; what they drop is counted in the record. Without them a bad example is an error."""

    readable: bool = False
    """Leave out images that are missing, cannot be decoded or are smaller than 2 x 2 px."""
    labelled: bool = False
    """Leave out examples whose label is empty."""
    in_charset: bool = False
    """Leave out labels that hold a character outside the charset."""
    in_classes: bool = False
    """Leave out images whose label is none of the classes; with `[classes] names` it takes some classes of many."""
    fits: bool = False
    """Leave out labels longer than the model's time steps can hold (characters plus adjacent repeats)."""
    unique: bool = False
    """Where one file name occurs more than once, keep the first."""
    min_length: int | None = Field(default=None, ge=1)
    """Leave out labels with fewer characters than this."""
    max_length: int | None = Field(default=None, ge=1)
    """Leave out labels with more characters than this."""
    num_lines: int | None = Field(default=None, ge=1, le=2)
    """Leave out images with another number of lines of text: drawn plates know theirs, others are looked at by shape and projection."""
    hash_from: float = Field(default=0.0, ge=0, lt=1)
    """Leave out images whose place among all possible contents, 0 to 1 by the SHA-256 of their pixels or files, is below this."""
    hash_below: float = Field(default=1.0, gt=0, le=1)
    """Leave out images whose place is this or above: what one source keeps with `hash_below = 0.8`, another leaves out with
    `hash_from = 0.8`. So one label file is divided, and images of the same content stay together."""

    @model_validator(mode="after")
    def _hashes_in_order(self) -> "Keep":
        if self.hash_from >= self.hash_below:
            raise ValueError(
                f"hash_from {self.hash_from} is not below hash_below {self.hash_below}; nothing would be kept"
            )
        return self

    @model_validator(mode="after")
    def _lengths_in_order(self) -> "Keep":
        if self.min_length is not None and self.max_length is not None and self.min_length > self.max_length:
            raise ValueError(
                f"min_length {self.min_length} is above max_length {self.max_length}; nothing would be kept"
            )
        return self


class SourceTable(Table):
    """What every source has."""

    name: str | None = Field(default=None, min_length=1, max_length=100)
    """Name under which the images of this source are reported apart; several sources may share one."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    """Share of an epoch relative to the other training sources; 1.0 each means every image once."""
    keep: Keep = Keep()
    """Filters of this source."""


class TsvSource(SourceTable):
    """A text file with a line an image: `file<TAB>text`, UTF-8."""

    format: Literal["tsv"] = "tsv"
    path: str
    """The label file."""
    images: str | None = None
    """The folder that the file names are relative to; default: the label file's own, or `images` in it."""


class CsvSource(SourceTable):
    """A CSV file with a header row."""

    format: Literal["csv"] = "csv"
    path: str
    """The CSV file, UTF-8."""
    images: str | None = None
    """The folder that the file names are relative to; default: the CSV file's own, or `images` in it."""
    image_column: str = "image_path"
    """Name of the column with the file name."""
    text_column: str = "plate_text"
    """Name of the column with the label."""


class PaddleocrSource(SourceTable):
    """A label file of PaddleOCR: `file<TAB>text`, or `["a.jpg", "b.jpg"]<TAB>text`, where one of the images counts at a time."""

    format: Literal["paddleocr"] = "paddleocr"
    path: str
    """The label file. Several label files are several sources, with PaddleOCR's `ratio_list` as their weights."""
    images: str | None = None
    """The folder that the file names are relative to (`data_dir`); default: the label file's own, or `images` in it."""
    delimiter: str = "\t"
    """What stands between file and text."""

    @field_validator("delimiter")
    @classmethod
    def _delimiter_is_there(cls, delimiter: str) -> str:
        if not delimiter:
            raise ValueError("nothing cannot stand between file and text; leave it out for a tab")
        return delimiter


class DoctrSource(SourceTable):
    """`labels.json` of docTR: one object, file name to text."""

    format: Literal["doctr"] = "doctr"
    path: str
    """The JSON file, or the folder that holds it as `labels.json`."""
    images: str | None = None
    """The folder that the file names are relative to; default: the JSON file's own, or `images` in it."""


class LmdbSource(SourceTable):
    """LMDB of PaddleOCR and of the deep-text-recognition-benchmark: `num-samples`, `label-000000001`, `image-000000001`, ...

    Needs `saccade[lmdb]`.
    """

    format: Literal["lmdb"] = "lmdb"
    path: str
    """The folder that holds `data.mdb`, or a folder above several of them, all of which are read."""


class FilenameSource(SourceTable):
    """A folder whose file names hold the labels."""

    format: Literal["filename"] = "filename"
    path: str
    """The folder; it is searched recursively."""
    pattern: str = r"^(?P<text>[^_]+)"
    """Regular expression searched in the file name without its extension; its group `text` is the label."""

    @field_validator("pattern")
    @classmethod
    def _pattern_names_text(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if "text" not in groups:
            raise ValueError("the expression needs a group that is the label: (?P<text>...)")
        endless = find_endless(pattern)
        if endless is not None:
            raise ValueError(endless)
        return pattern


class FolderSource(SourceTable):
    """Image folders: the name of the folder that holds an image is its label."""

    format: Literal["folder"] = "folder"
    path: str
    """The folder of the label folders."""


class CifarSource(SourceTable):
    """CIFAR-10 or CIFAR-100 in the files that their authors published for Python (Krizhevsky 2009), checked by their MD5."""

    format: Literal["cifar"] = "cifar"
    variant: Literal["cifar10", "cifar100"]
    """Which of the two."""
    part: Literal["train", "test"] = "train"
    """Which of its parts: 50,000 training or 10,000 test images."""
    path: str
    """The archive, the folder in it (`cifar-10-batches-py`, `cifar-100-python`), or the folder that holds either."""
    labels: Literal["fine", "coarse"] | None = None
    """For cifar100 alone: its 100 classes (`fine`, the default) or its 20 superclasses (`coarse`)."""
    download: bool = False
    """Fetch the archive to `path` where nothing is there yet."""

    @model_validator(mode="after")
    def _labels_of_cifar100(self) -> "CifarSource":
        if self.labels is not None and self.variant != "cifar100":
            raise ValueError(f"labels = {self.labels!r}: only cifar100 has fine and coarse labels; remove it")
        return self


class HfDiskSource(SourceTable):
    """A Hugging Face data set on disk, as `save_to_disk` writes it; needs `saccade[hub]`."""

    format: Literal["hf_disk"] = "hf_disk"
    path: str
    """The folder."""
    split: str | None = None
    """Which of its splits; needed where it has several."""
    image_column: str | None = None
    """Name of the column with the image; default: `image`, else `img`."""
    label_column: str = "label"
    """Name of the column with the label: class names, texts or whole numbers."""


class FormulaListSource(SourceTable):
    """Formulas as `file<TAB>tokens`, with a space between two tokens, and beside them what kind each image is, and how hard.

    This is the form of `gt.txt`, `tokens.txt`, `source.txt` and `level.txt`.
    """

    format: Literal["formula_list"] = "formula_list"
    path: str
    """The label file, or the folder that holds it as `gt.txt`."""
    images: str | None = None
    """The folder that the file names are relative to; default: the label file's own, or `images` in it."""
    tokens: str | None = None
    """The file of all tokens, one a line: a label with another one is an error; default: `tokens.txt` beside the label file, where
    there is one."""
    sources: str | None = None
    """A file of `file<TAB>0` (printed) and `file<TAB>1` (handwritten); default: `source.txt` beside the label file, where there is
    one."""
    levels: str | None = None
    """A file of `file<TAB>1` to `file<TAB>5`, how hard each is; default: `level.txt` beside the label file, where there is one."""


class Im2markupSource(SourceTable):
    """Formulas of im2markup and im2latex-100k: a file of formulas, and one that says which image shows which."""

    format: Literal["im2markup"] = "im2markup"
    path: str
    """The list of images: `<line> <image> <kind>` or `<image> <line>`, where the first line of the formulas is 0."""
    formulas: str | None = None
    """The file of formulas, one a line; default: `formulas.lst` beside the list."""
    images: str | None = None
    """The folder that the images are relative to; default: the list's own, or `images` in it."""
    suffix: str = Field(default=".png", pattern=r"^(\.[A-Za-z0-9]+)?$")
    """What is appended to the name of an image that has no suffix of its own."""
    normalise: bool = False
    """Cut the formulas into tokens and bring them to one spelling; without it they are tokens already, with spaces between them."""


class InkmlSource(SourceTable):
    """Formulas as pen strokes in InkML (CROHME, MathWriting), which are drawn here: the same strokes always give the same image."""

    format: Literal["inkml"] = "inkml"
    path: str
    """An InkML file, or a folder that is searched for them."""
    annotation: str = Field(default="truth", min_length=1)
    """The annotation that holds the formula: `truth` in CROHME, `label` or `normalizedLabel` in MathWriting."""
    normalise: bool = False
    """Bring the formulas to one spelling; without it they are only cut into tokens."""
    ink: Literal["white", "black"] = "white"
    """Colour of the strokes; the ground has the other."""
    height_px: int = Field(default=128, ge=16, le=512)
    """Height of the images."""
    max_width_px: int = Field(default=1024, ge=16, le=4096)
    """Most of their width, at least their height: what would be wider is drawn smaller, with room above and below."""
    line_width_fraction: float = Field(default=0.025, gt=0, le=0.2)
    """Width of a stroke as a share of the height."""
    margin_fraction: float = Field(default=0.06, ge=0, le=0.3)
    """Room on each side as a share of the height."""

    @model_validator(mode="after")
    def _width_holds_a_symbol(self) -> "InkmlSource":
        if self.max_width_px < self.height_px:
            raise ValueError(f"max_width_px {self.max_width_px} is below height_px {self.height_px}; raise it")
        return self


class AidaSource(SourceTable):
    """Formulas of the Aida calculus data set: JSON with `filename` and `image_data.full_latex_chars`."""

    format: Literal["aida"] = "aida"
    path: str
    """A JSON file, or a folder that is searched for them."""
    images: str | None = None
    """The folder of the images; default: `background_images` beside the folder of the JSON file or in it, else that folder."""
    rules: str | None = None
    """A TOML file of the rules from Aida's tokens to others; default: those of this package."""


class SyntheticPlatesSource(SourceTable):
    """Licence plates drawn on the fly, the same for the same seed; needs no file."""

    format: Literal["synthetic_plates"] = "synthetic_plates"
    num_images: int = Field(default=1000, ge=1, le=1_000_000)
    """How many plates."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Another seed draws other plates."""
    layouts: tuple[Annotated[str, Field(pattern=r"^[0A \-|/]{0,20}[0A][0A \-|/]{0,20}$")], ...] = Field(
        default=(), max_length=100
    )
    """What stands on a plate: `0` a digit, `A` a letter, ` ` a gap, `-` a dash, `|` a line beside a smaller block, `/` the next
    line; each layout as often as the others, e.g. ["00|A 000 AA"]. Default: those of many countries."""
    two_line_fraction: float = Field(default=0.0, ge=0, le=1)
    """Share of plates with two lines among the default layouts; the label joins them top first."""
    difficulty: float = Field(default=0.5, ge=0, le=1)
    """0 draws flat clean plates, 1 the strongest perspective, dirt, shadow, blur and noise."""


Source = Annotated[
    TsvSource
    | CsvSource
    | PaddleocrSource
    | DoctrSource
    | LmdbSource
    | FilenameSource
    | FolderSource
    | CifarSource
    | HfDiskSource
    | FormulaListSource
    | Im2markupSource
    | InkmlSource
    | AidaSource
    | SyntheticPlatesSource,
    Field(discriminator="format"),
]


class DataTable(Table):
    """`[data]`: sources a split, and how their images are held."""

    root: str | None = None
    """Folder that relative paths start from; default: --data-root, $SACCADE_DATA, or `data/` beside the recipe."""
    train: tuple[Source, ...] = ()
    """Sources of the training split: at least one, but where the recipe trains nothing."""
    val: tuple[Source, ...] = ()
    """Sources of the validation split; default: a part of the training split, by `val_fraction`."""
    test: tuple[Source, ...] = ()
    """Sources of the test split; never used to choose anything."""
    val_fraction: float = Field(default=0.1, gt=0, lt=1)
    """Share of the training images used for validation when `val` is not given; split by content hash, so duplicates stay
    together. Drawn images are taken only where there are no others; of each class an image stays to train on."""
    residency: Literal["auto", "device", "memory", "lazy"] = "auto"
    """Where decoded images live: on the device, in memory, or read at each use; `auto` chooses and says so."""
    workers: Literal["thread", "process"] = "thread"
    """What prepares batches in the background; in front of a training of small images threads are no slower (`benchmarks/loading.py`)."""
    num_workers: int = Field(default=1, ge=0, le=64)
    """How many of them; 0 prepares in the training loop itself."""
