# SPDX-License-Identifier: Apache-2.0
"""Every runtime against the oracle, byte for byte: random models, random adapters, instruction tables."""
