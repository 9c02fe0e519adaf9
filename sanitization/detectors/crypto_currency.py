"""Addresses of crypto-currencies, by their checksums."""

from hashlib import sha256

from sanitization.detectors.base import PatternDetector

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class CryptoAddress(PatternDetector):
    """Bitcoin addresses (Base58Check, and Bech32 of BIP 173 and 350) and Ethereum ones.

    The checksum of an Ethereum address is in the case of its letters and takes Keccak to check: 40
    hexadecimal digits behind `0x` are taken as they are.
    """

    rule = "crypto_address"
    aliases = ("CRYPTO",)
    needs = r"\d"
    pattern = (
        r"[^A-Za-z0-9](?P<value>[13][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc|tb)1[02-9ac-hj-np-z]{8,87}"
        r"|(?:BC|TB)1[02-9AC-HJ-NP-Z]{8,87}|0x[0-9A-Fa-f]{40})(?:[^A-Za-z0-9]|$)"
    )

    def accept(self, candidate: str) -> int:
        if candidate.startswith("0x"):
            valid = len(set(candidate)) > 6
        elif candidate[:2].lower() in ("bc", "tb"):
            valid = bech32_valid(candidate.lower())
        else:
            valid = base58_valid(candidate)
        return len(candidate) if valid else 0


def base58_valid(text: str) -> bool:
    """A version byte, 20 bytes, and the first four of a double SHA-256 over them."""
    number = 0
    for char in text:
        number = number * 58 + _BASE58.index(char)
    if number >= 1 << 200:
        return False
    raw = number.to_bytes(25, "big")
    return sha256(sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def bech32_valid(text: str) -> bool:
    """BIP 173, and BIP 350 for the versions of witnesses since 1."""
    prefix, _, data = text.rpartition("1")
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    values += [_BECH32.index(char) for char in data]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for at, term in enumerate(_GENERATOR):
            check ^= term if top >> at & 1 else 0
    return check in (1, 0x2BC830A3)
