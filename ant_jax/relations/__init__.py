"""Prior knowledge about objects: pairs that are related, and pairs that are unrelated.

Related pairs exempt entries of T from the penalty (`unpenalized`); unrelated pairs are
penalized for sharing anchors (`negative_penalty`).
"""

from ant_jax.relations.cooccurrence import cooccurrence_counts as cooccurrence_counts
from ant_jax.relations.cooccurrence import most_related as most_related
from ant_jax.relations.cooccurrence import positive_pmi as positive_pmi
from ant_jax.relations.graph import RelationGraph as RelationGraph
from ant_jax.relations.negatives import negative_penalty as negative_penalty
from ant_jax.relations.negatives import overlap as overlap
from ant_jax.relations.negatives import sample_pairs as sample_pairs
from ant_jax.relations.positives import unpenalized as unpenalized
from ant_jax.relations.tags import tag_relations as tag_relations
from ant_jax.relations.wordnet import wordnet_relations as wordnet_relations
