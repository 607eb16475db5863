# `make demo` and `make test` are all that is needed. Each sets up what it needs.
PYTHON ?= python3.11
DEMO := demo
BIN := .venv/bin
ICU := .venv-icu
BEAM := .venv-beam
PEERS := .venv-peers
EXTRAS := .venv-extras
OLDEST := .venv-oldest
# A file of tests is one process's: its tests share models. Each takes up to
# 8 GB, hence the limit.
PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=loadfile

# Makes the environment of a target, with files of requirements one after the
# other, and this package.
define install
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --upgrade pip
	for file in $(1); do \
	    $(@D)/bin/python -m pip install --quiet --requirement $$file \
	    || exit; done
	$(@D)/bin/python -m pip install -qq --no-deps --no-build-isolation \
	    --editable .
	touch $@
endef

.PHONY: demo test test-slow test-oldest test-peers test-extras test-icu \
    test-beam lint format setup clean-demo

setup: .venv/.installed

.venv/.installed: requirements.txt pyproject.toml setup.py
	$(call install,requirements.txt)

# The main job: plain text to a pretrained ALBERT, in minutes.
demo: setup
	$(BIN)/python data/create_vocabulary.py --overwrite \
	    --input_file='data/sample/train/*.txt' \
	    --output_prefix=$(DEMO)/vocabulary --vocab_size=4000
	$(BIN)/python data/create_pretraining_data.py --overwrite \
	    --input_file='data/sample/train/*.txt' \
	    --output_file=$(DEMO)/train.tfrecord --num_shards=4 \
	    --spm_model_file=$(DEMO)/vocabulary.model --num_workers=2 \
	    --max_seq_length=64 --max_predictions_per_seq=10 \
	    --masking=dynamic --dupe_factor=10
	$(BIN)/python data/create_pretraining_data.py --overwrite \
	    --input_file='data/sample/eval/*.txt' \
	    --output_file=$(DEMO)/eval.tfrecord \
	    --spm_model_file=$(DEMO)/vocabulary.model \
	    --max_seq_length=64 --max_predictions_per_seq=10 --dupe_factor=1
	$(BIN)/python run_pretraining.py --recipe=budget --model_size=tiny \
	    --input_file='$(DEMO)/train-*.tfrecord' \
	    --eval_input_file=$(DEMO)/eval.tfrecord \
	    --output_dir=$(DEMO)/model --train_batch_size=32 \
	    --num_train_steps=1000 --save_checkpoints_steps=250
	$(BIN)/albert fill-mask $(DEMO)/model \
	    --text_file='data/sample/eval/*.txt' --num_sentences=6
	$(BIN)/python run_classifier.py --task_name=tsv \
	    --data_dir=data/sample/classification \
	    --init_checkpoint=$(DEMO)/model --output_dir=$(DEMO)/classifier \
	    --do_train --do_eval --do_predict
	$(BIN)/albert export $(DEMO)/classifier $(DEMO)/serving \
	    --format=serving --overwrite
	@echo 'In a process without this package:'
	@TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -I data/sample/ask_saved_model.py \
	    $(DEMO)/serving 'The doctor came down the garden path to meet her.' \
	    2> $(DEMO)/ask.log || { cat $(DEMO)/ask.log; exit 1; }
	@echo
	@echo "The model directories are $(DEMO)/model, which was pretrained, and"
	@echo "$(DEMO)/classifier, which tells who wrote a passage. Try them:"
	@echo '  . .venv/bin/activate'
	@echo '  albert serve $(DEMO)/classifier     then http://127.0.0.1:8000/'
	@echo '  albert serve $(DEMO)/model          the same for masked words'
	@echo '  albert fill-mask $(DEMO)/model "She [MASK] at the sea."'
	@echo '  albert curves $(DEMO)/curves.png $(DEMO)/model'
	@echo '  tensorboard --logdir=$(DEMO)/model/tensorboard'

clean-demo:
	rm -rf $(DEMO)

test: setup
	$(BIN)/python -m pytest $(PARALLEL)

test-slow: setup
	$(BIN)/python -m pytest $(PARALLEL) -m slow

# With TensorFlow 2.20, the oldest that is supported and the newest for TPUs.
# What no version of it can change is left out.
WITHOUT_TENSORFLOW := $(filter-out %/test_wordpiece_training.py, $(wildcard \
    tests/text/test_*.py tests/tasks/test_*.py tests/tasks/*/test_*.py))

test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest $(PARALLEL) \
	    $(WITHOUT_TENSORFLOW:%=--ignore=%)

$(OLDEST)/.installed: requirements.txt requirements-tensorflow-2.20.txt \
    pyproject.toml setup.py
	$(call install,requirements.txt requirements-tensorflow-2.20.txt)

# With torch, transformers and keras-hub, in an environment of their own.
test-peers: $(PEERS)/.installed
	$(PEERS)/bin/python -m pytest $(PARALLEL) tests/peers

$(PEERS)/.installed: requirements.txt requirements-peers.txt pyproject.toml \
    setup.py
	$(call install,requirements-peers.txt)

# With the optional packages that read other files of text, find its words,
# compute BLEU and ROUGE, and run exported files (OpenVINO, ONNX Runtime).
test-extras: $(EXTRAS)/.installed
	$(EXTRAS)/bin/python -m pytest $(PARALLEL) tests/extras

$(EXTRAS)/.installed: requirements.txt requirements-extras.txt \
    pyproject.toml setup.py
	$(call install,requirements-extras.txt)

# With PyICU, which is compiled for the ICU of the machine.
test-icu: $(ICU)/.installed
	$(ICU)/bin/python -m pytest tests/icu

$(ICU)/.installed: requirements.txt requirements-icu.txt pyproject.toml setup.py
	$(call install,requirements-icu.txt)

# With Apache Beam, which wants an older protobuf.
test-beam: $(BEAM)/.installed
	$(BEAM)/bin/python -m pytest tests/beam

$(BEAM)/.installed: requirements.txt requirements-beam.txt pyproject.toml \
    setup.py
	$(call install,requirements.txt requirements-beam.txt)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
