# SPDX-License-Identifier: Apache-2.0
"""Serves a page, and TensorFlow Serving's REST interface, to try a model."""
