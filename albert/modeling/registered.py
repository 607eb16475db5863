# SPDX-License-Identifier: Apache-2.0
"""Imports all models, so that Keras knows the classes of `.keras` files."""

from albert.modeling import encoder_decoder  # noqa: F401, registers it
from albert.modeling import models  # noqa: F401
from albert.modeling import span_predictor  # noqa: F401
