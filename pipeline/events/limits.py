"""How much memory a compressed recording may take: what its bytes can justify, so that a small file stays small."""

# Events of real sensors are compressed to a third or a seventh (npz), those of one flickering pixel to an eighteenth.
EXPANSION = 64
# Any file may expand to this many bytes, and none to more than that: 2^20 and 2^25 events of four int64.
FREE, LARGEST = 1 << 25, 1 << 30


def most_bytes(size: int) -> int:
    """Return how many bytes a compressed file of `size` bytes may expand to."""
    return min(max(FREE, EXPANSION * size), LARGEST)
