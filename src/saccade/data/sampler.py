"""Which examples make up each step: a pure function of (seed, epoch), so any run can be continued at any step on any number of ranks."""

from collections.abc import Iterator, Sequence

import numpy as np


def make_generator(*key: int) -> np.random.Generator:
    """Return a counter-based generator of its own for a key of up to four non-negative integers, each below 2**32."""
    words = [*key, 0, 0, 0, 0][:4]
    return np.random.Generator(np.random.Philox(key=[words[0] << 32 | words[1], words[2] << 32 | words[3]]))


_POOL_BATCHES, _LEAST_POOLS = 50, 2
"""What is sorted together by length: at most so many batches, and where there are few of them half of the epoch, so that no two
epochs have the same batches."""


class Sampler:
    """Global batches of an epoch.

    A drawn value `v` means example `v % num_examples`, for the `v // num_examples`-th time in this epoch: the value itself
    identifies the draw, so an example that a weight above 1 brings twice is augmented twice differently.
    """

    def __init__(
        self,
        num_examples: int,
        batch_size: int,
        *,
        seed: int,
        weights: Sequence[float] | None = None,
        min_rows: int = 1,
        lengths: Sequence[int] | None = None,
    ) -> None:
        """Keep the sizes.

        Args:
            num_examples: Of the split.
            batch_size: Examples a batch; the last one of an epoch holds what is left.
            seed: Of the run.
            weights: Share of each example in an epoch; None for each once.
            min_rows: A last batch of fewer examples is left out of its epoch: `num_left_out` of them.
            lengths: Of each example, where batches shall hold similar ones; the last batch, if it is not full, holds any.
        """
        self.num_examples = num_examples
        self._lengths = None if lengths is None else np.asarray(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self._weights = None if weights is None else np.asarray(weights, dtype=np.float64)
        draws = num_examples if self._weights is None else self._count_draws(self._weights)
        full, rest = divmod(draws, batch_size)
        self.num_batches = full + (rest >= min_rows)
        self.num_left_out = rest if rest < min_rows else 0

    @staticmethod
    def _count_draws(weights: np.ndarray) -> int:
        return int(
            sum(
                round(float(weight) * int(count))
                for weight, count in zip(*np.unique(weights, return_counts=True), strict=True)
            )
        )

    def order(self, epoch: int) -> np.ndarray:
        """Return the drawn values of an epoch in order."""
        order = self._shuffle(epoch)
        return order if self._lengths is None else self._group(order, self._lengths, epoch)

    def _group(self, order: np.ndarray, lengths: np.ndarray, epoch: int) -> np.ndarray:
        """Sort pools of shuffled values by length, cut them into batches, and shuffle these and the rows of each."""
        rng = make_generator(self._seed, epoch, 1, 1)
        num_full = len(order) // self._batch_size
        full, rest = np.split(order, [num_full * self._batch_size])
        num_pools = max(-(-num_full // _POOL_BATCHES), min(_LEAST_POOLS, num_full), 1)
        pools = np.array_split(full.reshape(num_full, self._batch_size), num_pools)
        flat = [pool.ravel()[np.argsort(lengths[pool.ravel() % self.num_examples], kind="stable")] for pool in pools]
        # a batch whose rows stood in order would give each rank its own lengths
        batches = rng.permuted(np.concatenate(flat).reshape(num_full, self._batch_size), axis=1)
        return np.concatenate([rng.permutation(batches).ravel(), rest])

    def _shuffle(self, epoch: int) -> np.ndarray:
        rng = make_generator(self._seed, epoch, 0, 1)  # the key of an example is (seed, epoch, draw, 0)
        if self._weights is None:
            return rng.permutation(self.num_examples)
        draws = []
        for weight in np.unique(self._weights):
            members = np.flatnonzero(self._weights == weight)
            wanted = round(float(weight) * len(members))
            passes, rest = divmod(wanted, len(members))
            draws += [members + occurrence * self.num_examples for occurrence in range(passes)]
            draws.append(rng.permutation(members)[:rest] + passes * self.num_examples)
        return rng.permutation(np.concatenate(draws))

    def batches(self, epoch: int, first: int = 0) -> Iterator[np.ndarray]:
        """Yield the global batches of an epoch as drawn values, from batch number `first` on."""
        order = self.order(epoch)
        for number in range(first, self.num_batches):
            yield order[number * self._batch_size : (number + 1) * self._batch_size]


def rows_of_part(num_rows: int, part: int, num_parts: int) -> slice:
    """Return the rows of a global batch that belong to one of several near-equal parts (ranks times micro-batches).

    Parts begin at even rows wherever each then gets a row, so that what mixes rows 2k and 2k + 1 finds both in one part;
    in smaller batches they begin anywhere.
    """
    num_pairs = -(-num_rows // 2)
    if num_pairs < num_parts:
        return slice(num_rows * part // num_parts, num_rows * (part + 1) // num_parts)
    start, stop = (2 * (num_pairs * edge // num_parts) for edge in (part, part + 1))
    return slice(start, min(stop, num_rows))
