"""Which kernel runs a notebook that names no kernel, but a language."""

from __future__ import annotations

import asyncio

from ..protocol.errors import KernelStartFailed
from .gateway import gateway_is_used


async def kernel_for(kernel_name: str | None, language: str | None) -> str | None:
    """Return the kernel to start for a notebook; None for the default one, which is Python's.

    Args:
        kernel_name: the kernel that the notebook names.
        language: its language, in lower case.

    Raises:
        KernelStartFailed: no kernel here runs the language.
    """
    if kernel_name is not None or language in (None, "python") or gateway_is_used():
        return kernel_name
    found = await asyncio.to_thread(_languages)
    fitting = sorted(name for name, spoken in found.items() if spoken == language)
    if fitting:
        return fitting[0]
    here = ", ".join(f"{name} ({spoken})" for name, spoken in sorted(found.items()))
    raise KernelStartFailed(
        f"This notebook is written in {language} and names no kernel, and no kernel for {language} "
        f"is installed here. Installed are: {here or 'none'}. Install one, or choose a kernel in "
        "the notebook."
    )


def _languages() -> dict[str, str]:
    """Return the installed kernels' languages by kernel name."""
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager().get_all_specs()
    return {name: str(spec["spec"].get("language", "")).lower() for name, spec in specs.items()}
