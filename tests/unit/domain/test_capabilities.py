import pytest

from bot.domain.provider import EVERYTHING, Capability, Offer


@pytest.mark.parametrize("capability", sorted(EVERYTHING))
def test_what_is_absent_is_one_sentence(capability: Capability) -> None:
    offer = Offer("Acme", EVERYTHING - {capability})
    assert not offer.has(capability)
    assert offer.absent(capability).startswith("Acme ")
    assert offer.absent(capability).count(".") == 1
