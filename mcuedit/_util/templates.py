# SPDX-License-Identifier: Apache-2.0
"""The text of templates/."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mcuedit._util import resources

if TYPE_CHECKING:
    import jinja2


def render(template: str, context: Mapping[str, Any]) -> str:
    """One of templates/; a name that the context lacks is an error."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.path("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
