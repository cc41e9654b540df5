# SPDX-License-Identifier: Apache-2.0
"""Wake words: recordings in, an adapter for a streaming net out, and what it does on whole streams."""
