"""`python -m experiments.recommendation`."""

from experiments.recommendation.main import run

if __name__ == "__main__":
    run()
