# SPDX-License-Identifier: Apache-2.0
"""Lists the writer of each format that models are converted to."""

from albert.interchange import google
from albert.interchange import huggingface
from albert.interchange import kerashub

WRITERS = {
    "bert": huggingface.write_bert,
    "google": google.write,
    "huggingface": huggingface.write,
    "kerashub": kerashub.write,
    "model_dir": google.write_model_directory,
}
