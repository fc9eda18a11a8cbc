"""Model files -> facts, without importing TensorFlow.

:func:`envdiff.model.facts.model_facts` gives the facts of one path for a fingerprint,
:func:`envdiff.model.show.describe` the same for a reader, :func:`envdiff.model.compare.diff` what changed between two.
"""
