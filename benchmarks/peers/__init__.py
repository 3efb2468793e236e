"""The peers, each through its public interface at its best documented settings, one module each."""
