import numpy as np
import torch

from saccade.augment.draws import Draws, Stage, send


def make_draws(seed: int = 1, epoch: int = 0) -> Draws:
    return Draws(seed=seed, epoch=epoch, rows=slice(0, 8), num_rows=8, done_fraction=0.0)


def test_a_stream_belongs_to_its_seed_and_stage():
    first = [make_draws(seed).make_generator(stage).random(4).tolist() for seed in (1, 2) for stage in Stage]
    again = [make_draws(seed).make_generator(stage).random(4).tolist() for seed in (1, 2) for stage in Stage]
    assert first == again
    assert len({tuple(draws) for draws in first}) == 2 * len(Stage)


def test_seeds_of_pytorch_generators_fit():
    generator = torch.Generator().manual_seed(2**64 - 1)
    assert 0 <= make_draws(generator.initial_seed()).make_generator(Stage.MIX).random() < 1


def test_what_is_sent_arrives_whole():
    array = np.arange(12).reshape(3, 4)
    assert send(array[:, 1:3], torch.device("cpu")).tolist() == [[1, 2], [5, 6], [9, 10]]
