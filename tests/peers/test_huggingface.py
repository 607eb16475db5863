# SPDX-License-Identifier: Apache-2.0
"""transformers opens what this package writes, and the other way round."""

import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

import albert
from albert.interchange import task_description
from albert.text.tokenizer import Tokenizer
from albert.text.vocabulary import train_vocabulary

TOLERANCE = 1e-5
RELEASED = (
    pathlib.Path(__file__).parents[1]
    / "golden"
    / "released_vocabulary"
    / "30k-clean.model"
)
CORPUS = [
    "The house by the river was empty, and nobody had lived in it since 1911.",
    "He paid 950 pounds (or £1.000?) for a café in Zürich; naïve, wasn't he?",
    "Où sont les neiges d’antan? “Gone”, she said – quite gone…",
    "ΠΕΡΙΣΣΟΤΕΡΑ λόγια, Ελληνικά ΣΑΣ καὶ πάλιν; ещё раз, совсем другое дело.",
    "한국어 문장도 하나 있고 漢字とかなも少し。 हिन्दी में भी।",
]
AWKWARD = [
    "",
    " ",
    "\u0301",
    "a",
    "  two   spaces\tand\na line  ",
    "NBSP\u00a0ideographic\u3000zero\u200bwidth\u2028line\u0085next\x1cfile",
    "ＦＵＬＬ width ﬁne ﬂags ½ ² ™ ℌ Ⅷ ㎏",
    "Éa é e\u0301 E\u0301 ÅÄÖ ñ ç Ż ø ß ẞ İstanbul ı",
    "\u00a8 spacing marks \u00b4 \u02d8 \u037a",
    "``quotes'' of '''three''' ` and ´",
    "a▁b ▁▁ c ▁",
    "\r\n tab\t\x1cq a\x00b",
    '(quoted) "text" - 1.5 – 2,000 £3 €4 \'tis',
    "1999, 12, 3,4,5 and 9,",
    "한국어 한국어 각 각",
    "क़ का फ़िल्म ঘোৱা ক্ষ தமிழ் ไทยคำ",
    "emoji 👩‍👩‍👧 🏳️‍🌈 and \U0001d504\U0001d51f ꟲ 🯱",
    "control \x01\x1f\x7f\ufeff\ufffd characters",
    "κόσμος Ἀθῆναι ΣΟΦΙΑ ΟΔΥΣΣΕΥΣ ΣΑΣ, ΣΑΣ.",
    "x" * 300,
]


def config_of(**changes):
    return albert.AlbertConfig(
        **{
            "vocab_size": 127,
            "hidden_size": 22,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "intermediate_size": 37,
            "embedding_size": 7,
            "max_position_embeddings": 29,
            "type_vocab_size": 3,
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            "num_hidden_groups": 2,
            "inner_group_num": 2,
            **changes,
        }
    )


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(7)


def perturb(model):
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(
            variable.numpy() + rng.normal(scale=0.1, size=variable.shape)
        )
    return model


def batch_of(config, *leading):
    """Inputs [*leading, 17] with lengths and segments that vary."""
    rng = np.random.default_rng(11)
    rows = int(np.prod(leading))
    lengths = rng.integers(5, 18, rows)
    lengths[0] = 17
    positions = np.arange(17)
    mask = positions < lengths[:, np.newaxis]
    segments = (positions > lengths[:, np.newaxis] // 3).astype(np.int32)
    segments += positions > lengths[:, np.newaxis] // 2
    arrays = {
        "input_ids": rng.integers(0, config.vocab_size, (rows, 17)) * mask,
        "input_mask": mask,
        "segment_ids": segments * mask,
    }
    return {
        name: array.reshape(*leading, 17).astype(np.int32)
        for name, array in arrays.items()
    }


def run_theirs(model, batch):
    with torch.no_grad():
        outputs = model.eval()(
            input_ids=torch.tensor(batch["input_ids"], dtype=torch.long),
            attention_mask=torch.tensor(batch["input_mask"], dtype=torch.long),
            token_type_ids=torch.tensor(batch["segment_ids"], dtype=torch.long),
        )
    return {name: each.numpy() for name, each in outputs.items()}


def opened(cls, path):
    """Opens a directory, in which there must be what the class wants."""
    model, info = cls.from_pretrained(path, output_loading_info=True)
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[problem], problem
    return model


def largest_difference(ours, theirs):
    assert ours.shape == theirs.shape
    return np.max(np.abs(ours.astype(np.float64) - theirs))


HEADS = {
    "AlbertModel": (
        lambda config: albert.AlbertEncoder(config),
        (3,),
        {
            "sequence_output": "last_hidden_state",
            "pooled_output": "pooler_output",
        },
    ),
    "AlbertForPreTraining": (
        lambda config: albert.AlbertPretrainer(config),
        (3,),
        {
            "masked_lm_logits": "prediction_logits",
            "sentence_order_logits": "sop_logits",
        },
    ),
    "AlbertForSequenceClassification": (
        lambda config: albert.AlbertClassifier(config, 5),
        (3,),
        {"logits": "logits"},
    ),
    "AlbertForMultipleChoice": (
        lambda config: albert.AlbertMultipleChoice(config),
        (3, 4),
        {"logits": "logits"},
    ),
    "AlbertForTokenClassification": (
        lambda config: albert.AlbertTokenClassifier(config, 7),
        (3,),
        {"logits": "logits"},
    ),
    "AlbertForQuestionAnswering": (
        lambda config: albert.AlbertSpanPredictor(config, "v1"),
        (3,),
        {"start_logits": "start_logits", "end_logits": "end_logits"},
    ),
}


def assert_same_outputs(ours, theirs, leading, names):
    batch = batch_of(ours.config, *leading)
    their_outputs = run_theirs(theirs, batch)
    batch["masked_lm_positions"] = np.tile(
        np.arange(17, dtype=np.int32), (*leading, 1)
    )
    our_outputs = ours(
        {name: tf.constant(each) for name, each in batch.items()}
    )
    for our_name, their_name in names.items():
        difference = largest_difference(
            np.asarray(our_outputs[our_name]), their_outputs[their_name]
        )
        print(f"{type(theirs).__name__} {our_name}: {difference:.1e}")
        assert difference < TOLERANCE


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        *((architecture, {}) for architecture in HEADS),
        ("AlbertForPreTraining", {"hidden_act": "relu"}),
        ("AlbertForPreTraining", {"hidden_act": "gelu_erf"}),
        ("AlbertForPreTraining", {"hidden_act": "tanh"}),
        ("AlbertModel", {"sharing": "none", "num_hidden_groups": 1}),
        ("AlbertModel", {"embedding_size": 22, "num_hidden_groups": 1}),
    ],
)
def test_it_opens_what_we_write(tmp_path, architecture, changes):
    make, leading, names = HEADS[architecture]
    ours = perturb(make(config_of(**changes)))
    albert.save_weights(ours, tmp_path / "x", format="huggingface")
    cls = getattr(transformers, architecture)
    theirs = opened(cls, tmp_path / "x")
    assert_same_outputs(ours, theirs, leading, names)
    auto = transformers.AutoModel.from_pretrained(tmp_path / "x")
    assert type(auto) is transformers.AlbertModel


@pytest.mark.parametrize("architecture", HEADS)
def test_we_open_what_it_writes(tmp_path, architecture):
    make, leading, names = HEADS[architecture]
    num_labels = {
        "AlbertForSequenceClassification": 5,
        "AlbertForTokenClassification": 7,
    }.get(architecture, 2)
    torch.manual_seed(3)
    config = transformers.AlbertConfig(
        vocab_size=127,
        hidden_size=22,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=37,
        embedding_size=7,
        max_position_embeddings=29,
        type_vocab_size=3,
        num_hidden_groups=2,
        inner_group_num=2,
        num_labels=num_labels,
    )
    theirs = getattr(transformers, architecture)(config)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    theirs.save_pretrained(tmp_path / "x", max_shard_size="20KB")
    ours = perturb(make(config_of()))
    albert.load_weights(ours, tmp_path / "x")
    assert_same_outputs(ours, theirs, leading, names)


def test_masked_lm_of_a_model_without_the_other_heads(tmp_path):
    """What comes from KerasHub has no sentence-order head."""
    from albert.convert import convert

    ours = perturb(albert.AlbertPretrainer(config_of(num_hidden_groups=1)))
    albert.save_weights(ours, tmp_path / "a", format="model_dir")
    report = convert(
        tmp_path / "a", tmp_path / "b", "huggingface", head="masked_lm"
    )
    assert report.left == [
        "cls/seq_relationship/output_bias",
        "cls/seq_relationship/output_weights",
        "encoder/pooler/kernel",
        "encoder/pooler/bias",
    ]
    theirs = opened(transformers.AlbertForMaskedLM, tmp_path / "b")
    assert_same_outputs(ours, theirs, (3,), {"masked_lm_logits": "logits"})


def test_classes_and_task_there_and_back(tmp_path):
    from albert.convert import convert

    task = {
        "task_name": "mnli",
        "kind": "classification",
        "labels": ["contradiction", "entailment", "neutral"],
        "max_seq_length": 17,
    }
    ours = perturb(albert.AlbertClassifier(config_of(), 3))
    albert.save_weights(ours, tmp_path / "a", format="model_dir")
    (tmp_path / "a" / "task.json").write_text(json.dumps(task))
    convert(tmp_path / "a", tmp_path / "b", "huggingface")
    theirs = opened(
        transformers.AlbertForSequenceClassification, tmp_path / "b"
    )
    assert theirs.config.id2label == dict(enumerate(task["labels"]))
    theirs.save_pretrained(tmp_path / "c")
    assert task_description.read(tmp_path / "c") == task


# -------------------------------------------------------------- tokenizers


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A vocabulary that knows more than English."""
    folder = tmp_path_factory.mktemp("vocabulary")
    text = folder / "text.txt"
    text.write_text("\n".join(CORPUS * 40))
    train_vocabulary(
        [str(text)],
        str(folder / "spiece"),
        vocabulary_size=113,
        character_coverage=1.0,
    )
    return folder / "spiece.model"


@pytest.fixture(params=["lower-cased", "cased", "released"])
def tokenizers(request, model_file, tmp_path):
    """(ours, transformers') of one directory."""
    ours = Tokenizer(
        RELEASED if request.param == "released" else model_file,
        lower_case=request.param != "cased",
    )
    model = albert.AlbertEncoder(config_of(vocab_size=ours.vocabulary_size))
    albert.save_weights(
        model, tmp_path / "x", format="huggingface", tokenizer=ours
    )
    return ours, transformers.AutoTokenizer.from_pretrained(tmp_path / "x")


def test_ids_of_awkward_text(tokenizers):
    ours, theirs = tokenizers
    texts = AWKWARD + CORPUS
    encoded = theirs(texts, add_special_tokens=False)["input_ids"]
    for text, ids in zip(texts, encoded, strict=True):
        assert ids == ours.encode(text), text


def test_ids_of_every_character(tokenizers):
    ours, theirs = tokenizers
    texts = [
        f"a{chr(point)}b {chr(point)}"
        for point in range(0x110000)
        if not 0xD800 <= point < 0xE000
        # Unassigned planes and private use.
        and not 0x30000 <= point < 0xE0000
        and point < 0xF0000
    ]
    expected = ours.encode_batch(texts)
    found = theirs(texts, add_special_tokens=False)["input_ids"]
    different = [
        text
        for text, ids, other in zip(texts, expected, found, strict=True)
        if ids != other
    ]
    assert different == []


def test_sequences_and_pairs(tokenizers):
    ours, theirs = tokenizers
    a, b = ours.encode(CORPUS[0]), ours.encode(CORPUS[1])
    cls, sep = ours.cls_id, ours.sep_id
    encoded = theirs(CORPUS[0], CORPUS[1])
    assert encoded["input_ids"] == [cls, *a, sep, *b, sep]
    assert encoded["token_type_ids"] == [0] * (len(a) + 2) + [1] * (len(b) + 1)
    encoded = theirs([CORPUS[0], CORPUS[1]], padding=True)
    lengths = [len(a) + 2, len(b) + 2]
    for row, mask, ids, length in zip(
        encoded["input_ids"],
        encoded["attention_mask"],
        (a, b),
        lengths,
        strict=True,
    ):
        padding = max(lengths) - length
        assert row == [cls, *ids, sep] + [ours.pad_id] * padding
        assert mask == [1] * length + [0] * padding
    assert theirs.model_max_length == 29
    for name in ("pad", "cls", "sep", "mask"):
        assert getattr(theirs, f"{name}_token_id") == getattr(
            ours, f"{name}_id"
        )
    assert theirs.unk_token_id == ours.unknown_id


def test_masks_are_masks_there(tokenizers):
    ours, theirs = tokenizers
    ids = theirs("the [MASK] was empty", add_special_tokens=False)["input_ids"]
    assert ids == [
        *ours.encode("the"),
        ours.mask_id,
        *ours.encode("was empty"),
    ]


def test_decoding(tokenizers):
    ours, theirs = tokenizers
    text = "the house by the river"
    assert theirs.decode(ours.encode(text)) == text


def test_its_own_class_where_its_rules_do_not_matter(tokenizers, tmp_path):
    """AlbertTokenizer keeps its own rules whatever the directory says.

    Two grave accents or apostrophes are a quotation mark to it, and a sigma
    that ends a word is an ordinary one.
    """
    ours, _ = tokenizers
    theirs = transformers.AlbertTokenizer.from_pretrained(tmp_path / "x")
    for text in (*CORPUS[:3], '(a) "b" c\'s – d'):
        ids = theirs(text, add_special_tokens=False)["input_ids"]
        assert ids == ours.encode(text), text


@pytest.mark.parametrize("method", ["word_l2r", "original"])
def test_scores_of_sentences(tmp_path, model_file, method):
    """The sums of its own log-probabilities, one sequence at a time."""
    from albert.score.pseudo_likelihood import Scorer

    tokenizer = Tokenizer(model_file)
    model = albert.AlbertPretrainer(
        config_of(
            vocab_size=tokenizer.vocabulary_size, max_position_embeddings=67
        )
    )
    perturb(model)
    albert.save_weights(model, tmp_path / "theirs", "huggingface")
    theirs = opened(transformers.AlbertForPreTraining, tmp_path / "theirs")
    texts = CORPUS[:2]
    wanted = []
    for text in texts:
        ids = tokenizer.encode(text)
        starts = tokenizer.word_start_table()[ids]
        total = 0.0
        for place, id_ in enumerate(ids):
            row = [tokenizer.cls_id, *ids, tokenizer.sep_id]
            row[place + 1] = tokenizer.mask_id
            if method == "word_l2r":
                for other in range(place + 1, len(ids)):
                    if starts[other]:
                        break
                    row[other + 1] = tokenizer.mask_id
            with torch.no_grad():
                logits = theirs(torch.tensor([row])).prediction_logits
            scores = torch.log_softmax(logits[0, place + 1], -1)
            total += float(scores[id_])
        wanted.append(total)
    found = Scorer(model, tokenizer, method).score(texts, texts)
    found = [score.log_likelihood for score in found]
    assert np.abs(np.subtract(found, wanted)).max() < 1e-3
