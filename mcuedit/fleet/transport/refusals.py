# SPDX-License-Identifier: Apache-2.0
"""Errors as messages: smp's own accept only the codes that it knows, and a device has more of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from smp import error
from smp.header import GroupId

from mcuedit.fleet.transport.protocol import group

GROUP = group()
LOOSE = ConfigDict(extra="ignore", frozen=True)  # a newer device may say more


class Err(BaseModel):
    """The map of a version-2 error; which codes there are is the device's affair (`reasons.error_of`)."""

    model_config = LOOSE
    group: int
    rc: int


class ErrorV1(error.ErrorV1):
    """{"rc": n}."""

    model_config = LOOSE
    rc: int  # type: ignore[assignment]


class ErrorV2(error.ErrorV2[error.MGMT_ERR]):
    """{"err": {"group": g, "rc": n}}."""

    model_config = LOOSE
    err: Err  # type: ignore[assignment]


class OwnV1(ErrorV1):
    """Of mcuedit's group."""

    _GROUP_ID = GROUP


class OwnV2(ErrorV2):
    """Of mcuedit's group."""

    _GROUP_ID = GROUP


class ImageV1(ErrorV1):
    """Of the image group."""

    _GROUP_ID = GroupId.IMAGE_MANAGEMENT


class ImageV2(ErrorV2):
    """Of the image group."""

    _GROUP_ID = GroupId.IMAGE_MANAGEMENT


class OsV1(ErrorV1):
    """Of the OS group."""

    _GROUP_ID = GroupId.OS_MANAGEMENT


class OsV2(ErrorV2):
    """Of the OS group."""

    _GROUP_ID = GroupId.OS_MANAGEMENT
