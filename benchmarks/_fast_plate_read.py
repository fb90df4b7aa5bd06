"""Reads plates with a network of fast-plate-ocr, in that project's Python; `_fast_plate_peer.py` runs it.

    python _fast_plate_read.py CHECKOUT MODEL.keras PLATE_CONFIG.yaml ANNOTATIONS.csv

prints a JSON list of the texts in the order of the file. Its own `valid` prints means of batches and no texts. The network is loaded, and
the images are read and resized, by its own code.
"""

import json
import sys
from typing import Any

BATCH_SIZE = 64


def read(checkout: str, model_file: str, config_file: str, annotations: str) -> list[str]:
    """Return what is read in each image, without the padding at the end."""
    sys.path.insert(0, checkout)
    from fast_plate_ocr.train.data.dataset import PlateRecognitionPyDataset
    from fast_plate_ocr.train.model.config import load_plate_config_from_yaml
    from fast_plate_ocr.train.utilities.utils import load_keras_model

    config: Any = load_plate_config_from_yaml(config_file)
    model: Any = load_keras_model(model_file, config)
    images: Any = PlateRecognitionPyDataset(annotations, config, batch_size=BATCH_SIZE, shuffle=False)
    texts = []
    for number in range(len(images)):
        probabilities = model.predict(images[number][0], verbose=0)
        slots = probabilities.reshape(len(probabilities), config.max_plate_slots, config.vocabulary_size).argmax(-1)
        texts += ["".join(config.alphabet[index] for index in row).rstrip(config.pad_char) for row in slots]
    return texts


if __name__ == "__main__":
    print(json.dumps(read(*sys.argv[1:])))
