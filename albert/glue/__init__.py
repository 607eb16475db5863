# SPDX-License-Identifier: Apache-2.0
"""The command `albert glue`: the whole benchmark of nine tasks."""
