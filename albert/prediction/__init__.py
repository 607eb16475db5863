# SPDX-License-Identifier: Apache-2.0
"""Predicts with a fine-tuned model, for any number of rows."""
