# SPDX-License-Identifier: Apache-2.0
"""The models of the paper's ablations at a small scale, with its own numbers.

The tables are those of Lan et al. 2020, arXiv:1909.11942: 3 (width of the
embeddings), 4 (sharing), 5 (sentence loss), 11 (depth) and 12 (width). The
paper's base has H 768, L 12, E 128; here it is what ``Scale`` says. A model
that stands in several tables is one ``Cell``, and is trained once.
"""

import dataclasses
import itertools

import ablation_paper

from albert.config import AlbertConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """The sizes of all models, and how each of them is trained.

    Letters: E width of embeddings, H width of layers, L layers. A head is 64
    wide, as the paper's, where H is at least that.
    """

    vocab_size: int = 4000
    embedding_size: int = 32
    hidden_size: int = 128
    num_hidden_layers: int = 6
    # The paper's E are 1/12, 1/6, 1/3 and all of its H.
    embedding_sizes: tuple = (16, 32, 64, 128)
    # The paper's 1, 3, 6, 12 of 1, 3, 6, 12, 24, 48.
    depths: tuple = (1, 3, 6, 12)
    # The paper's are 1, 2, 4 and 6 times 1024, with 3 layers.
    widths: tuple = (64, 128, 256, 384)
    layers_of_widths: int = 3
    objectives: tuple = ("none", "nsp", "sop")
    tables: tuple = ("table_3", "table_4", "table_5", "depth", "width", "start")
    seeds: tuple = (1, 2, 3)
    max_seq_length: int = 64
    max_predictions_per_seq: int = 10
    # The loss of base leaves that of word frequencies after 300 steps of this
    # rate, and after 400 of twice the rate; with AdamW, 1e-3, it had not.
    train_batch_size: int = 32
    num_train_steps: int = 1500
    learning_rate: float = 4e-3
    save_checkpoints_steps: int = 500
    max_eval_steps: int = 100
    # bfloat16 takes three times as long on processors without instructions
    # for it.
    dtype: str = "float32"
    # Each example of SST-2 is seen once, those of MRPC twice.
    sst2_examples: int = 12800
    mrpc_examples: int = 3668
    finetuning_batch_size: int = 32
    # Of base on SST-2, in 300 steps: 64.9% at 1e-4 and 69.5% at 3e-4, which is
    # too much for wider models.
    finetuning_learning_rate: float = 2e-4
    sst2_steps: int = 400
    mrpc_steps: int = 230


FULL = Scale()
# Shows that everything works: two models, a few steps.
QUICK = Scale(
    vocab_size=300,
    embedding_size=8,
    hidden_size=16,
    num_hidden_layers=2,
    objectives=("nsp", "sop"),
    tables=("table_5",),
    seeds=(1,),
    max_seq_length=32,
    max_predictions_per_seq=5,
    train_batch_size=4,
    num_train_steps=6,
    save_checkpoints_steps=2,
    max_eval_steps=1,
    sst2_examples=16,
    mrpc_examples=16,
    finetuning_batch_size=4,
    sst2_steps=2,
    mrpc_steps=2,
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """A model: its shape, and the sentence loss that it is pretrained with.

    ``objective`` is None for a model that is not pretrained.
    """

    embedding_size: int
    hidden_size: int
    num_hidden_layers: int
    sharing: str = "all"
    objective: str | None = "sop"

    @property
    def name(self):
        """The name of its rows and folders."""
        return "_".join(
            (
                f"e{self.embedding_size}",
                f"h{self.hidden_size}",
                f"l{self.num_hidden_layers}",
                self.sharing,
                self.objective or "not_pretrained",
            )
        )

    def config(self, scale):
        """Returns the ``AlbertConfig``."""
        return AlbertConfig(
            vocab_size=scale.vocab_size,
            embedding_size=self.embedding_size,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=max(1, self.hidden_size // 64),
            intermediate_size=4 * self.hidden_size,
            max_position_embeddings=scale.max_seq_length,
            sharing=self.sharing,
        )


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table here, and the paper's row that it stands for."""

    label: str
    cell: Cell
    paper: ablation_paper.PaperRow | None = None


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: its rows, and which of them are compared.

    ``pairs`` holds pairs of indices of rows, what is asked about first.
    """

    title: str
    rows: tuple
    pairs: tuple

    def comparisons(self):
        """Yields (row, other row): does the first do better?"""
        for first, second in self.pairs:
            yield self.rows[first], self.rows[second]


def tables(scale):
    """Returns the tables of a scale: dict of name to ``Table``, in order."""
    paper = ablation_paper.tables()
    base = _base(scale)
    change = dataclasses.replace
    found = {}
    # Table 3: first all that are not shared, then all that are.
    widths = scale.embedding_sizes
    cells = [
        change(base, embedding_size=width, sharing=sharing)
        for sharing in ("none", "all")
        for width in widths
    ]
    number = len(widths)
    found["table_3"] = Table(
        "Width of the embeddings, shared or not (the paper's Table 3)",
        _rows(cells, paper["table_3"], _describe_sharing),
        (
            *((i, number + i) for i in range(number)),
            *_chain(number),
            *((number + a, number + b) for a, b in _chain(number)),
        ),
    )
    # Table 4: E as wide as the layers, then the paper's narrow one.
    strategies = ("all", "attention", "ffn", "none")
    cells = [
        change(base, embedding_size=width, sharing=sharing)
        for width in (scale.hidden_size, scale.embedding_size)
        for sharing in strategies
    ]
    found["table_4"] = Table(
        "What layers share (the paper's Table 4)",
        _rows(cells, paper["table_4"], _describe_sharing),
        tuple(
            (first + offset, second + offset)
            for offset in (0, len(strategies))
            for first, second in ((1, 0), (2, 0), (3, 0), (1, 2))
        ),
    )
    cells = [change(base, objective=name) for name in scale.objectives]
    names = {ablation_paper.OBJECTIVE_WORDS[name] for name in scale.objectives}
    found["table_5"] = Table(
        "The sentence loss (the paper's Table 5)",
        _rows(
            cells,
            [row for row in paper["table_5"] if row.label in names],
            lambda cell: ablation_paper.OBJECTIVE_WORDS[cell.objective],
        ),
        tuple(
            (second, first)
            for first, second in itertools.combinations(range(len(cells)), 2)
        ),
    )
    cells = [change(base, num_hidden_layers=each) for each in scale.depths]
    found["depth"] = Table(
        "Depth (the paper's Table 11)",
        _rows(
            cells, paper["depth"], lambda cell: f"L {cell.num_hidden_layers}"
        ),
        _chain(len(cells)),
    )
    cells = [
        change(base, hidden_size=each, num_hidden_layers=scale.layers_of_widths)
        for each in scale.widths
    ]
    found["width"] = Table(
        "Width of the layers (the paper's Table 12)",
        _rows(cells, paper["width"], lambda cell: f"H {cell.hidden_size}"),
        _chain(len(cells)),
    )
    found["start"] = Table(
        "Whether pretraining helps at all (not in the paper)",
        (
            Row("pretrained", base),
            Row("random weights", change(base, objective=None)),
        ),
        ((0, 1),),
    )
    return {name: found[name] for name in scale.tables}


def list_cells(chosen):
    """Returns the cells of ``Table``s, each once, in order."""
    return list(
        dict.fromkeys(row.cell for table in chosen for row in table.rows)
    )


def other_objectives(cell, scale):
    """Returns the objectives whose held-out records measure a model as well.

    Only models of Table 5 are measured on records of other objectives. One
    without a sentence loss has no head for it: its masked LM alone is measured
    on pairs of segments, as that of the others is.
    """
    if cell != _base(scale, cell.objective):
        return []
    others = {"none": ("sop",), "nsp": ("sop",), "sop": ("nsp",)}
    return [
        other for other in others[cell.objective] if other in scale.objectives
    ]


def encoder_parameters(config):
    """Returns the exact number of parameters of an encoder with its pooler."""
    narrow, wide = config.embedding_size, config.hidden_size
    rows = (
        config.vocab_size
        + config.max_position_embeddings
        + config.type_vocab_size
    )
    attention = 4 * (wide * wide + wide)
    inner = config.intermediate_size
    feed_forward = 2 * wide * inner + inner + wide
    normalization = 2 * wide
    projection = narrow * wide + wide if narrow != wide else 0
    return (
        rows * narrow
        + 2 * narrow
        + projection
        + config.inner_group_num
        * (
            config.num_attention_groups * (attention + normalization)
            + config.num_ffn_groups * (feed_forward + normalization)
        )
        + wide * wide
        + wide
    )


def _base(scale, objective="sop"):
    return Cell(
        scale.embedding_size,
        scale.hidden_size,
        scale.num_hidden_layers,
        objective=objective,
    )


def _rows(cells, paper, describe):
    # The paper may have more rows than are trained here.
    return tuple(
        Row(describe(cell), cell, row)
        for cell, row in zip(cells, paper, strict=False)
    )


def _describe_sharing(cell):
    return (
        f"E {cell.embedding_size}, {ablation_paper.SHARED_WORDS[cell.sharing]}"
    )


def _chain(number):
    """Returns pairs of each row but the first with the one before it."""
    return tuple((i + 1, i) for i in range(number - 1))
