"""`python -m experiments.recommendation`."""

from experiments.recommendation.task import Recommendation
from experiments.runner import program

if __name__ == "__main__":
    program.run(Recommendation)
