"""Several readers that write one text together: at each step the mean of their probabilities decides.

Members need nothing in common but their tokens: each sees images of its own size and preprocessing, and numbers tokens in
its own order. The same reader on turned images is a member like any other. Nothing here is trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from saccade.errors import InputError
from saccade.nn.decoding import DecoderState
from saccade.tasks.read.search import Hypothesis, Reader

_MAX_NAMED = 5


@dataclass(frozen=True)
class Member:
    """A reader of an ensemble, and what its outputs stand for."""

    name: str
    reader: Reader
    outputs: tuple[str, ...]
    """What each class is, in the order of the member's vocabulary, special tokens under names of their own."""
    weight: float = 1.0


class EnsembleState:
    """The states of the members; beams and images are the same in all of them."""

    def __init__(self, states: Sequence[DecoderState]) -> None:
        """Keep one state a member."""
        self.states = tuple(states)

    def select(self, beams: Int64[Tensor, "B N"]) -> None:
        """Let beam n of image b go on from what was its beam `beams[b, n]`."""
        for state in self.states:
            state.select(beams)

    def keep(self, images: Int64[Tensor, " K"]) -> None:
        """Forget all images but these, in this order."""
        for state in self.states:
            state.keep(images)


class EnsembleReader:
    """Reads with several members; tokens are numbered as the first one numbers them."""

    def __init__(self, members: Sequence[Member]) -> None:
        """Match the vocabularies.

        Raises:
            InputError: the members read different tokens, or a weight is not above 0.
        """
        self.members = tuple(members)
        first = members[0].name, members[0].outputs
        self._orders = [torch.tensor(match_outputs(first, (member.name, member.outputs))) for member in members]
        if light := [member.name for member in members if not member.weight > 0]:
            raise InputError(f"{light[0]}: the weight of a member of an ensemble is above 0")
        total = sum(member.weight for member in members)
        self._log_weights = torch.tensor([member.weight / total for member in members]).log()

    def init(self, images: Sequence[UInt8[Tensor, "B _ _ _"]]) -> EnsembleState:
        """Return the state of one empty beam an image; each member is given its own images, of the same things.

        Raises:
            ValueError: there is not one batch a member, of as many images each.
        """
        if len(images) != len(self.members) or len({len(own) for own in images}) != 1:
            sizes = [len(own) for own in images]
            raise ValueError(
                f"batches of {sizes} images for {len(self.members)} members: one a member, all of one size"
            )
        return EnsembleState([member.reader.init(own) for member, own in zip(self.members, images, strict=True)])

    def step(self, state: DecoderState, tokens: Int64[Tensor, "B N"]) -> Float[Tensor, "B N V"]:
        """Append a token to each beam; return the logarithm of the members' mean probability of the next."""
        assert isinstance(state, EnsembleState)
        answers = []
        orders = [order.to(tokens.device) for order in self._orders]
        for member, own, order in zip(self.members, state.states, orders, strict=True):
            answers.append(member.reader.step(own, order[tokens])[:, :, order])
        weights = self._log_weights.to(tokens.device).view(-1, 1, 1, 1)
        return (torch.stack(answers) + weights).logsumexp(dim=0)


class EnsembleNetwork(nn.Module):
    """The networks of all members as one module that keeps no gradient; it reads as `EnsembleReader` does.

    Attributes:
        members: The networks, in the order of the members.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        """Take over the members, whose readers are modules."""
        super().__init__()
        self.members = nn.ModuleList([_take_module(member.reader) for member in members])
        self.requires_grad_(False)
        self._reader = EnsembleReader(members)

    def init(self, images: Sequence[UInt8[Tensor, "B _ _ _"]]) -> EnsembleState:
        """Return the state of one empty beam an image."""
        return self._reader.init(images)

    def step(self, state: DecoderState, tokens: Int64[Tensor, "B N"]) -> Float[Tensor, "B N V"]:
        """Append a token to each beam; return log-probabilities of the next."""
        return self._reader.step(state, tokens)


def _take_module(reader: Reader) -> nn.Module:
    if not isinstance(reader, nn.Module):
        raise TypeError(f"a {type(reader).__name__} has no weights that could be loaded")
    return reader


Outputs = tuple[str, Sequence[str]]
"""What a member is called, and what its classes stand for."""


def match_outputs(first: Outputs, other: Outputs) -> list[int]:
    """Return where each class of the first member is among those of another.

    Raises:
        InputError: They do not stand for the same.
    """
    places = {output: place for place, output in enumerate(other[1])}
    missing = [output for output in first[1] if output not in places]
    added = sorted(set(places) - set(first[1]))
    if missing or added:
        parts = [_name(f"{other[0]} lacks", missing), _name(f"{first[0]} lacks", added)]
        raise InputError(
            f"members of an ensemble read the same tokens: {'; '.join(part for part in parts if part)}; train them with one token list"
        )
    return [places[output] for output in first[1]]


def _name(what: str, outputs: Sequence[str]) -> str:
    if not outputs:
        return ""
    more = f" and {len(outputs) - _MAX_NAMED} more" if len(outputs) > _MAX_NAMED else ""
    return f"{what} {', '.join(map(repr, outputs[:_MAX_NAMED]))}{more}"


def choose_best(readings: Sequence[Sequence[Hypothesis]], *, length_normalisation: bool = True) -> list[Hypothesis]:
    """Return for each image the reading with the best score, of several readings of the same images, such as turned ones."""
    return [
        max(several, key=lambda one: one.compute_score(length_normalisation)) for several in zip(*readings, strict=True)
    ]
