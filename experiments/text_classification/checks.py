"""What the settings ask for against what the data have room for."""

from experiments.text_classification.configs import Config


def check_sizes(config: Config, num_words: int) -> None:
    """Refuses sizes that a vocabulary is too small for.

    Args:
      config: the settings.
      num_words: size V of the vocabulary.

    Raises:
      ValueError: there are fewer words than anchors, clusters, codes or words to keep
        are asked for, or the parts of a vector are not of one length.
    """
    own = config.kept_words if config.method == "mixed_cluster" else 0
    limits = {
        "ant": {"anchors": num_words},
        "anchor_mixture": {"anchors": num_words, "mixture_anchors": num_words},
        "cluster": {"clusters": num_words},
        "cluster_adjustment": {"clusters": num_words},
        "mixed_cluster": {"kept_words": num_words - 1, "clusters": num_words - own},
        "most_frequent": {"kept_words": num_words},
        "tf_idf": {"kept_words": num_words},
        "sparse_coding": {"anchors": num_words},
        "product_quantization": {"codes": num_words},
    }
    for name, most in limits.get(config.method, {}).items():
        what = f"at most {most} in a vocabulary of {num_words} words"
        config.require(name, getattr(config, name) <= most, what)
    if config.method == "product_quantization":
        divides = config.features % config.code_groups == 0
        what = f"a divisor of the {config.features} features"
        config.require("code_groups", divides, what)
