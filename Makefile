# make run [MUSIC=folder]   start Starling on this machine (STARLING_DATA_DIR, STARLING_PORT as you like)
# make test                 everything that has to hold before a commit
# make check                lint, types, and whether the files for containers and clusters are what those take
# make bench                how fast it is
# make fuzz                 thousands of made-up requests, and whether the answers are as described
# make lock [UPGRADE=name]  write the lock files anew for pyproject.toml; UPGRADE=all takes the newest of everything
# make audit                known vulnerabilities of what is locked, from a database on the internet
# make sbom                 what the image holds, as CycloneDX, in dist/

SHELL := /bin/sh
.DEFAULT_GOAL := run
.PHONY: run test check lint types tests deploy-files bench fuzz lock audit sbom system-packages kubectl

VENV := .venv
# Dozens of processes start from here, and what none may write down each compiles anew: a second or more of each start.
export PYTHONDONTWRITEBYTECODE :=
TOOLS := $(VENV)/tools
RUN_LOCKS := requirements-build.txt requirements.txt requirements-embedded.txt
DEV_LOCKS := $(RUN_LOCKS) requirements-dev.txt
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)

# As it was given: quotes, spaces and dollar signs are for the shell to keep, not for make to read.
export MUSIC_FOLDER := $(value MUSIC)

run: $(VENV)/run.stamp
	@exec $(VENV)/bin/starling up $${MUSIC_FOLDER:+--music "$$MUSIC_FOLDER"}

# The types are looked at while the tests run, with the time that these leave.
test: system-packages lint
	@$(MAKE) --no-print-directory --jobs 2 types tests

check: lint types deploy-files

lint: $(VENV)/dev.stamp
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/dev.stamp
	nice $(VENV)/bin/mypy

tests: $(VENV)/dev.stamp
	$(VENV)/bin/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder -p no:schemathesis -p no:hypothesispytest

deploy-files: kubectl $(VENV)/dev.stamp
	$(VENV)/bin/pytest --quiet tests/deploy

bench: $(VENV)/dev.stamp
	$(VENV)/bin/python -m tests.benchmarks $${MUSIC_FOLDER:+--music "$$MUSIC_FOLDER"}

fuzz: $(VENV)/dev.stamp
	$(VENV)/bin/python -m tests.fuzzing

lock: $(VENV)/bin/uv
	@$(VENV)/bin/python -m tests.locks.renew $(UPGRADE)

audit: $(VENV)/tools.stamp
	@$(VENV)/bin/python -m tests.locks.audit $(TOOLS)/bin/pip-audit

# The runtime set alone, in an environment of its own; the licences are those that the packages state.
sbom: $(VENV)/tools.stamp
	@rm -rf $(VENV)/image && mkdir -p dist && $(VENV)/bin/python -m venv $(VENV)/image
	@$(call install,$(VENV)/image,requirements.txt)
	@$(VENV)/image/bin/pip uninstall --quiet --yes setuptools pip
	@$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file dist/starling.cdx.json $(VENV)/image/bin/python
	@rm -rf $(VENV)/image && echo "Wrote dist/starling.cdx.json."

# $(call install,environment,locks): what the locks name, if it has the hash that they name, and nothing else.
# uv takes a fraction of the time, but knows nothing of a registry that pip is configured for: then pip does the same.
define install
	set -- --quiet --require-hashes --no-deps --only-binary :all: $(addprefix --requirement ,$(2)); \
	$(VENV)/bin/uv pip install --python $(1)/bin/python "$$@" || { \
		echo "uv could not install that, so pip tries; this takes about a minute."; \
		$(1)/bin/pip install --disable-pip-version-check --no-compile "$$@"; }
endef
INSTALL_STARLING = $(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --no-index --no-deps \
	--no-build-isolation --editable .

# What was installed for one pyproject.toml and its locks is not looked at again until one of them changes.
$(VENV)/run.stamp: pyproject.toml $(RUN_LOCKS) | $(VENV)/bin/uv
	@echo "Installing Starling into $(VENV); this is done once."
	@$(call install,$(VENV),$(RUN_LOCKS))
	@$(INSTALL_STARLING)
	@touch $@

$(VENV)/dev.stamp: pyproject.toml $(DEV_LOCKS) | $(VENV)/bin/uv
	@echo "Installing Starling and what its tests need into $(VENV); this is done once."
	@$(call install,$(VENV),$(DEV_LOCKS))
	@$(INSTALL_STARLING)
	@touch $(VENV)/run.stamp $@

# Kept apart: what they need does not have to agree with what Starling needs.
$(VENV)/tools.stamp: requirements-tools.txt | $(VENV)/bin/uv
	@rm -rf $(TOOLS) && $(VENV)/bin/python -m venv $(TOOLS)
	@$(call install,$(TOOLS),requirements-tools.txt)
	@touch $@

# uv is the only one of the tools that every installation needs.
$(VENV)/bin/uv: requirements-tools.txt | $(VENV)/bin/pip
	@sed -n '/^uv==/,/# via/p' requirements-tools.txt >$(VENV)/uv.txt
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps \
		--only-binary :all: --requirement $(VENV)/uv.txt
	@touch $@

$(VENV)/bin/pip:
	@test -n "$(PYTHON)" || { echo "Starling needs Python 3.11 or newer; install python3 and try again." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { \
			echo "Python's venv module is missing; install it: sudo apt-get install python3-venv" >&2; exit 1; }; \
		echo "Installing python3-venv."; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && apt-get install -qq --no-install-recommends python3-venv >/dev/null; }
	@rm -rf $(VENV)
	@"$(PYTHON)" -m venv $(VENV)

# Programs that only tests use. As root they are installed, with no service started; others are told what to install.
define install-missing
	test -z "$$missing" && exit 0; \
	if test "$$(id -u)" != 0; then \
		echo "The tests need more system packages; install them: sudo apt-get install$$missing" >&2; exit 1; fi; \
	echo "Installing$$missing."; \
	export DEBIAN_FRONTEND=noninteractive; \
	if test ! -e /usr/sbin/policy-rc.d; then \
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT; \
		printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; fi; \
	apt-get update -qq && apt-get install -qq --no-install-recommends $$missing >/dev/null
endef

system-packages:
	@missing=; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	/sbin/ldconfig -p | grep -q 'libchromaprint\.so\.1' || missing="$$missing libchromaprint1"; \
	command -v kubectl >/dev/null || missing="$$missing kubernetes-client"; \
	$(install-missing)

kubectl:
	@missing=; \
	command -v kubectl >/dev/null || missing=" kubernetes-client"; \
	$(install-missing)
