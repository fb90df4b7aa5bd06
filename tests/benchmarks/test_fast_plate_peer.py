"""What fast-plate-ocr is given, and what is read of what it says."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.data.formats.entry import Entry


def draw() -> np.ndarray:
    return np.full((8, 20, 3), (250, 10, 10), np.uint8)


def test_annotations_name_files_from_their_folder_and_drawn_plates_become_files(tmp_path: Path) -> None:
    from _fast_plate_peer import write_annotations

    image = tmp_path / "set" / "a.png"
    image.parent.mkdir()
    cv2.imwrite(str(image), draw()[:, :, ::-1])
    photograph, drawn = Entry("a", "皖A1", "", image), Entry("b", "B2", "", None, draw)
    path = write_annotations([photograph, drawn, drawn], tmp_path / "files" / "train")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["plate_text"] for row in rows] == ["皖A1", "B2", "B2"]
    assert [(path.parent / row["image_path"]).resolve() for row in rows[:1]] == [image]
    assert rows[1]["image_path"] == rows[2]["image_path"]
    stored = cv2.imread(str(path.parent / rows[1]["image_path"]), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(stored, draw())


def test_the_configuration_has_every_character_and_a_slot_more_than_the_longest_label(tmp_path: Path) -> None:
    from _fast_plate_peer import write_config

    entries = [Entry(label, label, "", None, draw) for label in ("皖A12", "BA")]
    config = json.loads(write_config(entries, tmp_path / "plates.yaml").read_text(encoding="utf-8"))
    assert (config["alphabet"], config["pad_char"], config["max_plate_slots"]) == ("12AB皖_", "_", 5)


def test_the_last_whole_epoch_says_how_long_a_step_takes() -> None:
    from _fast_plate_peer import find_step_seconds

    bar = "\x1b[1m{}/8\x1b[0m \x1b[32m━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m{}\x1b[0m {} - loss: 3"
    compiling = "\r".join((bar.format(1, "20s", "3s/step"), bar.format(8, "30s", "1s/step")))
    quick = "\r".join((bar.format(1, "2s", "410ms/step"), bar.format(8, "3s", "402ms/step")))
    slow = bar.format(8, "11s", "1s/step")
    assert find_step_seconds(f"Epoch 1/2\n{compiling}\nEpoch 2/2\n{quick}\n") == pytest.approx(0.402)
    assert find_step_seconds(f"Epoch 1/2\n{compiling}\nEpoch 2/2\n{slow}\n") == pytest.approx(11 / 8)
    with pytest.raises(RuntimeError, match="said nothing of its steps"):
        find_step_seconds("Epoch 1/2\n")


def test_what_is_no_checkout_and_what_is_no_python_is_named(tmp_path: Path) -> None:
    from _fast_plate_peer import open_peer

    with pytest.raises(FileNotFoundError, match=r"git clone https://github\.com/ankandrew/fast-plate-ocr"):
        open_peer(tmp_path, tmp_path / "python", backend="torch", num_threads=1)
    command = tmp_path / "fast_plate_ocr" / "cli" / "train.py"
    command.parent.mkdir(parents=True)
    command.touch()
    with pytest.raises(FileNotFoundError, match="no such Python"):
        open_peer(tmp_path, tmp_path / "python", backend="torch", num_threads=1)


def test_figures_of_both_sides_stand_in_one_row_a_set() -> None:
    from plates_mixed import make_rows

    def side(right: float) -> dict[str, object]:
        share = {"value": right, "low": right - 0.1, "high": right + 0.1, "n": 100}
        row = {"exact_match": share, "cer": {"value": 0.1, "low": 0.0, "high": 0.2, "n": 100}}
        return {"sets": dict.fromkeys(("uz", "cn", "us", "br"), row), "seconds": 60.0}

    rows = {row.name: row.to_json() for row in make_rows(side(0.95), side(0.5))}
    uzbek, chinese = rows["exact match, uz"], rows["exact match, cn"]
    assert (uzbek["ours"], uzbek["peer"], uzbek["holds"], chinese["holds"]) == (0.95, 0.5, False, True)
    assert (uzbek["low"], uzbek["peer_high"]) == (pytest.approx(0.85), pytest.approx(0.6))
    assert rows["exact match, us"]["goal"] is None
    assert rows["training"]["ours"] == 60
    alone = make_rows(side(0.95), None)[0].to_json()
    assert alone["peer"] is None
    assert "peer_low" not in alone
