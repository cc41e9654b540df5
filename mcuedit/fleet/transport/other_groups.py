# SPDX-License-Identifier: Apache-2.0
"""Messages of SMP's own groups, where a device may refuse with an error of mcuedit's."""

from __future__ import annotations

from smp import image_management, message, os_management
from smp.header import GroupId

from mcuedit.fleet.transport.messages import RESPONSE, U32
from mcuedit.fleet.transport.protocol import command
from mcuedit.fleet.transport.refusals import ImageV1, ImageV2, OsV1, OsV2


class UploadResponse(message.WriteResponse):
    """The offset wanted next."""

    model_config = RESPONSE
    _GROUP_ID, _COMMAND_ID = GroupId.IMAGE_MANAGEMENT, command("IMAGE_UPLOAD")
    offset: U32
    match: bool | None = None


class UploadWrite(image_management.ImageUploadWriteRequest):
    """One chunk of a package."""

    _Response = UploadResponse
    _ErrorV1 = ImageV1
    _ErrorV2 = ImageV2


class ParametersRead(os_management.MCUMgrParametersReadRequest):
    """Asks for the size of the device's buffer."""

    _Response = os_management.MCUMgrParametersReadResponse
    _ErrorV1 = OsV1
    _ErrorV2 = OsV2


class ResetWrite(os_management.ResetWriteRequest):
    """Resets the device."""

    _Response = os_management.ResetWriteResponse
    _ErrorV1 = OsV1
    _ErrorV2 = OsV2
