"""The list of mutations that `make mutants` tries stays applicable."""

import pytest

from scripts.mutants import Mutation, mutations, stale

MUTATIONS = list(mutations())


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_mutation_can_be_tried(mutation: Mutation) -> None:
    assert not stale(mutation)


def test_no_two_have_the_same_name() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
