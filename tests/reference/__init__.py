"""The reference: parts of the documents that are made from the code. `python -m tests.reference` writes them."""
