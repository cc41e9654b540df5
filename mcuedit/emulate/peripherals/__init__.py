# SPDX-License-Identifier: Apache-2.0
"""What lies around an emulated core: registers, flash and its controllers."""
