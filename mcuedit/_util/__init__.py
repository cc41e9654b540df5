# SPDX-License-Identifier: Apache-2.0
"""What every room may use: errors, files that appear whole, resources of the installation, models of files."""
