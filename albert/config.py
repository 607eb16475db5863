# SPDX-License-Identifier: Apache-2.0
"""Defines ``AlbertConfig``, the shape of a model, and the named sizes."""

import dataclasses
import difflib

from albert import json_files
from albert import outputs
from albert.errors import UserError

ACTIVATIONS = ("gelu", "gelu_erf", "relu", "tanh", "linear")
SHARING = ("all", "attention", "ffn", "none")
POSITION_EMBEDDINGS = ("learned", "sinusoidal", "relative_bias")

# Keys that released configurations carry and that the released code never
# reads (its modeling.py has no such field). At these values they mean nothing.
_INERT_KEYS = {
    "net_structure_type": (0,),
    "gap_size": (0,),
    "num_memory_blocks": (0,),
    "down_scale_factor": (1,),
    "layers_to_keep": ([],),
}

# Far above every model that was ever trained (xxlarge: 223 million parameters,
# 12 layers) and far below where a machine is busy until it is out of memory.
_MAXIMA = {
    "vocab_size": 1 << 24,
    "hidden_size": 1 << 16,
    "num_hidden_layers": 1 << 10,
    "num_attention_heads": 1 << 12,
    "intermediate_size": 1 << 18,
    "embedding_size": 1 << 16,
    "max_position_embeddings": 1 << 20,
    "type_vocab_size": 1 << 10,
    "inner_group_num": 1 << 10,
}
_MAX_BLOCKS = 1 << 10
_MAX_PARAMETERS = 10**10


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlbertConfig:
    """Configuration of an ALBERT encoder and its pretraining heads.

    Field names and JSON are those of the original (``AlbertConfig`` of
    google-research/albert ``modeling.py``), plus ``masked_lm_epsilon``,
    ``sharing`` and ``position_embedding``. The original fills a missing size
    with that of xxlarge; here the sizes are required.

    Args:
      vocab_size: int, pieces in the vocabulary (V).
      hidden_size: int, width of the encoder (H).
      num_hidden_layers: int, how many times a block is applied (L).
      num_attention_heads: int, heads (N) per attention; divides H.
      intermediate_size: int, width inside the feed-forward network (I).
      embedding_size: int, width of the embeddings (E). Where E differs from
        H, a dense layer projects E to H; where they are equal there is none.
      hidden_act: "gelu" (the tanh form, as in the original), "relu" (the
        Chinese models), "tanh" or "linear"; "gelu_erf" is the exact form,
        which the original does not have and transformers calls "gelu".
      hidden_dropout_prob: float in [0, 1), after the embeddings, the
        attention output and the feed-forward output.
      attention_probs_dropout_prob: float in [0, 1), on attention weights.
      max_position_embeddings: int, the longest sequence in pieces. Without
        learned positions, longer ones are read too, and this is the length
        that an export has where nothing else says it.
      type_vocab_size: int, number of segment ids.
      initializer_range: float, standard deviation of the truncated normal.
      num_hidden_groups: int (G), divides L: layers i*L/G … (i+1)*L/G - 1
        share one set of weights.
      inner_group_num: int, blocks applied one after another in each layer.
      masked_lm_epsilon: float, what the layer normalisation of the masked-LM
        head adds to the variance: 1e-12 as everywhere in the original;
        KerasHub's head has 1e-5.
      sharing: what the layers of a group share (paper, section 4.4): "all"
        parameters, only "attention", only the "ffn" (feed-forward network),
        or "none".
      position_embedding: "learned", as in the original; "sinusoidal", which
        is computed; or "relative_bias", learnt biases of the attention's
        scores instead of embeddings. See ``albert/modeling/positions.py``.

    Raises:
      UserError: a value that is impossible, with what was received and what
        is allowed.

    Example:
      >>> import albert
      >>> config = albert.AlbertConfig.named("base", vocab_size=8000)
      >>> config.hidden_size, config.num_hidden_layers, config.vocab_size
      (768, 12, 8000)
      >>> config.to_json("albert_config.json")
      >>> albert.AlbertConfig.from_json("albert_config.json") == config
      True
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    embedding_size: int = 128
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    num_hidden_groups: int = 1
    inner_group_num: int = 1
    masked_lm_epsilon: float = 1e-12
    sharing: str = "all"
    position_embedding: str = "learned"

    def __post_init__(self):
        for field in dataclasses.fields(self):
            self._check_type(field)
        self._check_choice("hidden_act", ACTIVATIONS)
        self._check_choice("sharing", SHARING)
        self._check_choice("position_embedding", POSITION_EMBEDDINGS)
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            value = getattr(self, name)
            if not 0.0 <= value < 1.0:
                raise UserError(f"{name} is {value}: it must be in [0, 1)")
        if not 0.0 < self.initializer_range < 1.0:
            raise UserError(
                f"initializer_range is {self.initializer_range}: it must be "
                "between 0 and 1"
            )
        if not 0.0 < self.masked_lm_epsilon < 1.0:
            raise UserError(
                f"masked_lm_epsilon is {self.masked_lm_epsilon}: it must be "
                "between 0 and 1"
            )
        if self.hidden_size % self.num_attention_heads:
            raise UserError(
                f"hidden_size {self.hidden_size} is not a multiple of "
                f"num_attention_heads {self.num_attention_heads}: choose "
                "heads that divide it"
            )
        if self.type_vocab_size < 2:
            raise UserError(
                f"type_vocab_size is {self.type_vocab_size}: a pair of texts "
                "needs 2, one for each"
            )
        self._check_groups()
        self._check_size()

    def _check_type(self, field):
        value = getattr(self, field.name)
        # What is larger is refused below, and may be too large for a float.
        if field.type is float and type(value) is int and abs(value) < 1 << 53:
            object.__setattr__(self, field.name, float(value))
        elif type(value) is not field.type:
            raise UserError(
                f"{field.name} is {value!r}: it must be of type "
                f"{field.type.__name__}"
            )
        if field.type is int and value < 1:
            raise UserError(f"{field.name} is {value}: it must be at least 1")
        maximum = _MAXIMA.get(field.name)
        if maximum and value > maximum:
            raise UserError(
                f"{field.name} is {value:,}: it must be at most {maximum:,}"
            )

    def _check_choice(self, name, allowed):
        value = getattr(self, name)
        if value not in allowed:
            raise UserError(
                f"{name} is {value!r}: it must be one of {', '.join(allowed)}"
            )

    def _check_groups(self):
        layers, groups = self.num_hidden_layers, self.num_hidden_groups
        if layers % groups:
            raise UserError(
                f"num_hidden_layers {layers} is not a multiple of "
                f"num_hidden_groups {groups}: choose groups that divide it"
            )
        if self.sharing == "none" and groups not in (1, layers):
            raise UserError(
                f'sharing "none" with num_hidden_groups {groups} contradict '
                'each other: use sharing "all" with groups, or leave '
                "num_hidden_groups at 1"
            )
        # The original computes the group in floating point (modeling.py:1091)
        # and for a few unusual shapes rounds into the neighbour's weights.
        # Refusing those keeps one formula and no silent difference.
        if self.sharing == "all" and any(
            int(layer / layers * groups) != layer * groups // layers
            for layer in range(layers)
        ):
            raise UserError(
                f"num_hidden_groups {groups} with num_hidden_layers {layers} "
                "is a shape in which the original's rounding mixes up groups: "
                'use sharing "none" for unshared layers, or other numbers'
            )

    def _check_size(self):
        """Refuses what no machine can hold, before one tries."""
        blocks = self.num_hidden_layers * self.inner_group_num
        if blocks > _MAX_BLOCKS:
            raise UserError(
                f"num_hidden_layers {self.num_hidden_layers} times "
                f"inner_group_num {self.inner_group_num} is {blocks:,} "
                f"blocks: at most {_MAX_BLOCKS:,} are possible"
            )
        width, inner = self.hidden_size, self.inner_group_num
        rows = (
            self.vocab_size
            + self.max_position_embeddings
            + self.type_vocab_size
        )
        # The matrices; biases and scales are few.
        parameters = (
            self.embedding_size * (rows + width)
            + self.num_attention_groups * inner * 4 * width * width
            + self.num_ffn_groups * inner * 2 * width * self.intermediate_size
        )
        if parameters > _MAX_PARAMETERS:
            raise UserError(
                f"these sizes make {parameters:,} parameters: at most "
                f"{_MAX_PARAMETERS:,} are possible (xxlarge has 223 million)"
            )

    @property
    def longest_sequence(self):
        """The longest sequence that the model reads, in pieces."""
        if self.position_embedding == "learned":
            return self.max_position_embeddings
        return _MAXIMA["max_position_embeddings"]

    @property
    def num_attention_groups(self):
        """Number of different sets of attention weights."""
        return self._num_groups("attention")

    @property
    def num_ffn_groups(self):
        """Number of different sets of feed-forward weights."""
        return self._num_groups("ffn")

    def _num_groups(self, part):
        if self.sharing in ("all", part):
            return self.num_hidden_groups
        return self.num_hidden_layers

    @classmethod
    def named(cls, name, **changes):
        """Returns a named size, e.g. ``named("tiny", vocab_size=4000)``."""
        if name not in NAMED_SIZES:
            raise UserError(
                f"unknown model size {name!r}: it must be one of "
                f"{', '.join(NAMED_SIZES)}"
            )
        return cls.from_dict({**NAMED_SIZES[name], **changes}, "arguments")

    @classmethod
    def from_dict(cls, values, source="configuration"):
        """Builds a configuration from a dict; see ``from_json``."""
        json_files.check(values, json_files.ANY_OBJECT, source)
        values = dict(values)
        for key, inert in _INERT_KEYS.items():
            if values.get(key, inert[0]) not in inert:
                raise UserError(
                    f"{source}: {key} is {values[key]!r}, which no released "
                    "ALBERT code implements: remove the key"
                )
            values.pop(key, None)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for key in values:
            if key not in fields:
                close = difflib.get_close_matches(key, fields, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise UserError(
                    f"{source}: unknown key {key[:40]!r}: {hint}Allowed are "
                    f"{', '.join(fields)}"
                )
        missing = [
            name
            for name, field in fields.items()
            if field.default is dataclasses.MISSING and name not in values
        ]
        if missing:
            raise UserError(f"{source}: missing key(s) {', '.join(missing)}")
        try:
            return cls(**values)
        except UserError as error:
            raise UserError(f"{source}: {error}") from None

    @classmethod
    def from_json(cls, path):
        """Reads ``albert_config.json`` of this project or of the original.

        Args:
          path: path of a JSON file.

        Raises:
          UserError: file missing, not JSON, an unknown or missing key, or an
            impossible value; the message begins with the path.
        """
        values = json_files.read_object(
            path,
            remedy="give the path of a model configuration, e.g. "
            "albert_config.json",
        )
        return cls.from_dict(values, str(path))

    def to_dict(self):
        """Returns the settings as a dict that ``from_dict`` accepts.

        The positions are in it where they are not the original's: versions
        of this package that did not know them read all other models.
        """
        values = dataclasses.asdict(self)
        if self.position_embedding == "learned":
            del values["position_embedding"]
        return values

    def to_json(self, path):
        """Writes the settings to ``path``, atomically."""
        outputs.write_json(path, self.to_dict())


def _size(vocab, embedding, hidden, layers, heads, **settings):
    return {
        "vocab_size": vocab,
        "embedding_size": embedding,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * hidden,
        **settings,
    }


_DROPOUT = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
_CHINESE = {"hidden_act": "relu"}

# Encoder parameters with the pooler / with both pretraining heads.
NAMED_SIZES = {
    # For CPUs and trials, ours. Vocabulary sizes are those of the examples.
    "tiny": _size(4000, 128, 256, 2, 4),
    "mini": _size(8000, 128, 256, 6, 4),
    "small": _size(16000, 128, 512, 8, 8),
    # The original's. v2 is v1 without dropout, trained longer on more text.
    "base": _size(30000, 128, 768, 12, 12),  # 11,683,584 / 11,813,810
    "large": _size(30000, 128, 1024, 24, 16),  # 17,683,968 / 17,847,474
    "xlarge": _size(30000, 128, 2048, 24, 16),  # 58,724,864 / 59,021,490
    "xxlarge": _size(30000, 128, 4096, 12, 64),  # 222,595,584 / 223,158,450
    "base_v1": _size(30000, 128, 768, 12, 12, **_DROPOUT),
    "large_v1": _size(30000, 128, 1024, 24, 16, **_DROPOUT),
    "xlarge_v1": _size(30000, 128, 2048, 24, 16, **_DROPOUT),
    "xxlarge_v1": _size(30000, 128, 4096, 12, 64),
    "base_zh": _size(21128, 128, 768, 12, 12, **_CHINESE),  # 10,547,968
    "large_zh": _size(21128, 128, 1024, 24, 16, **_CHINESE),  # 16,548,352
    "xlarge_zh": _size(
        21128, 128, 2048, 24, 16, initializer_range=0.014, **_CHINESE
    ),  # 57,589,248
    "xxlarge_zh": _size(21128, 128, 4096, 12, 16, **_CHINESE),  # 221,459,968
}
for _name in ("base", "large", "xlarge", "xxlarge"):
    NAMED_SIZES[f"{_name}_v2"] = NAMED_SIZES[_name]
