# SPDX-License-Identifier: Apache-2.0
"""One training method a module."""
