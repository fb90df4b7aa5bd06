"""What PaddleOCR's code does with each key, as tables: where its value goes here, or why it goes nowhere.

Its classes take unknown keys and drop them (`**kwargs`), so what a class reads is what its parameters are called; what a
key of another name was meant to be stands in `MEANT`. Facts of releases 2.6 to 3.x, and where they differ, of which.
"""

import difflib
from collections.abc import Iterable, Mapping

from saccade.recipes.importers.draft import Aside, Left, NoEffect, Rule, To

_MACHINE = Aside("says on what it runs, which is `saccade train --device` here")
_OUTPUT = Aside("says what is shown or written, and when")
_LATER = Aside("is for using a trained model")
_SCALING = Aside("is how float16 is scaled, which is done here without being asked")

GLOBAL: Mapping[str, Rule] = {
    "epoch_num": To("train.epochs"),
    "seed": To("seed"),
    "print_batch_step": To("train.log_every_steps"),
    "use_sync_bn": To("train.sync_batch_norm"),
    "learning_rate": NoEffect("nothing reads it; the rate is Optimizer.lr.learning_rate"),
    "batch_size": NoEffect("nothing reads it; the batch is Train.loader.batch_size_per_card"),
    "train_batch_size_per_card": NoEffect("release 1.1 was the last to read it; now Train.loader.batch_size_per_card is"),
    "test_batch_size_per_card": NoEffect("release 1.1 was the last to read it; now Eval.loader.batch_size_per_card is"),
    "algorithm": NoEffect("release 1.1 was the last to read it; now Architecture says it"),
    "loss_type": NoEffect("release 1.1 was the last to read it; now Loss.name says it"),
    "reader_yml": NoEffect("release 1.1 was the last to read it; now Train.dataset says where data are"),
    "character_type": NoEffect("release 2.0 was the last to read it; the dictionary alone decides which characters there are"),
    "pretrained_model": Left("weights of Paddle (.pdparams) cannot be read here; training starts from fresh ones"),
    "checkpoints": Left("a run of PaddleOCR cannot be gone on with here; training starts from fresh weights"),
    "amp_level": _SCALING,
    "amp_custom_black_list": _SCALING,
    "amp_custom_white_list": _SCALING,
    "scale_loss": _SCALING,
    "use_dynamic_loss_scaling": _SCALING,
    **{key: _MACHINE for key in (
        "use_gpu", "use_xpu", "use_npu", "use_mlu", "use_gcu", "use_metax_gpu", "use_iluvatar_gpu", "distributed",
        "find_unused_parameters", "to_static", "load_static_weights", "uniform_output_enabled",
    )},
    **{key: _OUTPUT for key in (
        "debug", "log_smooth_window", "save_model_dir", "save_epoch_step", "use_visualdl", "use_wandb", "cal_metric_during_train",
        "calc_epoch_interval", "print_mem_info", "model_name",
    )},
    **{key: _LATER for key in (
        "save_inference_dir", "infer_img", "infer_mode", "save_res_path", "d2s_train_image_shape", "export_with_pir", "label_list",
        "class_path",
    )},
}  # fmt: skip

#: Class -> its parameters that a configuration can set.
READS: Mapping[str, tuple[str, ...]] = {
    # Optimizer
    "Adam": ("beta1", "beta2", "epsilon", "lazy_mode"),
    "AdamW": ("beta1", "beta2", "epsilon", "multi_precision", "no_weight_decay_name", "one_dim_param_no_weight_decay", "lazy_mode"),
    "Momentum": ("momentum",),
    "RMSProp": ("momentum", "rho", "epsilon"),
    "Adadelta": ("epsilon", "rho"),
    # Optimizer.lr
    "Const": ("learning_rate", "warmup_epoch"),
    "Cosine": ("learning_rate", "warmup_epoch"),
    "LinearWarmupCosine": ("learning_rate", "warmup_steps", "start_lr", "min_lr"),
    "OneCycle": ("max_lr", "warmup_epoch", "anneal_strategy", "three_phase"),
    "Step": ("learning_rate", "step_size", "gamma", "warmup_epoch"),
    "MultiStepDecay": ("learning_rate", "milestones", "gamma", "warmup_epoch"),
    "Piecewise": ("decay_epochs", "values", "warmup_epoch"),
    "Linear": ("learning_rate", "end_lr", "power", "warmup_epoch"),
    "CyclicalCosine": ("learning_rate", "cycle", "warmup_epoch"),
    "TwoStepCosine": ("learning_rate", "warmup_epoch"),
    "DecayLearningRate": ("learning_rate", "factor"),
    # Architecture
    "ResNet": ("layers",),
    "MobileNetV3": ("model_name", "scale", "large_stride", "small_stride", "disable_se"),
    "CTCHead": ("fc_decay", "mid_channels", "return_feats"),
    "NRTRHead": ("nrtr_dim", "max_text_length", "num_decoder_layers"),
    # Train.dataset.transforms
    "RecAug": ("tia_prob", "crop_prob", "reverse_prob", "noise_prob", "jitter_prob", "blur_prob", "hsv_aug_prob"),
    "BaseDataAugmentation": ("crop_prob", "reverse_prob", "noise_prob", "jitter_prob", "blur_prob", "hsv_aug_prob"),
    "RandAugment": ("prob", "num_layers", "magnitude", "fillcolor"),
    "RecConAug": ("prob", "ext_data_num", "image_shape", "max_text_length"),
    "RecResizeImg": ("image_shape", "padding", "infer_mode", "character_dict_path", "eval_mode"),
    "SVTRRecResizeImg": ("image_shape", "padding"),
}  # fmt: skip

#: (class, key that it does not read) -> why, where more is known than that.
MEANT: Mapping[tuple[str, str], str] = {
    ("ResNet", "disable_se"): "this ResNet has no squeeze-excite to switch; of the networks for lines of text MobileNetV3 has it",
    ("ResNet", "model_name"): "the size of a ResNet is `layers`; MobileNetV3 has model_name",
    ("ResNet", "pretrained"): "weights are loaded from Global.pretrained_model alone",
    ("MobileNetV3", "pretrained"): "weights are loaded from Global.pretrained_model alone",
    ("OneCycle", "warmup_steps"): "OneCycle counts its warm-up in epochs (warmup_epoch); LinearWarmupCosine has warmup_steps",
    ("OneCycle", "min_lr"): "OneCycle ends where its own divisors say; LinearWarmupCosine has min_lr",
    ("OneCycle", "start_lr"): "OneCycle starts where its own divisors say; LinearWarmupCosine has start_lr",
    ("OneCycle", "learning_rate"): "OneCycle's rate is max_lr",
    ("Cosine", "warmup_steps"): "Cosine counts its warm-up in epochs (warmup_epoch); LinearWarmupCosine has warmup_steps",
    ("Cosine", "min_lr"): "Cosine always ends at 0; LinearWarmupCosine has min_lr",
    ("LinearWarmupCosine", "warmup_epoch"): "LinearWarmupCosine counts its warm-up in steps (warmup_steps)",
    ("DecayLearningRate", "end_lr"): "it is overwritten with 0",
    ("RecAug", "use_tia"): "RecAug read it until release 2.5; since 2.6 (May 2022) tia_prob is the probability, 0 for never",
    ("RecAug", "aug_prob"): "RecAug read it until release 2.5; since 2.6 (May 2022) each operation has a probability of its own",
    ("RandAugment", "num_ops"): "RandAugment calls it num_layers",
    ("RandAugment", "n"): "RandAugment calls it num_layers",
    ("RandAugment", "m"): "RandAugment calls it magnitude",
    ("RandAugment", "p"): "RandAugment calls it prob",
    ("CTCHead", "Neck"): "a neck is Architecture.Neck; only the CTCHead in the head_list of a MultiHead has one of its own",
    ("NRTRHead", "Neck"): "of the heads in a head_list only CTCHead has a neck",
    ("SARHead", "Neck"): "of the heads in a head_list only CTCHead has a neck",
}  # fmt: skip

#: Names that PaddleOCR knows and saccade has no counterpart for.
OTHER_BACKBONES = (
    "MobileNetV1Enhance", "ResNetFPN", "MTB", "ResNet31", "ResNet32", "ResNet45", "ResNet_ASTER", "ResNetRFL", "ResNetV2", "MicroNet",
    "EfficientNetb3_PREN", "SVTRNet", "SVTRv2", "RepSVTR", "ViTSTR", "ViTParseQ", "ViT", "DenseNet", "ShallowCNN", "PPLCNetV3",
    "PPLCNetV4", "PPHGNet_small", "PPHGNetV2_B4", "PPHGNetV2_B4_Formula", "HybridTransformer", "DonutSwinModel", "Vary_VIT_B",
    "Vary_VIT_B_Formula",
)  # fmt: skip
OTHER_HEADS = (
    "AttentionHead", "SRNHead", "Transformer", "AsterHead", "SARHead", "NRTRHead", "PRENHead", "ABINetHead", "VLHead", "RFLHead",
    "RobustScannerHead", "SPINAttentionHead", "CANHead", "SATRNHead", "ParseQHead", "CPPDHead", "LaTeXOCRHead", "UniMERNetHead",
    "PPFormulaNet_Head",
)  # fmt: skip
OTHER_OPERATIONS = (
    "ABINetRecAug", "SVTRRecAug", "ParseQRecAug", "ABINetRecResizeImg", "ClsResizeImg", "SRNRecResizeImg", "SARRecResizeImg",
    "VLRecResizeImg", "PRENResizeImg", "GrayRecResizeImg", "SPINRecResizeImg", "RobustScannerRecResizeImg", "RFLRecResizeImg",
    "NRTRRecResizeImg", "NRTRDecodeImage", "SSLRotateResize", "CopyPaste", "ColorJitter", "IaaAugment", "NormalizeImage", "ToCHWImage",
    "Resize", "Pad",
)  # fmt: skip
LABEL_ENCODERS = "LabelEncode"
"""How the names of operations end that turn texts into numbers."""
ENCODERS_READ = ("max_text_length", "character_dict_path", "use_space_char")
"""What all of those read."""

DATASET: Mapping[str, Rule] = {
    "ext_op_transform_idx": Aside("belongs to RecConAug"),
    "ds_width": Left(
        "widths that differ from batch to batch have no counterpart; every image gets one width", (False,)
    ),
    "wh_aware": Left(
        "widths that differ from batch to batch have no counterpart; every image gets one width", (False,)
    ),
}
LOADER: Mapping[str, Rule] = {
    "shuffle": Left("training images are always shuffled here", (True,)),
    "drop_last": Left(
        "leaves the images of a last incomplete batch out of each epoch; here they are trained on", (False,)
    ),
    "use_shared_memory": Aside("says how images are handed over"),
    "collate_fn": Left("how a batch is put together is the task's here"),
}
LOSS: Mapping[str, Rule] = {
    "use_focal_loss": Left("a focal CTC loss has no counterpart", (False,)),
}
SPACES = "spaces are taken out there before texts are compared; here they count"
METRIC: Mapping[str, Rule] = {
    "is_filter": Left(
        "letters and digits alone are compared there, in lower case; here every character counts", (False,)
    ),
    "ignore_space": Left(SPACES, (False,)),
}


def explain_swallowed(owner: str, key: str, reads: Iterable[str] = ()) -> str:
    """Return why a class of PaddleOCR does nothing with a key that it does not read."""
    if (owner, key) in MEANT:
        return MEANT[owner, key]
    reads = tuple(reads) or READS.get(owner, ())
    near = difflib.get_close_matches(key, reads, n=1)
    hint = f"; did it mean {near[0]}?" if near else f"; it reads {', '.join(reads)}" if reads else ""
    return f"{owner} has no parameter of this name and drops what it does not know (**kwargs){hint}"
