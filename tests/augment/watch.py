"""Watching what tensors do: any call that would make the host wait for the device is an error."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

WAITING = {
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.masked_select.default,
    torch.ops.aten.is_nonzero.default,
    torch.ops.aten.equal.default,
    torch.ops.aten.unique_dim.default,
    torch.ops.aten.bincount.default,
}
INDEXING = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put.default, torch.ops.aten.index_put_.default}


class NoWaiting(TorchDispatchMode):
    """Raise on operations whose result, or its size, the host must know; remember the names of all others."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        by_mask = func in INDEXING and any(index is not None and index.dtype == torch.bool for index in args[1])
        to_host = func is torch.ops.aten._to_copy.default and str(kwargs.get("device")) == "cpu"
        if func in WAITING or by_mask or to_host:
            raise AssertionError(f"{func} waits for the device")
        self.seen.add(str(func))
        return func(*args, **kwargs)
