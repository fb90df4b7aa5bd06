"""InkML: truths and strokes of files as CROHME and MathWriting write them, and files that are not what they should be."""

from pathlib import Path

import numpy as np
import pytest

from saccade.data.formats.entry import SourceListing
from saccade.data.formats.inkml import read_ink
from saccade.data.formats.sources import read_source
from saccade.data.pool import read_pool
from saccade.errors import InputError
from saccade.recipes.tables.data import InkmlSource, Keep

CROHME = """<ink xmlns="http://www.w3.org/2003/InkML">
<traceFormat>
<channel name="X" type="decimal"/>
<channel name="Y" type="decimal"/>
</traceFormat>
<annotation type="UI">2011_IVC_DEPT_F01_E01</annotation>
<annotation type="writer">CIEL-1</annotation>
<annotation type="truth">$\\frac{1}{2} &lt; x$</annotation>
<annotationXML type="truth" encoding="Content-MathML">
<math xmlns='http://www.w3.org/1998/Math/MathML'><mrow><mi xml:id="A">x</mi></mrow></math>
</annotationXML>
<trace id="0">
985 3317, 1019 3340, 1020 3360
</trace>
<trace id="1">1100 3300, 1150 3390</trace>
<traceGroup xml:id="7">
<annotation type="truth">Segmentation</annotation>
<traceGroup xml:id="8"><annotation type="truth">x</annotation><traceView traceDataRef="0"/></traceGroup>
</traceGroup>
</ink>
"""
PLAIN = '<ink><annotation type="truth">{truth}</annotation><trace>{trace}</trace></ink>'


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder: Path, path: str = ".", **keys: object) -> SourceListing:
    return read_source(InkmlSource.model_validate({"path": path, **keys}), folder)


def refuse(folder: Path, *parts: str, **keys: object) -> None:
    with pytest.raises(InputError) as caught:
        read(folder, **keys)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_a_file_of_crohme(tmp_path: Path) -> None:
    write(tmp_path, "set/a.inkml", CROHME)
    for path, identity in ((".", "set/a.inkml"), ("set/a.inkml", "a.inkml")):
        listing = read(tmp_path, path)
        (entry,) = listing.entries
        assert (entry.id, entry.label) == (identity, r"\frac { 1 } { 2 } < x")
        assert listing.notes == {}
        assert entry.path is None and entry.draw is not None
        # 109.44 px of room for 90 units in height, so 200.64 px for 165 in width, and twice 9.28 px beside
        assert entry.draw().shape == (128, 220, 3)
    strokes = read_ink(tmp_path / "set/a.inkml").list_strokes()
    assert strokes[0].tolist() == [[985, 3317], [1019, 3340], [1020, 3360]]
    assert [len(stroke) for stroke in strokes] == [3, 2]


@pytest.mark.parametrize(
    "trace",
    ["1 2 0, 3 4 10", "1 2,3 4", " 1  2 ,\n3\t4 , ", "1.0 2.00, 3e0 4.", "-0 0, 2 2"],
)
def test_points_in_every_way_they_are_written(tmp_path: Path, trace: str) -> None:
    write(tmp_path, "a.inkml", PLAIN.format(truth="x", trace=trace))
    stroke = read_ink(tmp_path / "a.inkml").list_strokes()[0]
    assert (stroke[1] - stroke[0]).tolist() == [2, 2]


def test_negative_coordinates_and_a_time_channel_that_comes_first(tmp_path: Path) -> None:
    formats = '<traceFormat><channel name="T"/><channel name="X"/><channel name="Y"/></traceFormat>'
    text = PLAIN.format(truth="x", trace="7 -1.5 -2, 8 3 4").replace("<ink>", f"<ink>{formats}")
    write(tmp_path, "a.inkml", text)
    assert read_ink(tmp_path / "a.inkml").list_strokes()[0].tolist() == [[-1.5, -2], [3, 4]]


def test_prefixes_and_encodings(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><i:ink xmlns:i="http://www.w3.org/2003/InkML">'
    text += '<i:annotation type="truth">\xe9</i:annotation><i:trace>0 0, 1 1</i:trace></i:ink>'
    write(tmp_path, "a.inkml", text.encode("latin-1"))
    assert read(tmp_path).entries[0].label == "\xe9"


@pytest.mark.parametrize(
    ("truth", "label"),
    [
        ("$x^2$", "x ^ 2"),
        (" $$x$$ ", "x"),
        ("x", "x"),
        ("$x", "x"),
        (r"5\$", r"5 \$"),
        (r"$5\$$", r"5 \$"),
        (r"$\left( a \right)$", r"\left( a \right)"),
        ("", ""),
    ],
)
def test_dollars_go_and_tokens_are_found(tmp_path: Path, truth: str, label: str) -> None:
    write(tmp_path, "a.inkml", PLAIN.format(truth=truth, trace="0 0, 1 1"))
    assert read(tmp_path).entries[0].label == label


def test_one_spelling_where_it_is_wanted(tmp_path: Path) -> None:
    write(tmp_path, "a.inkml", PLAIN.format(truth="$x^2$", trace="0 0, 1 1"))
    assert read(tmp_path, normalise=True).entries[0].label == "x ^ { 2 }"


def test_how_it_is_drawn(tmp_path: Path) -> None:
    write(tmp_path, "a.inkml", CROHME)

    def draw(**keys: object) -> np.ndarray:
        drawn = read(tmp_path, **keys).entries[0].draw
        assert drawn is not None
        return drawn()

    assert draw(height_px=64).shape[0] == 64
    assert draw(max_width_px=150).shape == (128, 150, 3)
    np.testing.assert_array_equal(draw(ink="black"), 255 - draw())
    assert draw(line_width_fraction=0.05).mean() > 1.5 * draw().mean()
    assert draw(margin_fraction=0.2).shape[1] < draw().shape[1]
    np.testing.assert_array_equal(draw(), draw())


def test_files_are_found_in_order_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("b.inkml", "a/z.INKML", ".hidden.inkml", ".cache/c.inkml", "note.txt"):
        write(tmp_path, name, PLAIN.format(truth="x", trace="0 0, 1 1"))
    assert [entry.id for entry in read(tmp_path).entries] == ["a/z.INKML", "b.inkml"]


def test_a_file_without_truth_is_an_empty_label(tmp_path: Path) -> None:
    write(tmp_path, "a.inkml", PLAIN.format(truth="x", trace="0 0, 1 1"))
    write(tmp_path, "b.inkml", "<ink><trace>0 0, 1 1</trace></ink>")
    with pytest.raises(InputError, match=r"b.inkml: empty label; give it one, or leave .* keep = { labelled = true }"):
        read_pool("train", (InkmlSource(path="."),), tmp_path)
    pool = read_pool("train", (InkmlSource(path=".", keep=Keep(labelled=True)),), tmp_path)
    assert [example.entry.id for example in pool.examples] == ["a.inkml"]


def test_no_file_has_the_annotation(tmp_path: Path) -> None:
    write(tmp_path, "a.inkml", '<ink><annotation type="normalizedLabel">x</annotation><trace>0 0</trace></ink>')
    refuse(tmp_path, "no annotation 'truth' holds the formula (found: 'normalizedLabel'); correct `annotation`")
    assert read(tmp_path, annotation="normalizedLabel").entries[0].label == "x"
    write(tmp_path, "a.inkml", "<ink><trace>0 0</trace></ink>")
    refuse(tmp_path, "(found: none at all)")


@pytest.mark.parametrize("trace", ["<trace></trace>", "<trace> , </trace>", ""])
def test_a_file_without_strokes_is_no_image(tmp_path: Path, trace: str) -> None:
    write(tmp_path, "a.inkml", PLAIN.format(truth="x", trace="0 0, 1 1"))
    write(tmp_path, "b.inkml", f'<ink><annotation type="truth">x</annotation>{trace}</ink>')
    with pytest.raises(InputError, match=r"b.inkml: holds no stroke; repair or remove it; leave such images out with"):
        read_pool("train", (InkmlSource(path="."),), tmp_path)
    pool = read_pool("train", (InkmlSource(path=".", keep=Keep(readable=True)),), tmp_path)
    assert [example.entry.id for example in pool.examples] == ["a.inkml"]


def test_empty_traces_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.inkml", PLAIN.format(truth="x", trace="0 0, 1 1</trace><trace/><trace>"))
    assert read(tmp_path).notes == {"empty_traces": 2}


@pytest.mark.parametrize("trace", ["1", "1 x", "1 2, 3", "nan 1", "1e999 0", "1 2; 3 4", "'1 2"])
def test_a_point_that_is_none(tmp_path: Path, trace: str) -> None:
    write(tmp_path, "a.inkml", PLAIN.format(truth="x", trace=trace))
    refuse(tmp_path, "a.inkml: trace 1: ", "is no point; write x and y as numbers", "correct the file, or move it away")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<ink><trace>0 0</ink>", "a.inkml:1: not XML (mismatched tag); repair or remove it"),
        ("<ink>\n<annotation", "a.inkml:2: not XML"),
        ("", "not XML (no element found)"),
        ("\x89PNG", "not XML"),
        ("<html></html>", "is XML but no InkML: its outermost element is 'html'"),
        ("<!DOCTYPE ink><ink/>", "declares a document type or entities"),
        ('<!DOCTYPE ink [<!ENTITY a "b"><!ENTITY b "&a;&a;">]><ink>&b;</ink>', "declares a document type or entities"),
        ('<!DOCTYPE ink SYSTEM "file:///etc/hostname"><ink/>', "declares a document type or entities"),
        ("<ink>&later;</ink>", "not XML (undefined entity)"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, "a.inkml", text)
    refuse(tmp_path, says)


def test_a_document_type_in_another_encoding_is_refused_too(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE ink [<!ENTITY a "b">]><ink>&a;</ink>'
    write(tmp_path, "a.inkml", text.encode("utf-16"))
    refuse(tmp_path, "declares a document type or entities")


def test_nested_deeper_than_any_recursion(tmp_path: Path) -> None:
    write(tmp_path, "a.inkml", f"<ink>{'<traceGroup>' * 50_000}{'</traceGroup>' * 50_000}</ink>")
    refuse(tmp_path, "no annotation 'truth'")


def test_missing_files(tmp_path: Path) -> None:
    refuse(tmp_path, "holds no .inkml file")
    refuse(tmp_path, "gone: no such folder", path="gone")


def test_no_room_for_strokes() -> None:
    InkmlSource(path=".", margin_fraction=0.3, line_width_fraction=0.2)
    with pytest.raises(ValueError, match="line_width_fraction"):
        InkmlSource(path=".", line_width_fraction=0.5)
    with pytest.raises(ValueError, match="max_width_px 100 is below height_px 128; raise it"):
        InkmlSource(path=".", max_width_px=100)
