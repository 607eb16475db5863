# SPDX-License-Identifier: Apache-2.0
"""The models, in Keras."""

# First of all: behind it come all classes, see ``albert/__init__.py``, and
# none of them may be half imported then.
import keras  # noqa: F401
