"""`python -m experiments.text_classification`."""

from experiments.runner import program
from experiments.text_classification.task import TextClassification

if __name__ == "__main__":
    program.run(TextClassification)
