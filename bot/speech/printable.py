"""What a terminal may show of a text that somebody else wrote."""

_JOINERS = "\u200c\u200d"  # Persian, the scripts of India and joined emoji are written with them


def printable(text: str) -> str:
    """`text` without what moves the cursor, changes colours, hides or reverses: only line ends stay."""
    return "".join(char if char.isprintable() or char in "\n" + _JOINERS else " " for char in text)


def printable_line(text: str) -> str:
    """The same on one line."""
    return printable(text).replace("\n", " ")
