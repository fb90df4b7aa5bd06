"""What the engine reads: length, batches, precision, optimiser, schedule, selection, start, stages and budget."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from saccade.recipes.tables.base import Table


class TrainTable(Table):
    """`[train]`: the loop."""

    epochs: int = Field(default=10, ge=1, le=100_000)
    """Passes over the training data."""
    batch_size: int = Field(default=64, ge=1, le=1_000_000)
    """Images an optimiser step, over all ranks and micro-batches."""
    accumulation_steps: int = Field(default=1, ge=1, le=4096)
    """Micro-batches that an optimiser step is split into."""
    batch_by_length: bool = False
    """Put examples of similar length into a batch, so that its longest text makes few others pay for padding; every epoch other ones.
    For tasks whose examples have a length."""
    precision: Literal["fp32", "bf16", "fp16", "auto"] = "fp32"
    """Number format of the forward and backward pass; weights stay fp32. fp16 scales the loss. `auto` is bf16 where the device computes
    in it and fp32 elsewhere, as on CPUs that would only imitate bf16, at a third of the speed; the run's recipe says which it was."""
    channels_last: bool = False
    """Lay images and convolution weights out as NHWC."""
    compile: bool = False
    """Compile the model with torch.compile, before the clock starts; where that fails, it is said and the run goes on without."""
    sync_batch_norm: bool = False
    """Let BatchNorm take its statistics over the images of all ranks; needs GPUs where there are several ranks."""
    grad_clip_norm: float | None = Field(default=None, gt=0)
    """Scale gradients down to this global L2 norm."""
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    """Decay a step of the moving average of the weights; early on it is min(decay, (1 + step) / (10 + step))."""
    log_every_steps: int = Field(default=50, ge=1)
    """Steps between rows of the history; an epoch without one gets one at its end."""
    validate_every_epochs: int = Field(default=1, ge=1)
    """Epochs between validations; the last epoch is always validated."""
    checkpoint_every_steps: int | None = Field(default=None, ge=1)
    """Steps between checkpoints besides the one after each validation."""
    patience_validations: int | None = Field(default=None, ge=1)
    """Stop after this many validations without a better one."""

    record_only: ClassVar[frozenset[str]] = frozenset({"log_every_steps", "checkpoint_every_steps"})


class OptimizerTable(Table):
    """What every optimiser has."""

    learning_rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay; what it does depends on the optimiser."""
    module_weight_decay: dict[str, Annotated[float, Field(ge=0)]] = {}
    """Decay that replaces the global one below a module: `{ head = 1e-5 }`; a module without parameters is an error."""
    decay_norms_and_biases: bool = True
    """Whether one-dimensional parameters (norms, biases) decay too."""


class AdamW(OptimizerTable):
    """Adam with decoupled decay (Loshchilov & Hutter 2019)."""

    name: Literal["adamw"] = "adamw"
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the first moment."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the second moment."""


class Adam(OptimizerTable):
    """Adam with coupled L2: the decay is added to the gradient, as PaddleOCR's `regularizer: L2`."""

    name: Literal["adam"] = "adam"
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the first moment."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the second moment."""


class Sgd(OptimizerTable):
    """Stochastic gradient descent with momentum and L2."""

    name: Literal["sgd"] = "sgd"
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """Momentum."""
    nesterov: bool = False
    """Look ahead along the momentum; needs a momentum above 0."""

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> "Sgd":
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov = true looks ahead along the momentum; set momentum above 0, e.g. 0.9")
        return self


class AdamP(OptimizerTable):
    """AdamP (Heo et al. 2021), from timm."""

    name: Literal["adamp"] = "adamp"
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the first moment."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the second moment."""


class Adadelta(OptimizerTable):
    """Adadelta (Zeiler 2012) with L2, the optimiser of many text recognisers."""

    name: Literal["adadelta"] = "adadelta"
    rho: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the squared gradients' average."""
    epsilon: float = Field(default=1e-6, gt=0)
    """Added to the root for stability."""


Optimizer = Annotated[AdamW | Adam | Sgd | AdamP | Adadelta, Field(discriminator="name")]


class Constant(Table):
    """The same rate throughout."""

    name: Literal["constant"] = "constant"


class Step(Table):
    """The rate times `factor` at each milestone, after a linear warm-up."""

    name: Literal["step"] = "step"
    milestone_epochs: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1, max_length=100)
    """Epochs at which the rate drops, the first of them before training ends."""
    factor: float = Field(default=0.1, gt=0, lt=1)
    """What the rate is multiplied by at each milestone."""
    warmup_epochs: float = Field(default=0.0, ge=0)
    """Length of the linear warm-up."""
    warmup_start_rate: float = Field(default=0.0, ge=0)
    """Rate at step 0 of the warm-up."""


class Cosine(Table):
    """Linear warm-up, then half a cosine down to `min_rate` at the last step (Loshchilov & Hutter 2017)."""

    name: Literal["cosine"] = "cosine"
    warmup_epochs: float = Field(default=0.0, ge=0)
    """Length of the linear warm-up."""
    warmup_start_rate: float = Field(default=0.0, ge=0)
    """Rate at step 0 of the warm-up."""
    min_rate: float = Field(default=0.0, ge=0)
    """Rate at the last step."""


class OneCycle(Table):
    """Up and down once, both halves cosines (Smith & Topin 2018; the form of torch's OneCycleLR)."""

    name: Literal["one_cycle"] = "one_cycle"
    warmup_fraction: float = Field(default=0.3, gt=0, lt=1)
    """Share of all steps spent rising."""
    start_divisor: float = Field(default=25.0, ge=1)
    """The first rate is the peak divided by this."""
    final_divisor: float = Field(default=1e4, ge=1)
    """The last rate is the first divided by this."""


class Cyclic(Table):
    """Triangles between `min_rate` and the peak, each peak lower by `factor` (Smith 2017)."""

    name: Literal["cyclic"] = "cyclic"
    cycle_epochs: float = Field(default=10.0, ge=0.01)
    """Length of one rise and fall."""
    min_rate: float = Field(default=0.0, ge=0)
    """Rate at the foot of each triangle."""
    factor: float = Field(default=1.0, gt=0, le=1)
    """What the height of a triangle is multiplied by from cycle to cycle."""


Schedule = Annotated[Constant | Step | Cosine | OneCycle | Cyclic, Field(discriminator="name")]

LOWER_IS_BETTER = frozenset({"cer", "ece", "nll", "wer", "wer_max"})
"""Metrics that are errors."""


class SelectTable(Table):
    """`[select]`: which validation result chooses the best checkpoint; the task has a default."""

    metric: str
    """A metric of the validation split."""
    higher_is_better: bool = True
    """Direction of the metric; default: false for cer, ece and nll, true for all others."""

    @model_validator(mode="before")
    @classmethod
    def _follow_the_metric(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "higher_is_better" in values:
            return values
        return {**values, "higher_is_better": values.get("metric") not in LOWER_IS_BETTER}


class StartTable(Table):
    """`[start]`: begin from weights that exist."""

    weights: str
    """A run folder (its best checkpoint) or a .safetensors file; relative to the recipe that says it."""
    optimizer: Literal["fresh", "kept"] = "fresh"
    """Whether the optimiser's state of that run goes on too."""
    allow: tuple[str, ...] = ()
    """Modules that may be missing or differ in shape and then keep their fresh weights, e.g. ["head"]."""


class Stage(Table):
    """`[[stage]]`: keys that change from an epoch on; checked up front and drawn into the curves."""

    from_epoch: int = Field(ge=1)
    """First epoch of the stage; epochs count from 0."""
    train: dict[str, Any] = {}
    """Keys of `[train]`: only grad_clip_norm."""
    optimizer: dict[str, Any] = {}
    """Keys of `[optimizer]`: learning_rate, weight_decay."""
    augment: dict[str, Any] = {}
    """Keys of `[augment]`."""
    model: dict[str, Any] = {}
    """Keys of `[model]`: only those of `loss`."""


class BudgetTable(Table):
    """`[budget]`: what the user has; training that cannot end within it is refused with the estimate."""

    hours: float = Field(gt=0)
    """Hours of training, validation included."""


class Reported(Table):
    """`[reported]`: what somebody else published for this recipe; never inherited."""

    metrics: dict[str, float] = {}
    """Metric -> value in [0, 1]."""
    data: str = ""
    """What it was measured on."""
    hardware: str = ""
    """What it ran on."""
    seconds: float | None = None
    """How long it took."""
    reading: str = ""
    """What its authors read from the curves."""
    next: str = ""
    """What they did next."""
    ignored: dict[str, str] = {}
    """Setting -> why their framework silently dropped it."""
