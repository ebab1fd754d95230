# The commands live in dev.py, so that they are the same on Windows (py dev.py demo).
# Further arguments: make test ARGS="-k lock"
PYTHON ?= python3

.PHONY: demo test thorough drill bench score fuzz chaos gallery lint audit
demo test thorough drill bench score fuzz chaos gallery lint audit:
	@$(PYTHON) dev.py $@ $(ARGS)
