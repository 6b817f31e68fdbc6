# make demo: set up, plan the built-in phantom, say where the report lies.   make test: set up and run the tests.
# make screenshots: pictures of the review page on the demo plan and of the real cases, where they are, in
# demo/screenshots; pictures of the panel for the README.
VENV ?= .venv
OUT ?= demo
BIN = $(VENV)/bin

.PHONY: demo test lint clean screenshots
.DELETE_ON_ERROR:

demo: $(VENV)/.ready-standalone
	$(BIN)/bone-ablation-planner demo --cement --out $(OUT)

test: $(VENV)/.ready-standalone-test
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.ready-standalone-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/.ready-standalone: pyproject.toml tools/setup.sh
	tools/setup.sh $(VENV) standalone

$(VENV)/.ready-standalone-test: pyproject.toml tools/setup.sh
	tools/setup.sh $(VENV) standalone,test

screenshots: $(VENV)/.ready-standalone-test demo
	$(BIN)/python Testing/review/screenshots.py $(OUT) $(OUT)/screenshots
	$(BIN)/python Testing/modules/panel_pictures.py Resources/Screenshots
	$(BIN)/python Testing/workflow/case_pictures.py $(OUT)/screenshots/cases

clean:
	rm -rf $(VENV) $(OUT) build
