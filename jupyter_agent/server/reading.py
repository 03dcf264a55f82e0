"""Reading a client's frames. A tab's answer may carry a whole notebook: it is read the quick way."""

from __future__ import annotations

from dataclasses import replace

from ..protocol.codec import from_data, from_json, json_data
from ..protocol.frames import ClientFrame, RpcResult

_LARGE = 50_000  # characters or bytes


def read_frame(data: str | bytes) -> ClientFrame:
    """Read a frame.

    Raises:
        BadFrame: it is not understood.
    """
    frame: ClientFrame
    if len(data) < _LARGE:
        frame = from_json(ClientFrame, data)
        return frame
    value = json_data(data)
    if not isinstance(value, dict) or value.get("type") != "rpc_result":
        frame = from_data(ClientFrame, value)
        return frame
    # Any JSON is a result; to be checked as such, it would be walked and built anew.
    result = value.pop("result", None)
    return replace(from_data(RpcResult, value), result=result)
