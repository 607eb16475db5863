#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pretrains transformers' ALBERT with a plain loop of PyTorch, as a peer.

    .venv-peers/bin/python benchmarks/transformers_pretraining.py \\
        --output_dir=learning --text='novels/*.txt' --minutes=8

The folder is that of ``learning.py``, which has made the vocabulary and the
held-out records: the same text, size and minutes, measured on the same
records and pairs. Of all learning rates the best counts. Each training is
stored beside those of ``learning.py``, whose --report writes all of them; what
is stored is not trained again. --quick trains a tiny model for seconds.
"""

import argparse
import contextlib
import functools
import glob
import itertools
import json
import math
import os
import shutil
import sys
import time

import ablation_files
import learning_recipes
import measurements
import numpy as np
import recipe_runner
import torch
import transformers
from learning import LENGTH
from learning import PREDICTIONS
from learning import Bench
from learning import name_result
from workers import transformers_peer

from albert.config import AlbertConfig
from albert.inspection import opening
from albert.inspection import reading

# As the recipes of learning_recipes.py have it: 64 pieces for most of the
# time, then 128; batches of 64.
SHORT = 64
SHORT_SHARE = 0.8
BATCH = learning_recipes.COMMON["train_batch_size"]
WARMUP = 0.06
EVALUATION_BATCHES = 60
# While it trains; with all of them ten evaluations are most of 8 minutes.
CURVE_BATCHES = 10


def main():
    parser = make_parser()
    arguments = parser.parse_args()
    folder = os.path.abspath(arguments.output_dir)
    for name in ("vocabulary.model", "held_out.tfrecord"):
        if not os.path.exists(f"{folder}/data/{name}"):
            parser.error(f"{folder}/data/{name}: run learning.py first")
    if not glob.glob(arguments.text):
        parser.error(f"--text={arguments.text}: no such files")
    minutes = 0.1 if arguments.quick else arguments.minutes
    size = "tiny" if arguments.quick else learning_recipes.COMMON["model_size"]
    bench = Bench(folder)
    try:
        prepare(bench, arguments.text)
    except ValueError as error:
        parser.error(str(error))
    for rate in arguments.learning_rates:
        name = f"transformers_{rate:g}"
        result = name_result(name, minutes, arguments.dtype, arguments.seed)
        path = f"{folder}/results/{result}.json"
        if os.path.exists(path):
            continue
        peer = Peer(
            config_of(size, folder), rate, arguments.seed, arguments.dtype
        )
        curve, results = peer.train(folder, minutes)
        model = f"{folder}/models/{result}"
        peer.save(model, f"{folder}/data/vocabulary.model")
        if os.path.exists(f"{folder}/data/pairs.jsonl"):
            # Not those of a model that was there before.
            bench.forget_pairs(result)
            results["pairs"] = bench.score_pairs(result, model)
        row = {
            "recipe": name,
            "words": f"transformers and PyTorch, AdamW, {rate:g}",
            "flags": {"size": size, "learning_rate": rate},
            "minutes": minutes,
            "seed": arguments.seed,
            "dtype": arguments.dtype,
            "results": results,
            "curve": curve,
            "versions": {
                each.__name__: each.__version__
                for each in (transformers, torch)
            },
            "machine": measurements.machine(),
            "time": time.time(),
        }
        ablation_files.write_json(path, row)
        print(json.dumps({"recipe": name} | row["results"]), flush=True)


def make_parser():
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--output_dir", required=True, help="the folder of learning.py")
    add("--text", required=True, help="glob of plain text to pretrain on")
    add("--minutes", type=float, default=8.0, help="of training, each")
    add(
        "--learning_rates",
        type=lambda text: [float(rate) for rate in text.split(",")],
        default=[5e-4, 1e-3, 2e-3, 4e-3],
        help="comma-separated; default: 5e-4,1e-3,2e-3,4e-3",
    )
    add("--seed", type=int, default=1)
    add("--dtype", choices=("float32", "bfloat16"), default="float32")
    add("--quick", action="store_true", help="tiny, to see that all works")
    return parser


def prepare(bench, text):
    """Makes masked records of both lengths, with the vocabulary there is.

    Args:
      bench: ``Bench``.
      text: str, a pattern of files.

    Raises:
      ValueError: the folder is of another text.
    """
    folder = bench.folder
    done = ablation_files.read_json(f"{folder}/data/train.done.json")
    theirs = done["flags"].get("input_file", text)
    if theirs != text:
        raise ValueError(f"--text={text}: {folder} is of {theirs}: give that")
    for length in (SHORT, LENGTH):
        bench.run(
            "data/create_pretraining_data.py",
            {
                "input_file": text,
                "output_file": f"{folder}/data/masked_{length}.tfrecord",
                "spm_model_file": f"{folder}/data/vocabulary.model",
                "max_seq_length": length,
                "max_predictions_per_seq": math.ceil(
                    PREDICTIONS * length / LENGTH
                ),
                "dupe_factor": 3,
                "overwrite": "true",
            },
            f"data/masked_{length}.done.json",
            "data.log",
        )


def config_of(size, folder):
    """Returns transformers' configuration of a size of this project."""
    metadata = ablation_files.read_json(f"{folder}/data/held_out.json")
    config = AlbertConfig.named(size, vocab_size=metadata["vocabulary"]["size"])
    return transformers_peer.make_config(config.to_dict())


class Peer:
    """A model of transformers with its optimizer.

    Args:
      config: ``transformers.AlbertConfig``.
      rate: float, the highest learning rate.
      seed: int, of the weights and the order of the records.
      dtype: "float32" or "bfloat16", of the products.
    """

    def __init__(self, config, rate, seed, dtype):
        torch.manual_seed(seed)
        self.model = transformers.AlbertForPreTraining(config)
        self._rate, self._seed = rate, seed
        self._autocast = contextlib.nullcontext
        if dtype == "bfloat16":
            self._autocast = lambda: torch.autocast("cpu", torch.bfloat16)
        # Biases and layer norms are not decayed, as in this project. It
        # corrects the bias of its moments.
        self._optimizer = torch.optim.AdamW(
            [
                {
                    "params": [
                        each
                        for each in self.model.parameters()
                        if (each.ndim > 1) == is_decayed
                    ],
                    "weight_decay": 0.01 * is_decayed,
                }
                for is_decayed in (True, False)
            ],
            lr=rate,
            fused=True,
        )

    def train(self, folder, minutes):
        """Trains for some minutes, in which it is evaluated ten times.

        Args:
          folder: str, has ``data``.
          minutes: float, of steps alone: without reading the records, and
            without a first pass of each length, which is discarded.

        Returns:
          (list of [step, minutes, held-out loss, pieces], dict of
          ``evaluate``). The last loss is of all records that are evaluated,
          those before it of the first.
        """
        batches = {
            length: _training_batches(
                f"{folder}/data/masked_{length}.tfrecord", self._seed
            )
            for length in (SHORT, LENGTH)
        }
        for each in batches.values():
            self._add_gradients(
                transformers_peer.pretraining_inputs(next(each))
            )
            self._optimizer.zero_grad()
        curve, total, used, latest = [], 60 * minutes, 0.0, 0.0
        due = 0.1
        pieces = step = 0
        while used < total:
            share = (used + latest / 2) / total
            start = time.perf_counter()
            length = SHORT if share < SHORT_SHARE else LENGTH
            self._step(
                transformers_peer.pretraining_inputs(next(batches[length])),
                share,
            )
            latest = time.perf_counter() - start
            used += latest
            step += 1
            pieces += BATCH * length
            if used / total >= due:
                is_last = used >= total
                results = self.evaluate(
                    folder, EVALUATION_BATCHES if is_last else CURVE_BATCHES
                )
                loss = results["masked_lm_loss"]
                curve.append([step, used / 60, loss, pieces])
                due = math.floor(10 * used / total + 1) / 10
        return curve, results

    def _step(self, inputs, share):
        """Updates the weights when a share of the time is over."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate * min(
                share / WARMUP, max(0.0, 1 - share) / (1 - WARMUP)
            )
        self._add_gradients(inputs)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()

    def _add_gradients(self, inputs):
        """Adds the gradients of a batch to those of the weights."""
        self.model.train()
        with self._autocast():
            loss = self.model(**inputs).loss
        loss.backward()

    def save(self, directory, vocabulary):
        """Writes the model as transformers does, with its tokenizer's file."""
        self.model.save_pretrained(directory)
        shutil.copyfile(vocabulary, f"{directory}/spiece.model")

    def evaluate(self, folder, batches):
        """Returns the losses and accuracies on held-out records: dict.

        Args:
          folder: str, has ``data``.
          batches: int, how many of the first batches are taken.
        """
        records = _read(f"{folder}/data/held_out.tfrecord")
        self.model.eval()
        sums = np.zeros(6)
        for first in range(0, batches * BATCH, BATCH):
            part = slice(first, first + BATCH)
            inputs = transformers_peer.pretraining_inputs(
                {name: v[part] for name, v in records.items()}
            )
            if not len(inputs["input_ids"]):
                break
            with torch.inference_mode(), self._autocast():
                outputs = self.model(**inputs)
            sums += [
                *_sums(outputs.prediction_logits, inputs["labels"]),
                *_sums(outputs.sop_logits, inputs["sentence_order_label"]),
            ]
        names = ("masked_lm", "sentence_order")
        return {
            f"{name}_{what}": float(sums[3 * i + j] / sums[3 * i])
            for i, name in enumerate(names)
            for j, what in ((1, "loss"), (2, "accuracy"))
        }


def _sums(logits, labels):
    """Returns number, losses and hits of what is predicted, summed."""
    chosen = labels != transformers_peer.IGNORED
    logits, labels = logits[chosen].float(), labels[chosen]
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    return (
        len(labels),
        losses.item(),
        (logits.argmax(-1) == labels).sum().item(),
    )


@functools.cache
def _read(path):
    """Returns all records of a file: dict of arrays [N, …]; reads it once."""
    parts = [
        batch.columns
        for batch in reading.read_file(opening.open_kind([path]), path)
    ]
    return {
        name: np.concatenate([part[name].astype("int32") for part in parts])
        for name in parts[0]
    }


def _training_batches(path, seed):
    """Yields batches for ever, in another order in each epoch."""
    records = _read(path)
    number = len(records["input_ids"])
    for epoch in itertools.count():
        order = np.random.default_rng([seed, epoch]).permutation(number)
        for first in range(0, number - BATCH + 1, BATCH):
            rows = order[first : first + BATCH]
            yield {name: values[rows] for name, values in records.items()}


if __name__ == "__main__":
    try:
        main()
    except recipe_runner.RecipeError as error:
        sys.exit(f"FAILED: {error}")
