"""Fixtures that these tests share with others."""

from tiny_corpus import corpus_folder, one_thread, photos, red_is_subject

__all__ = ["corpus_folder", "one_thread", "photos", "red_is_subject"]
