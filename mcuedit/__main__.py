# SPDX-License-Identifier: Apache-2.0
from mcuedit.cli import main

main()
