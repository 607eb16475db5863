# SPDX-License-Identifier: Apache-2.0
"""A page, and TensorFlow Serving's REST interface, to try a model by hand."""
