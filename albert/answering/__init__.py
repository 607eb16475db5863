# SPDX-License-Identifier: Apache-2.0
"""Answers texts in Python with a model, its tokenizer and its settings."""
