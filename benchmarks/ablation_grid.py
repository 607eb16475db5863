# SPDX-License-Identifier: Apache-2.0
"""The models of the paper's ablations at a small scale, with its own numbers.

The tables are those of Lan et al. 2020, arXiv:1909.11942: 3 (width of the
embeddings), 4 (sharing), 5 (sentence loss), 11 (depth) and 12 (width). The
paper's base has H 768, L 12, E 128; here it is what ``Scale`` says. A model
that stands in several tables is one ``Cell``, and is trained once.
"""

import dataclasses
import itertools

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
    max_seq_length: int = 64
    max_predictions_per_seq: int = 10
    train_batch_size: int = 64
    num_train_steps: int = 600
    learning_rate: float = 4e-3
    save_checkpoints_steps: int = 200
    max_eval_steps: int = 50
    dtype: str = "bfloat16"
    sst2_examples: int = 4000
    mrpc_examples: int = 3668
    finetuning_batch_size: int = 32
    sst2_steps: int = 300
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
    max_seq_length=32,
    max_predictions_per_seq=5,
    train_batch_size=4,
    num_train_steps=6,
    save_checkpoints_steps=2,
    max_eval_steps=1,
    dtype="float32",
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
class PaperRow:
    """A row of the paper: what it printed, and the model's configuration.

    Attributes:
      label: str, what the row is of.
      config: ``AlbertConfig``.
      average: float, over the five tasks, in percent.
      printed: str, its number of parameters as printed; None where it is not
        known.
      scores: five str: SQuAD 1.1 and 2.0 (F1/EM), MNLI, SST-2, RACE.
      heads: str, accuracies of masked LM, next sentence, sentence order.
    """

    label: str
    config: AlbertConfig
    average: float
    printed: str | None = None
    scores: tuple = ()
    heads: str | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table here, and the paper's row that it stands for."""

    label: str
    cell: Cell
    paper: PaperRow | None = None


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


def _paper(
    label, average, printed, scores="", size="base", heads=None, **with_
):
    config = AlbertConfig.named(size, **with_)
    return PaperRow(
        label, config, average, printed, tuple(scores.split()), heads
    )


_NOT_SHARED = {
    64: (81.3, "87M", "89.9/82.9 80.1/77.8 82.9 91.5 66.7"),
    128: (81.7, "89M", "89.9/82.8 80.3/77.3 83.7 91.5 67.9"),
    256: (81.8, "93M", "90.2/83.2 80.3/77.4 84.1 91.9 67.3"),
    768: (82.3, "108M", "90.4/83.2 80.4/77.6 84.5 92.8 68.2"),
}
_SHARED = {
    64: (79.0, "10M", "88.7/81.4 77.5/74.8 80.8 89.4 63.5"),
    128: (80.1, "12M", "89.3/82.3 80.0/77.1 81.6 90.3 64.0"),
    256: (79.6, "16M", "88.8/81.5 79.1/76.3 81.5 90.3 63.4"),
    768: (79.8, "31M", "88.6/81.5 79.2/76.6 82.0 90.6 63.3"),
}
_SHARING = {
    (768, "all"): (79.8, "31M", "88.6/81.5 79.2/76.6 82.0 90.6 63.3"),
    (768, "attention"): (81.6, "83M", "89.9/82.7 80.0/77.2 84.0 91.4 67.7"),
    (768, "ffn"): (79.5, "57M", "89.2/82.1 78.2/75.4 81.5 90.8 62.6"),
    (768, "none"): (82.3, "108M", "90.4/83.2 80.4/77.6 84.5 92.8 68.2"),
    (128, "all"): (80.1, "12M", "89.3/82.3 80.0/77.1 82.0 90.3 64.0"),
    (128, "attention"): (81.7, "64M", "89.9/82.8 80.7/77.9 83.4 91.9 67.6"),
    (128, "ffn"): (80.2, "38M", "88.9/81.6 78.6/75.6 82.3 91.7 64.4"),
    (128, "none"): (81.6, "89M", "89.9/82.8 80.3/77.3 83.2 91.5 67.9"),
}
_OBJECTIVES = {
    "none": (79.0, "88.6/81.5 78.1/75.3 81.5 89.9 61.7", "54.9 / 52.4 / 53.3"),
    "nsp": (79.2, "88.4/81.5 77.2/74.6 81.6 91.1 62.3", "54.5 / 90.5 / 52.0"),
    "sop": (80.1, "89.3/82.3 80.0/77.1 82.0 90.3 64.0", "54.0 / 78.9 / 86.5"),
}
_DEPTHS = {1: 52.9, 3: 71.2, 6: 77.2, 12: 81.5, 24: 82.1, 48: 81.8}
_WIDTHS = {
    1024: (71.2, "18M"),
    2048: (74.6, "60M"),
    4096: (76.3, "225M"),
    6144: (74.0, "499M"),
}
SHARED_WORDS = {
    "all": "all shared",
    "attention": "attention shared",
    "ffn": "feed-forward shared",
    "none": "not shared",
}
OBJECTIVE_WORDS = {
    "none": "no sentence loss",
    "nsp": "next sentence (NSP)",
    "sop": "sentence order (SOP)",
}


def paper_tables():
    """Returns the paper's rows: dict from the name of a table to a list."""
    return {
        "table_3": [
            _paper(
                f"E {width}, {SHARED_WORDS[sharing]}",
                *values,
                embedding_size=width,
                sharing=sharing,
            )
            for sharing, rows in (("none", _NOT_SHARED), ("all", _SHARED))
            for width, values in rows.items()
        ],
        "table_4": [
            _paper(
                f"E {width}, {SHARED_WORDS[sharing]}",
                *values,
                embedding_size=width,
                sharing=sharing,
            )
            for (width, sharing), values in _SHARING.items()
        ],
        "table_5": [
            _paper(OBJECTIVE_WORDS[name], average, "12M", scores, heads=heads)
            for name, (average, scores, heads) in _OBJECTIVES.items()
        ],
        "depth": [
            _paper(
                f"L {layers}",
                average,
                None,
                size="large",
                num_hidden_layers=layers,
            )
            for layers, average in _DEPTHS.items()
        ],
        "width": [
            _paper(
                f"H {width}",
                *values,
                size="large",
                hidden_size=width,
                intermediate_size=4 * width,
                num_attention_heads=width // 64,
                num_hidden_layers=3,
            )
            for width, values in _WIDTHS.items()
        ],
    }


def tables(scale):
    """Returns the tables of a scale: dict of name to ``Table``, in order."""
    paper = paper_tables()
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
    names = {OBJECTIVE_WORDS[name] for name in scale.objectives}
    found["table_5"] = Table(
        "The sentence loss (the paper's Table 5)",
        _rows(
            cells,
            [row for row in paper["table_5"] if row.label in names],
            lambda cell: OBJECTIVE_WORDS[cell.objective],
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
    return f"E {cell.embedding_size}, {SHARED_WORDS[cell.sharing]}"


def _chain(number):
    """Returns pairs of each row but the first with the one before it."""
    return tuple((i + 1, i) for i in range(number - 1))
