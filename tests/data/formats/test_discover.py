"""What is recognised in folders of every form, and what is said where nothing, or too much, is."""

import pytest

from saccade.data.formats.discover import count_label_folders, discover, find_split
from saccade.data.formats.sources import read_source
from saccade.errors import InputError


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def source_of(folder, split="train"):
    return discover(folder).sources[split].model_dump(exclude_defaults=True)


@pytest.mark.parametrize("images", ["", "images/", "photos/", "a/b/"])
@pytest.mark.parametrize("name", ["labels.txt", "gt.txt", "anything.tsv"])
def test_a_label_file_and_its_images(tmp_path, images, name):
    make(tmp_path, f"{images}1.jpg", f"{images}2.jpg")
    (tmp_path / name).write_text("1.jpg\tAB\n2.jpg\tCD\n")
    found = {"path": str(tmp_path / name)} | ({"images": str(tmp_path / images.rstrip("/"))} if images else {})
    assert source_of(tmp_path) == found
    assert source_of(tmp_path / name) == found


def test_names_with_a_folder_in_them(tmp_path):
    make(tmp_path, "photos/1.jpg")
    (tmp_path / "labels.tsv").write_text("photos/1.jpg\tAB\n")
    assert source_of(tmp_path) == {"path": str(tmp_path / "labels.tsv")}


def test_a_label_file_beside_the_folder(tmp_path):
    make(tmp_path, "images/x.jpg", "images/y.jpg")
    (tmp_path / "labels.tsv").write_text("x.jpg\tAB\ny.jpg\tCD\n")
    assert source_of(tmp_path / "images")["path"] == str(tmp_path / "labels.tsv")


def test_the_columns_of_a_csv(tmp_path):
    make(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "data.csv").write_text("id,Label,file\n7,AB,1.jpg\n8,CD,2.jpg\n")
    assert source_of(tmp_path) == {"path": str(tmp_path / "data.csv"), "image_column": "file", "text_column": "Label"}


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("file,owner,colour\n1.jpg,AB,red\n", "which column is the label is not clear (owner, colour); call it text"),
        ("1.jpg,AB\n2.jpg,CD\n", "put a header above it"),
        ("a,b\nx,y\n", "no column holds image files"),
    ],
)
def test_a_csv_that_does_not_say_enough(tmp_path, header, says):
    make(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "data.csv").write_text(header)
    with pytest.raises(InputError) as error:
        discover(tmp_path)
    assert says in str(error.value)


@pytest.mark.parametrize("given", ["", "train.tsv"])
def test_the_splits_of_label_files(tmp_path, given):
    make(tmp_path, "images/1.jpg")
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.tsv").write_text("1.jpg\tAB\n")
    found = discover(tmp_path / given)
    assert list(found.sources) == ["train", "val", "test"]
    assert found.form == "train.tsv, val.tsv, test.tsv (file<TAB>text)"


def test_the_splits_of_folders(tmp_path):
    make(tmp_path, "train/AB/1.jpg", "train/CD/2.jpg", "valid/AB/1.jpg", "valid/CD/2.jpg")
    assert discover(tmp_path).sources["val"].path == str(tmp_path / "valid")


def test_several_label_files(tmp_path):
    make(tmp_path, "1.jpg")
    for name in ("us.tsv", "br.tsv"):
        (tmp_path / name).write_text("1.jpg\tAB\n")
    with pytest.raises(InputError, match=r"holds 2 label files \(br.tsv, us.tsv\)"):
        discover(tmp_path)
    assert source_of(tmp_path / "us.tsv")["path"].endswith("us.tsv")


def test_label_files_that_speak_of_other_images_are_not_passed_over(tmp_path):
    make(tmp_path, "AB_1.jpg", "CD_2.jpg")
    (tmp_path / "README.txt").write_text("Photographs.\n")
    assert "pattern" in source_of(tmp_path)
    (tmp_path / "labels.tsv").write_text("gone.jpg\tAB\n")
    with pytest.raises(InputError, match=r"labels\.tsv: names images that are not there, such as gone\.jpg"):
        discover(tmp_path)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("01A115AA_2ab15b", "01B222BB_00ff12", "30C123CC_aa11dd"), r"^(?P<text>[^_]+)_"),
        (("AB12_1", "AB12_2", "CD34_1"), r"^(?P<text>[^_]+)_"),
        (("0001_AB12", "0002_CD34", "0003_EF5"), r"^[^_]*_(?P<text>.+)$"),
        (("plate_AB12", "plate_CD34"), r"^[^_]*_(?P<text>.+)$"),
        (("1-AB12", "2-CD34"), r"^\d+[-. ](?P<text>.+)$"),
        (("AB12 (1)", "CD34 (2)", "EF (3)"), r"^(?P<text>.+?)[-. ]\(?\d+\)?$"),
        (("AB12CD", "EF34GH"), r"^(?P<text>[^_]+)$"),
        (("938222", "104455"), r"^(?P<text>[^_]+)$"),
        (("서울12가3456", "부산34나5678"), r"^(?P<text>[^_]+)$"),
    ],
)
def test_labels_in_file_names(tmp_path, names, pattern):
    make(tmp_path, *(f"{name}.jpg" for name in names))
    found = discover(tmp_path).sources["train"]
    assert found.pattern == pattern


@pytest.mark.parametrize(
    "names",
    [
        ("img_001", "img_002", "img_003"),
        ("0001", "0002", "0003"),
        ("IMG0001", "IMG0002"),
        ("3f2a9c1b", "77aa01ee"),
        ("frame_000001", "frame_000002"),
    ],
)
def test_counters_and_hashes_are_no_labels(tmp_path, names):
    make(tmp_path, *(f"{name}.jpg" for name in names))
    with pytest.raises(
        InputError, match=r"found \d images and no labels; looked for a label file .* one folder a text"
    ):
        discover(tmp_path)
    make(tmp_path, *(f"{label}/{name}.jpg" for label in ("AB", "CD") for name in names))
    for name in names:
        (tmp_path / f"{name}.jpg").unlink()
    assert discover(tmp_path).form == "one folder a label"


@pytest.mark.parametrize("names", [("AB/AB_1.jpg", "CD/CD_1.jpg"), ("AB/001.jpg", "CD/001.jpg")])
def test_one_folder_a_label(tmp_path, names):
    make(tmp_path, *names)
    assert discover(tmp_path).form == "one folder a label"


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("split", ["", "train/"])
def test_a_stray_image_beside_label_folders(tmp_path, split, classes):
    make(tmp_path, *(f"{split}{label}/{number}.jpg" for label in ("AB", "CD") for number in range(3)))
    assert discover(tmp_path, classes=classes).sources["train"].format == "folder"
    make(tmp_path, f"{split}preview.jpg", f"{split}zoo.jpg")
    folder = tmp_path / split
    with pytest.raises(InputError) as error:
        discover(tmp_path, classes=classes)
    assert str(error.value) == (
        f"{folder}: holds label folders and 2 image(s) beside them, such as preview.jpg, which have no label; move them "
        "into a label folder, or away"
    )


def test_few_images_below_many_that_are_named_by_their_text(tmp_path):
    make(tmp_path, *(f"GH{number}Z.jpg" for number in range(30)), "old/001.jpg", "older/002.jpg")
    assert source_of(tmp_path)["pattern"] == r"^(?P<text>[^_]+)$"


def test_classes_are_looked_for_in_folders_first(tmp_path):
    make(tmp_path, *(f"cat/{name}.jpg" for name in ("tom", "minka", "blue")))
    make(tmp_path, *(f"dog/{name}.jpg" for name in ("rex", "bello", "lady")))
    assert discover(tmp_path).sources["train"].format == "filename"
    found = discover(tmp_path, classes=True)
    assert found.sources["train"].format == "folder"
    assert count_label_folders(found) == (6, 2)
    assert count_label_folders(discover(tmp_path)) == (0, 0)


def test_label_folders_with_many_images_each_come_before_names(tmp_path):
    make(tmp_path, *(f"cat/IMG-2024{number * 71}-WA{number}.jpg" for number in range(5)))
    make(tmp_path, *(f"dog/photo {number * 93} x.jpg" for number in range(4)))
    assert discover(tmp_path).sources["train"].format == "filename"  # nine of two labels are not many
    make(tmp_path, "dog/last.jpg")
    assert discover(tmp_path).sources["train"].format == "folder"
    assert discover(tmp_path, classes=False).sources["train"].format == "filename"
    deep = make(
        tmp_path / "deep", *(f"a/{part}/AB{number * 71}C.jpg" for part in (1, 2) for number in range(part, 20, 2))
    )
    assert discover(deep).sources["train"].format == "filename"


def test_names_that_every_folder_repeats_are_no_labels(tmp_path):
    make(tmp_path, *(f"{label}/{name}.jpg" for label in ("cup", "pan") for name in ("left", "right")))
    assert discover(tmp_path).sources["train"].format == "folder"
    assert discover(tmp_path, classes=False).sources["train"].format == "filename"


def test_what_a_mac_adds_to_a_zip_is_passed_over(tmp_path):
    make(tmp_path, *(f"{label}/{number}.jpg" for label in ("cat", "dog") for number in range(5)))
    make(tmp_path, "__MACOSX/._cat", "__MACOSX/cat/._0.jpg", "__MACOSX/cow/1.jpg", "cat/__MACOSX/2.jpg")
    found = discover(tmp_path)
    assert count_label_folders(found) == (10, 2)
    listing = read_source(found.sources["train"], tmp_path)
    assert {entry.label for entry in listing.entries} == {"cat", "dog"}
    assert listing.notes == {"other_files": 4}


def test_one_folder_of_classes_names_the_one_above(tmp_path):
    animals = make(
        tmp_path / "all animals", *(f"{label}/{number}.jpg" for label in ("cat", "dog") for number in range(5))
    )
    with pytest.raises(InputError) as error:
        discover(animals / "cat")
    assert str(error.value) == (
        f"{animals}/cat: found images and no labels, and dog beside it holds images too; if they are classes, give the folder "
        f"above: saccade new '{animals}'"
    )
    make(animals, "runs/a/1/recipe.diff.json", "runs/a/1/history.jsonl", "runs/a/1/figures/0.png")
    with pytest.raises(InputError, match="if they are classes, give the folder above"):
        discover(animals / "cat")
    (animals / "empty").mkdir()
    with pytest.raises(InputError, match="5 images and no labels; looked for"):
        discover(animals / "cat")
    make(tmp_path, "flat/train/1.jpg", "flat/val/2.jpg")
    with pytest.raises(InputError, match="1 images and no labels; looked for"):
        discover(tmp_path / "flat/train")


def test_an_image_is_no_label_file(tmp_path):
    make(tmp_path, "my cats/IMG_4.jpeg")
    with pytest.raises(InputError) as error:
        discover(tmp_path / "my cats" / "IMG_4.jpeg")
    assert str(error.value) == (
        f"{tmp_path}/my cats/IMG_4.jpeg: is an image; give the folder that holds the images: saccade new '{tmp_path}/my cats'"
    )


def test_labels_of_doctr(tmp_path):
    make(tmp_path, "images/1.jpg", "train/images/2.jpg")
    (tmp_path / "labels.json").write_text('{"1.jpg": "AB"}')
    assert source_of(tmp_path) == {"path": str(tmp_path / "labels.json"), "images": str(tmp_path / "images")}
    assert discover(tmp_path).form == "labels.json (JSON of docTR)"
    (tmp_path / "labels.json").rename(tmp_path / "train/labels.json")
    (tmp_path / "train/labels.json").write_text('{"2.jpg": "AB"}')
    found = discover(tmp_path)
    assert found.form == "train/: labels.json (JSON of docTR)"
    assert found.sources["train"].format == "doctr"


def test_other_json_is_passed_over(tmp_path):
    make(tmp_path, "AB_1.jpg", "CD_2.jpg")
    (tmp_path / "annotations.json").write_text('{"images": [], "annotations": []}')
    assert source_of(tmp_path)["pattern"] == r"^(?P<text>[^_]+)_"
    (tmp_path / "labels.json").write_text('{"images": []}')
    with pytest.raises(InputError, match=r"labels\.json: the label of 'images' is no text"):
        discover(tmp_path)


def test_lists_of_images_are_paddleocrs(tmp_path):
    make(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    (tmp_path / "rec_gt_train.txt").write_text('1.jpg\tAB\n["2.jpg", "3.jpg"]\tCD\n')
    (tmp_path / "rec_gt_test.txt").write_text("1.jpg\tAB\n")
    found = discover(tmp_path)
    assert {split: source.format for split, source in found.sources.items()} == {"train": "paddleocr", "test": "tsv"}


def test_names_relative_to_the_folder_above(tmp_path):
    make(tmp_path, "data/rec/train/1.jpg")
    (tmp_path / "data/rec/rec_gt_train.txt").write_text("rec/train/1.jpg\tAB\n")
    assert source_of(tmp_path / "data/rec")["images"] == str(tmp_path / "data")


@pytest.mark.parametrize("given", ["", "data.mdb"])
def test_an_lmdb(tmp_path, given):
    make(tmp_path, "data.mdb", "lock.mdb")
    found = discover(tmp_path / given)
    assert (found.form, found.sources["train"].path) == ("LMDB", str(tmp_path))


def test_several_lmdbs(tmp_path):
    make(tmp_path, "MJ/a/data.mdb", "ST/data.mdb")
    assert discover(tmp_path).sources["train"].model_dump(exclude_defaults=True) == {"path": str(tmp_path)}
    make(tmp_path, "train/b/data.mdb", "validation/data.mdb")
    found = discover(tmp_path)
    assert found.form == "train/, validation/: LMDB"
    assert found.sources["val"].path == str(tmp_path / "validation")


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match="found no images"):
        discover(tmp_path)
    with pytest.raises(InputError, match="no such folder or label file"):
        discover(tmp_path / "gone")


@pytest.mark.parametrize(
    ("name", "split"),
    [("train", "train"), ("val_labels", "val"), ("my-dev.2", "val"), ("Test", "test"), ("trainval", None), ("x", None)],
)
def test_find_split(name, split):
    assert find_split(name) == split


def test_hidden_folders_are_no_splits(tmp_path):
    make(tmp_path, ".train/AB_1.jpg", ".train/CD_2.jpg", "x/AB_1.jpg", "x/CD_2.jpg")
    assert discover(tmp_path).sources["train"].format == "filename"
    make(tmp_path, "train/EF_1.jpg", "train/GH_2.jpg")
    assert source_of(tmp_path)["path"] == str(tmp_path / "train")


@pytest.mark.parametrize("beside", ["tokens.txt", "source.txt", "level.txt"])
@pytest.mark.parametrize("given", ["", "gt.txt"])
def test_a_list_of_formulas(tmp_path, beside, given):
    make(tmp_path, "images/1.png")
    (tmp_path / "gt.txt").write_text("1.png\tx ^ 2\n")
    assert discover(tmp_path / given).sources["train"].format == "tsv"
    (tmp_path / beside).write_text("1.png\t0\n")
    found = discover(tmp_path / given)
    assert found.sources["train"].format == "formula_list"
    assert source_of(tmp_path / given) == {"path": str(tmp_path / "gt.txt")}
    assert found.form == "gt.txt (formulas, file<TAB>tokens)"


def test_splits_of_formulas(tmp_path):
    for split in ("train", "val"):
        make(tmp_path, f"{split}/images/1.png", f"{split}/tokens.txt")
        (tmp_path / split / "gt.txt").write_text("1.png\tx\n")
    found = discover(tmp_path)
    assert {split: source.format for split, source in found.sources.items()} == dict.fromkeys(
        ("train", "val"), "formula_list"
    )


def test_inkml(tmp_path):
    make(tmp_path, "a/b.inkml", ".hidden/c.inkml", "__MACOSX/a/b.inkml")
    assert discover(tmp_path).sources["train"].format == "inkml"
    assert source_of(tmp_path) == {"path": str(tmp_path)}
    assert source_of(tmp_path / "a/b.inkml") == {"path": str(tmp_path / "a/b.inkml")}
    make(tmp_path / "split", "train/1.inkml", "test/2.inkml")
    assert set(discover(tmp_path / "split").sources) == {"train", "test"}
    with pytest.raises(InputError, match="no images"):
        discover(make(tmp_path / "none", ".x/a.inkml", "__MACOSX/a.inkml"))


def test_lists_of_im2markup(tmp_path):
    make(tmp_path, "train.lst", "validate.lst", "test.lst", "labels.tsv", "1.png")
    (tmp_path / "labels.tsv").write_text("1.png\tx\n")
    assert discover(tmp_path).sources["train"].format == "tsv"
    make(tmp_path, "formulas.lst")
    found = discover(tmp_path)
    assert {split: source.path for split, source in found.sources.items()} == {
        "train": str(tmp_path / "train.lst"),
        "val": str(tmp_path / "validate.lst"),
        "test": str(tmp_path / "test.lst"),
    }
    assert found.form == "train.lst, validate.lst, test.lst (im2markup)"
    assert source_of(tmp_path / "test.lst") == {"path": str(tmp_path / "test.lst")}
    assert discover(tmp_path / "labels.tsv").sources["train"].format == "tsv"
