# SPDX-License-Identifier: Apache-2.0
"""What a program calls: load a base, edit it, ask it, measure it. mcuedit/__init__.pyi lists all public names."""
