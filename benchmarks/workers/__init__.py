# SPDX-License-Identifier: Apache-2.0
"""Worker processes of ``compare.py``, one module for each program."""
