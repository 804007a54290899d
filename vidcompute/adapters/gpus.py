"""The GPUs of this machine, by NVIDIA's management library (NVML)."""

import logging
from contextlib import suppress

from vidcompute.ports.executor import Gpu

_log = logging.getLogger(__name__)


def gpus() -> tuple[Gpu, ...]:
    """All GPUs, in the order of their places on the bus; none without the package `nvidia-ml-py` or a driver."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()  # there is no driver
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        return tuple(
            Gpu(str(pynvml.nvmlDeviceGetName(handle)), int(pynvml.nvmlDeviceGetMemoryInfo(handle).total))
            for handle in handles
        )
    except pynvml.NVMLError as error:
        _log.warning("NVML does not tell the GPUs: %s", error)
        return ()
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
