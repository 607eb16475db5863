# SPDX-License-Identifier: Apache-2.0
"""Scores sentences and minimal pairs with a masked language model."""
