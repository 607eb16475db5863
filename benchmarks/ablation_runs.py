# SPDX-License-Identifier: Apache-2.0
"""Trains and evaluates the models of the ablations, one command at a time.

Every command is one of this project's recipes, in a process of its own. What
a command has finished is marked beside its output, so that it is not done
again; one that was interrupted continues, as the recipes do.
"""

import dataclasses
import json
import os
import pathlib
import shutil
import threading

import ablation_files
import ablation_grid
import measurements
import recipe_runner

# Settings that are what ``describe_files`` returns.
FILES = ("text", "held_out", "glue_dir")
TASKS = {"sst-2": "SST-2", "mrpc": "MRPC"}


class Workshop(recipe_runner.Runner):
    """The place of all runs: data, runs in progress, logs and results.

    Args:
      folder: str, need not exist.
      scale: ``ablation_grid.Scale``.
      deadline: float, of ``time.monotonic``, after which no command begins.
    """

    def __init__(self, folder, scale, deadline):
        super().__init__(folder, deadline)
        self.scale = scale
        self._storing = threading.Lock()

    def make_folders(self):
        """Makes the folders that do not exist."""
        for name in ("data", "runs", "logs", "results"):
            os.makedirs(f"{self.folder}/{name}", exist_ok=True)

    # --------------------------------------------------------------- data

    def check_settings(self, values):
        """Stores the settings, or compares them with those of before.

        Args:
          values: dict.

        Returns:
          str, how they differ; None where they do not.
        """
        path = f"{self.folder}/settings.json"
        if not os.path.exists(path):
            ablation_files.write_json(path, values)
            return None
        return self.difference(values)

    def difference(self, values):
        """Returns how settings differ from those that are stored, or None.

        Args:
          values: dict; others that are stored are not compared.
        """
        # As JSON has them: lists for tuples.
        values = json.loads(json.dumps(values))
        before = ablation_files.read_json(f"{self.folder}/settings.json")
        for name in values:
            if values[name] == before.get(name):
                continue
            if name in FILES:
                return ablation_files.describe_change(
                    name, before.get(name), values[name]
                )
            return f"{name} is {values[name]}, and was {before.get(name)}"
        return None

    def prepare(self, text, held_out, glue):
        """Makes vocabulary, records and the files of the tasks.

        Args:
          text, held_out: str, patterns of files, to train and to measure on.
          glue: str, the folder with GLUE's ``SST-2`` and ``MRPC``.
        """
        data, scale = f"{self.folder}/data", self.scale
        for task, number in (
            ("sst-2", scale.sst2_examples),
            ("mrpc", scale.mrpc_examples),
        ):
            target = f"{data}/glue/{TASKS[task]}"
            if not os.path.exists(target):
                ablation_files.draw_examples(
                    f"{glue}/{TASKS[task]}", target, number
                )
        self.run(
            "data/create_vocabulary.py",
            {
                "input_file": text,
                "output_prefix": f"{data}/vocabulary",
                "vocab_size": scale.vocab_size,
                "input_sentence_size": 100000,
                "overwrite": "true",
            },
            "data/vocabulary.done.json",
            "data.log",
        )
        for objective in scale.objectives:
            for split, files in (("train", text), ("held_out", held_out)):
                name = f"{objective}_{split}"
                self.run(
                    "data/create_pretraining_data.py",
                    {
                        "input_file": files,
                        "output_file": f"{data}/{name}.tfrecord",
                        "spm_model_file": f"{data}/vocabulary.model",
                        "objective": objective,
                        "max_seq_length": scale.max_seq_length,
                        "max_predictions_per_seq": (
                            scale.max_predictions_per_seq
                        ),
                        "dupe_factor": 1,
                        "overwrite": "true",
                    },
                    f"data/{name}.done.json",
                    "data.log",
                )

    # ------------------------------------------------------------- models

    def path_of_row(self, cell, seed):
        """Returns the path of the results of a model with a seed."""
        return f"{self.folder}/results/{cell.name}_seed{seed}.json"

    def rows(self):
        """Returns all results so far: list of dict."""
        paths = sorted(pathlib.Path(self.folder, "results").glob("*.json"))
        return [ablation_files.read_json(path) for path in paths]

    def train(self, cell, seed):
        """Trains and measures a model with a seed; stores and returns its row.

        Raises:
          OutOfTimeError, RecipeError: see ``run``.
        """
        name = f"{cell.name}_seed{seed}"
        runs = f"runs/{name}"
        os.makedirs(f"{self.folder}/{runs}", exist_ok=True)
        cell.config(self.scale).to_json(f"{self.folder}/{runs}/config.json")
        evaluations = []
        if cell.objective:
            evaluations = self._pretrain(cell, seed, name)
        for task in TASKS:
            self._finetune(cell, seed, name, task)
        row = self._collect(cell, seed, f"{self.folder}/{runs}", evaluations)
        self.store(cell, seed, row)
        # Checkpoints of dozens of models are gigabytes.
        shutil.rmtree(f"{self.folder}/{runs}")
        return row

    def store(self, cell, seed, row):
        """Stores the row of a model with a seed; safe in several threads."""
        with self._storing:
            ablation_files.write_json(self.path_of_row(cell, seed), row)
            with open(f"{self.folder}/results.jsonl.new", "w") as file:
                file.writelines(json.dumps(each) + "\n" for each in self.rows())
            os.replace(file.name, f"{self.folder}/results.jsonl")

    def _pretrain(self, cell, seed, name):
        """Pretrains; returns the objectives whose records are measured."""
        data, scale = f"{self.folder}/data", self.scale
        folder = f"{self.folder}/runs/{name}"
        evaluation = {
            "max_eval_steps": scale.max_eval_steps,
            "eval_batch_size": scale.train_batch_size,
            "dtype": scale.dtype,
        }
        self.run(
            "run_pretraining.py",
            {
                "input_file": f"{data}/{cell.objective}_train.tfrecord",
                "eval_input_file": f"{data}/{cell.objective}_held_out.tfrecord",
                "albert_config_file": f"{folder}/config.json",
                "output_dir": f"{folder}/pretrained",
                "train_batch_size": scale.train_batch_size,
                "num_train_steps": scale.num_train_steps,
                "learning_rate": scale.learning_rate,
                "save_checkpoints_steps": scale.save_checkpoints_steps,
                "keep_checkpoint_max": 1,
                "seed": seed,
                **evaluation,
            },
            f"runs/{name}/pretrained.done.json",
            f"{name}.log",
        )
        others = ablation_grid.other_objectives(cell, scale)
        for other in others:
            self.run(
                "run_pretraining.py",
                {
                    "do_train": "false",
                    "eval_input_file": f"{data}/{other}_held_out.tfrecord",
                    "init_checkpoint": self._trained(folder),
                    "output_dir": f"{folder}/on_{other}",
                    **evaluation,
                },
                f"runs/{name}/on_{other}.done.json",
                f"{name}.log",
            )
        return others

    def _trained(self, folder):
        """Returns the weights of the last step: those that were measured.

        A directory would stand for its best by held-out accuracy.
        """
        steps = self.scale.num_train_steps
        return f"{folder}/pretrained/model.ckpt-{steps}"

    def _finetune(self, cell, seed, name, task):
        scale = self.scale
        folder = f"{self.folder}/runs/{name}"
        steps = scale.sst2_steps if task == "sst-2" else scale.mrpc_steps
        start = {"init_checkpoint": self._trained(folder)}
        if not cell.objective:
            start = {
                "albert_config_file": f"{folder}/config.json",
                "spm_model_file": f"{self.folder}/data/vocabulary.model",
            }
        self.run(
            "run_classifier.py",
            {
                "task_name": task,
                "data_dir": f"{self.folder}/data/glue",
                "output_dir": f"{folder}/{task}",
                "do_train": "true",
                "do_eval": "true",
                **start,
                "max_seq_length": scale.max_seq_length,
                "train_batch_size": scale.finetuning_batch_size,
                "num_train_steps": steps,
                "learning_rate": scale.finetuning_learning_rate,
                # The last step alone is evaluated: none is chosen.
                "save_checkpoints_steps": steps,
                "keep_checkpoint_max": 1,
                # Without it some seeds of small data learn nothing.
                "bias_correction": "true",
                "dtype": scale.dtype,
                "seed": seed,
            },
            f"runs/{name}/{task}.done.json",
            f"{name}.log",
        )

    def _collect(self, cell, seed, folder, others):
        """Returns the row of results."""
        config = cell.config(self.scale)
        row = {
            "name": cell.name,
            "seed": seed,
            "cell": dataclasses.asdict(cell),
            "scale": dataclasses.asdict(self.scale),
            "encoder_parameters": ablation_grid.encoder_parameters(config),
            "pretraining": {},
            "finetuning": {
                task: ablation_files.read_json(
                    f"{folder}/{task}/eval_results.json"
                )
                for task in TASKS
            },
            "training_loss": [],
        }
        if cell.objective:
            row["pretraining"] = {
                objective: ablation_files.read_json(
                    f"{folder}/{place}/eval_results.json"
                )
                for objective, place in (
                    (cell.objective, "pretrained"),
                    *((other, f"on_{other}") for other in others),
                )
            }
            row["training_loss"] = _read_losses(f"{folder}/pretrained")
        row["commands"] = {
            path.name.removesuffix(".done.json"): ablation_files.read_json(path)
            for path in pathlib.Path(folder).glob("*.done.json")
        }
        row["versions"] = recipe_runner.versions()
        row["machine"] = measurements.machine()
        # Paths of this machine mean nothing to others.
        for results in (
            *row["pretraining"].values(),
            *row["finetuning"].values(),
        ):
            results.pop("checkpoint", None)
            results.pop("data", None)
        return row


def _read_losses(folder):
    """Returns [step, masked-LM loss] of the training steps of a run."""
    from albert import command_line

    command_line.load_tensorflow()
    from albert.training import curves

    scalars = curves.read_scalars(f"{folder}/tensorboard/train")
    return [[step, loss] for step, loss in scalars["masked_lm_loss"]]
