"""Fixtures that these tests share with others."""

from tiny_corpus import corpus_folder, lasting_corpus, one_thread, packed, red_is_subject

__all__ = ["corpus_folder", "lasting_corpus", "one_thread", "packed", "red_is_subject"]
