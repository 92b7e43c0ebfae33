"""Keys can be rotated: what an old one wrote still opens, the new one writes, and an unknown one is named as the cause."""

import msgspec
import pytest
from cryptography.fernet import Fernet, InvalidToken

from bot.domain.errors import SettingsError
from bot.storage.encryption import Cipher, decrypt, encrypt


def new_key() -> str:
    return Fernet.generate_key().decode()


OLD, NEW = new_key(), new_key()


def test_what_the_old_key_wrote_still_opens_after_a_rotation() -> None:
    assert Cipher((NEW, OLD)).decrypt(Cipher((OLD,)).encrypt(b"a secret")) == b"a secret"


def test_the_first_key_writes() -> None:
    encrypted = Cipher((NEW, OLD)).encrypt(b"a secret")
    assert Fernet(NEW).decrypt(encrypted) == b"a secret"
    with pytest.raises(InvalidToken):
        Fernet(OLD).decrypt(encrypted)


def test_what_an_unknown_key_wrote_says_which_setting_is_wrong() -> None:
    with pytest.raises(SettingsError, match="set AVATARBOT_SECRET_KEYS to the keys it was written with"):
        Cipher((NEW,)).decrypt(Cipher((OLD,)).encrypt(b"a secret"))


def test_a_bad_key_is_explained_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="avatarbot db new-key") as refused:
        Cipher((NEW, "my-password"))
    assert "my-password" not in str(refused.value)


def test_a_secret_is_not_in_what_is_stored() -> None:
    assert b"a secret" not in Cipher((NEW,)).encrypt(b"a secret")


def test_a_value_comes_back_as_it_was() -> None:
    cipher = Cipher((NEW,))
    assert decrypt(cipher, encrypt(cipher, {"name": "Ann"}), msgspec.json.Decoder(dict[str, str])) == {"name": "Ann"}
