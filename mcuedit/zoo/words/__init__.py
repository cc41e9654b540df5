# SPDX-License-Identifier: Apache-2.0
"""The base `words`: a second of speech -> one of 18 commands. `python -m mcuedit.zoo.words.train` trains it again."""
