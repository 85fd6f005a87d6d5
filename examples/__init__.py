"""Short programs that use Vasari, each run by `tests/service/test_examples.py`."""
