"""What tests show of an avatar's being an AI, and watchers who were told."""

from bot.domain.disclosure import Disclosed, Disclosures

AI = Disclosures().of("en")
TOLD = Disclosed(AI, lambda _: None)
